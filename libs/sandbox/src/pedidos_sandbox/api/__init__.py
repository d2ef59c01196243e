"""What the sandbox answers over HTTP, one file a resource."""
