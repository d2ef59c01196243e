"""How soon things begin: jobs at rest, tiny runs, the status page, the barrier."""
