"""What metrics and traces cost."""
