"""What makes NVIDIA's components run, and how they are wired."""
