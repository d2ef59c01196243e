"""How many batches should write at once: constants beside the limit that workers find."""
