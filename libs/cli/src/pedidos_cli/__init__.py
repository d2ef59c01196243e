"""The `pedidos` command: a local stack, its client and its audit."""
