"""What an order costs as runs grow, by batch size and by number of processes."""
