"""Autoscalers that stand in objects of their own, and how far they let what they target grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gpulint.frozen import frozen
from gpulint.graph.scope import nearest
from gpulint.kube.kinds import PodTemplate
from gpulint.kube.tree import integer, is_placeholder, mapping, text
from gpulint.manifest import Manifest, api_group

_KEDA_MOST = 100
"""kedacore/keda apis/keda/v1alpha1/scaledobject_types.go (defaultHPAMaxReplicas)."""


@frozen
class _Scaler:
    manifest: Manifest
    namespace: str
    group: str
    """Of what it targets; empty where it does not say."""
    most: int | None


class Scaling:
    """The HorizontalPodAutoscalers and KEDA ScaledObjects of a scope."""

    def __init__(self, manifests: Iterable[Manifest], namespaces: Mapping[str, str]) -> None:
        """Take the objects of the scope; `namespaces` maps a file to its kustomization's."""
        self._namespaces = namespaces
        self._by_target: dict[tuple[str, str], list[_Scaler]] = {}
        for manifest in manifests:
            if _is_scaler(manifest):
                self._add(manifest)

    def most(self, manifest: Manifest, template: PodTemplate) -> int | None:
        """Pods that may exist at once, as far as the input tells; None when it does not."""
        scalers = self._of(manifest)
        if not scalers or template.per_replica is None:
            return template.most
        bounds = {each.most for each in scalers}
        bound = bounds.pop() if len(bounds) == 1 else None
        return None if bound is None else bound * template.per_replica

    def _of(self, manifest: Manifest) -> tuple[_Scaler, ...]:
        """The scalers that target an object: the nearest where several are named alike."""
        named = self._by_target.get((manifest.kind, manifest.name), ()) if manifest.name else ()
        namespace = self._namespace(manifest)
        fitting = [
            each for each in named if each.group in {"", manifest.group} and may_be_same(each.namespace, namespace)
        ]
        return nearest(manifest.folder(), fitting, lambda each: each.manifest.folder()).items

    def _add(self, manifest: Manifest) -> None:
        target = mapping(manifest.get("spec", "scaleTargetRef"))
        is_keda = manifest.kind == "ScaledObject"
        kind = text(target.get("kind")) or ("Deployment" if is_keda else "")
        written = manifest.get("spec", "maxReplicaCount" if is_keda else "maxReplicas")
        most = _KEDA_MOST if is_keda and written is None else integer(written)
        group = api_group(text(target.get("apiVersion")))[0]
        scaler = _Scaler(manifest, self._namespace(manifest), group, most)
        self._by_target.setdefault((kind, text(target.get("name"))), []).append(scaler)

    def _namespace(self, manifest: Manifest) -> str:
        return manifest.namespace or self._namespaces.get(manifest.document.source.path, "")


def may_be_same(one: str, other: str) -> bool:
    """Whether two namespaces are the same as far as is known."""
    return one == other or not one or not other or is_placeholder(one) or is_placeholder(other)


def _is_scaler(manifest: Manifest) -> bool:
    return (manifest.group, manifest.kind) in {("autoscaling", "HorizontalPodAutoscaler"), ("keda.sh", "ScaledObject")}
