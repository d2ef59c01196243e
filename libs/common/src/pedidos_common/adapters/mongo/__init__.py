"""The only place that imports the MongoDB driver (PyMongo's own asynchronous API)."""
