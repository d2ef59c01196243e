"""The worker: processes batches of orders with the shop's order handler."""
