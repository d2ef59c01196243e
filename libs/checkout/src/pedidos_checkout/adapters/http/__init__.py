"""Providers that speak HTTP."""
