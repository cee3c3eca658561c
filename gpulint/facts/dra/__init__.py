"""Dynamic Resource Allocation: claims, templates, classes, parameters."""
