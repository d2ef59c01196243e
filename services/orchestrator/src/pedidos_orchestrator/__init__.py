"""The orchestrator: HTTP API, run engine and reconciler."""
