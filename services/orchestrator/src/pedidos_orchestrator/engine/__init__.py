"""The run engine and what acts beside it, on the one replica that leads."""
