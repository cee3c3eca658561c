"""Ways past the accounting of GPUs."""
