"""In-memory ports, used by tests only."""
