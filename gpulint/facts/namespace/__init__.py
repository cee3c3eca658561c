"""Limits, quotas and policies of namespaces."""
