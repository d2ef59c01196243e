"""The job functions of a checkout."""
