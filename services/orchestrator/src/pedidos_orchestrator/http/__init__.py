"""What surrounds every request: guards, limits, problems, observation."""
