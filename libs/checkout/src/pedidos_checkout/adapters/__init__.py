"""What is outside, behind the ports."""
