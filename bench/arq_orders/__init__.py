"""The same work as plain arq users would write it: one arq job an order, tuned by its settings."""
