"""Checkout: orders placed live, as jobs on the ledger."""
