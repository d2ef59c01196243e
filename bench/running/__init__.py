"""What benches run on and read: servers, services, runs, processor time and memory."""
