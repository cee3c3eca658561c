"""How GPUs are shared, and who meets on one."""
