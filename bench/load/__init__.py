"""Checkouts placed live: how fast they are answered, and what becomes of them."""
