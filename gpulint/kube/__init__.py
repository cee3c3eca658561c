"""Kubernetes semantics on plain data: quantities, selectors, taints, and where the pod templates of a kind are."""
