"""Knowledge of GPU hardware and of the components that hand GPUs out: pure functions on plain data."""
