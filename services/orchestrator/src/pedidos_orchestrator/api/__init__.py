"""The routes, one file a resource: they read a request, call a use case, and shape its answer."""
