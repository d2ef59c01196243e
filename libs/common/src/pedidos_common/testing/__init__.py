"""In-memory ports, a clock that tests move, and builders. Used by tests only."""
