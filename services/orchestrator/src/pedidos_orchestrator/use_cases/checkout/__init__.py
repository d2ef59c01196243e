"""Checkout: taken in by one durable write, begun right behind it, or done here when queues are long."""
