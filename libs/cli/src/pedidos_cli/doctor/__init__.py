"""What `pedidos doctor` looks at."""
