"""Where pods may run, and whether there is room."""
