"""How containers ask for GPUs."""
