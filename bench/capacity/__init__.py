"""What a day's orders need, simulated from measured costs and checked by measured runs."""
