"""What the command line itself asks the servers; nothing else here imports their drivers."""
