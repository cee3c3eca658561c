"""What a file is, by its place in the tree and by its content."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Role: TypeAlias = Literal[
    "manifests", "helm-template", "helm-values", "chart", "kustomization", "patch", "shell", "machines", "other"
]
"""`machines`: no objects, but configuration of machines that become nodes (Talos, k3s, cluster-toolkit)."""

CHART_FILE = "Chart.yaml"
KUSTOMIZATION_NAMES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})

_VALUES = re.compile(r"values[^/]*\.(?:ya?ml|json)")
_MACHINE_WORDS = (b"nodeLabels", b"nodeTaints", b"node-label", b"node-taint", b"gke-node-pool")
_MACHINES = re.compile(
    rb"^(?:machine|node-label|node-taint|deployment_groups|talosVersion)[ \t]*:"
    rb"|^[ \t]*type:[ \t]*ConfigPatches\.omni\.|^[ \t]+inline:[ \t]*\n[ \t]+machine:",
    re.M,
)
_KUSTOMIZE_VERSION = re.compile(rb"^apiVersion:[ \t]*[\"']?kustomize\.config\.k8s\.io/", re.M)
_KUSTOMIZE_KIND = re.compile(rb"^kind:[ \t]*[\"']?(?:Kustomization|Component)\b", re.M)


def role_by_name(name: str, in_chart: str | None) -> Role:
    """What a file is as far as its name and its path inside the nearest Helm chart tell."""
    if in_chart is not None:
        role = _role_in_chart(in_chart)
        if role is not None:
            return role
    if name in KUSTOMIZATION_NAMES:
        return "kustomization"
    return "shell" if name.endswith(".sh") else "manifests"


def is_named_values(path: str) -> bool:
    """Whether a file calls itself values of a chart."""
    return "values" in path.rpartition("/")[2].lower()


def is_kustomization(data: bytes) -> bool:
    """Whether the content is that of a kustomization under another name."""
    if b"kustomize.config.k8s.io/" not in data:
        return False
    return _KUSTOMIZE_VERSION.search(data) is not None and _KUSTOMIZE_KIND.search(data) is not None


def is_machine_config(data: bytes) -> bool:
    """Whether the content configures machines and says something of the nodes they become."""
    return any(word in data for word in _MACHINE_WORDS) and _MACHINES.search(data) is not None


def is_encrypted(data: bytes) -> bool:
    """Whether SOPS has encrypted the file."""
    return b"ENC[AES256_GCM" in data and b"sops" in data


def _role_in_chart(path: str) -> Role | None:
    """None for what is plain YAML in a chart: `crds/`, files of its own."""
    first, _, rest = path.partition("/")
    if rest:
        return {"templates": "helm-template", "ci": "helm-values"}.get(first)  # type: ignore[return-value]
    if path == CHART_FILE:
        return "chart"
    return "helm-values" if _VALUES.fullmatch(path) else None
