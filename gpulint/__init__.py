"""gpulint: a policy linter and static analyzer for repositories of Kubernetes YAML that use GPUs."""

__version__ = "0.1.0"
