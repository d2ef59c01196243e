"""Stores on MongoDB."""
