"""Labels of GPU nodes by which pods, flavors and runtime classes choose their nodes: can a node have them?"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from gpulint.facts.candidates import certainty, least
from gpulint.facts.patched import patched
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.gpu.catalog import Gpu, by_product_label
from gpulint.gpu.discovery import Never, bound_never_met, family_of, key_never_set, value_never_set
from gpulint.graph import Graph
from gpulint.graph.govern import PLUGIN_CONFIG_LABEL, govern
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import PRODUCT, Label, NodeGroup, with_hardware
from gpulint.graph.offers import FULL_GPU, SHARED, offers
from gpulint.graph.value_pods import ValueSelector, value_selectors
from gpulint.graph.workloads import Workload
from gpulint.kube.selectors import LabelSet, Placement, Requirement, selector_requirements
from gpulint.manifest import Manifest, Place, place_key
from gpulint.source import Source

_GPU_LABELS = (
    "nvidia.com/",
    "feature.node.kubernetes.io/pci-",
    "cloud.google.com/gke-",
    "karpenter.k8s.aws/instance-gpu-",
    "eks.amazonaws.com/instance-gpu-",
)
_ASKING = frozenset({"In", "Exists", "Gt", "Lt"})
_FAMILY = "nvidia.com/gpu.family"
_COMPUTE_MAJOR = "nvidia.com/gpu.compute.major"
_LABEL_HOLDERS = frozenset({"labels", "nodelabels", "node-labels", "node_labels", "extralabels", "nodetemplatelabels"})
"""Keys of mappings that give labels to nodes, in whatever object, in lower case."""
_DISCOVERY_WORDS = ("gpu-feature-discovery", "gfd.enabled=true")


@frozen
class Selection:
    """A label of GPU nodes by which a pod, a ResourceFlavor, a RuntimeClass or a chart's values choose nodes."""

    cluster: str
    user: str
    """Who asks: `Deployment tenant-a/server`, `ResourceFlavor t4`."""
    key: str
    operator: str
    """In, NotIn, Exists, DoesNotExist, Gt or Lt; In for a line of `nodeSelector` or `nodeLabels`."""
    wanted: str
    """The label with its values, as written: `nvidia.com/gpu.product 'Tesla-T4' or 'NVIDIA-L4'`."""
    never: str
    """What no component ever sets and nothing in the input declares: `key`, `value` (every value that is asked for), or
    `pair` (the value on nodes with the product that is selected too); empty where a node may have it."""
    reason: str
    """Why, as a clause: `GPU feature discovery writes 'single' or 'mixed'`."""
    suggestion: str
    """The key or value that was probably meant; empty without a guess."""
    confidence: str
    """How sure that is."""
    changed: str
    """The value that sharing or MIG makes of the product on all nodes that are meant; empty where it does not."""
    changed_by: str
    """What makes it so: `'default' of ConfigMap plugin-config`."""
    changed_confidence: str
    place: Place
    """The value, or the key where that is wrong."""
    other_place: Place
    """The other half of the pair, or where the sharing is decided; else the place itself."""


@frozen
class _User:
    """Who selects nodes, with the ways to satisfy the selection: in each, all requirements must hold."""

    label: str
    holder: Workload | Manifest | ValueSelector
    root: tuple[str | int, ...]
    """Of the paths of the requirements."""
    ways: tuple[tuple[Requirement, ...], ...]
    flavor: NodeGroup | None = None
    sure: Confidence = "high"
    """How sure it is that pods get the selection as it is written."""

    def place(self, path: Sequence[str | int], *, key: bool = False) -> Place:
        if isinstance(self.holder, Workload):
            place = self.holder.spec_place(tuple(path))
        elif isinstance(self.holder, ValueSelector):
            place = self.holder.root.below(*path)
        else:
            place = self.holder.place(*self.root, *path)
        return place.keyed() if key else place


def selections(graph: Graph) -> Iterator[Selection]:
    """Every such label, in the order of the input; of alternatives that one says nothing of, where another may hold."""
    declared = _Declared(graph)
    spoken: set[Hashable] = set()
    for user in (*_pods(graph), *_flavors(graph), *_runtime_classes(graph), *_values(graph)):
        seen: set[Requirement] = set()
        dead = [_dead(way, declared) for way in user.ways]
        hopeless = all(dead)
        for way, reasons in zip(user.ways, dead, strict=True):
            for requirement in way:
                if requirement in seen or requirement.uncertain or not requirement.key.startswith(_GPU_LABELS):
                    continue
                seen.add(requirement)
                never = reasons.get(requirement) if hopeless else None
                idle = _idle(requirement, declared)
                found = _selection(graph, user, way, requirement, never or idle)
                told = isinstance(user.holder, ValueSelector) and place_key(found.place) in spoken  # by the pods of it
                spoken.add(place_key(found.place))
                if not told:
                    yield found


# --- who selects ------------------------------------------------------------------------------------------------------


def _pods(graph: Graph) -> Iterator[_User]:
    changes = patched(graph)
    for workload in graph.pods:
        placement = workload.placement
        if not placement.requirements:
            continue
        terms = placement.terms if placement.has_affinity else ((),)
        ways = tuple((*placement.node_selector, *term) for term in terms)
        manifest = workload.manifest
        namespace = f"{workload.namespace}/" if workload.namespace else ""
        label = f"{manifest.kind} {namespace}{manifest.name or '(no name)'}"
        sure: Confidence = "high" if workload.template.kind else "medium"
        if changes.pod(workload, "nodeSelector", "affinity"):
            sure = "low"
        yield _User(label, workload, (), ways, sure=sure)


def _flavors(graph: Graph) -> Iterator[_User]:
    """Kueue adds a flavor's labels to the `nodeSelector` of the pods that it admits."""
    flavors = (group for group in graph.nodes.groups if group.kind == "ResourceFlavor")
    groups = {(id(group.source), group.name): group for group in flavors}
    for manifest in graph.of_kind("ResourceFlavor", "kueue.x-k8s.io"):
        group = groups.get((id(manifest.document.source), manifest.name))
        yield _by_labels(manifest, ("spec", "nodeLabels"), group)


def _runtime_classes(graph: Graph) -> Iterator[_User]:
    for manifest in graph.of_kind("RuntimeClass", "node.k8s.io"):
        yield _by_labels(manifest, ("scheduling", "nodeSelector"), None)


def _values(graph: Graph) -> Iterator[_User]:
    """Charts copy a `nodeSelector` of their values into pods."""
    for selector in value_selectors(graph.manifests, graph.scope.sources):
        ways = (selector_requirements(selector.lines),)
        yield _User(selector.label, selector, (), ways, sure="medium")


def _by_labels(manifest: Manifest, root: tuple[str, ...], flavor: NodeGroup | None) -> _User:
    ways = (selector_requirements(manifest.get(*root)),)
    return _User(f"{manifest.kind} {manifest.name or '(no name)'}", manifest, root, ways, flavor)


# --- what no node has -------------------------------------------------------------------------------------------------


def _dead(way: Sequence[Requirement], declared: _Declared) -> Mapping[Requirement, _Verdict]:
    """The requirements of one way that no node meets, each with the reason."""
    found: dict[Requirement, _Verdict] = {}
    for requirement in way:
        if requirement.uncertain or requirement.is_field:
            continue
        verdict = _unmet(requirement, declared) or _unmet_beside(requirement, way, declared)
        if verdict is not None:
            found[requirement] = verdict
    return found


@frozen
class _Verdict:
    never: Never
    beside: Requirement | None = None
    """The other half of a pair."""


def _unmet(requirement: Requirement, declared: _Declared) -> _Verdict | None:
    if requirement.operator not in _ASKING:
        return None
    never = key_never_set(requirement.key)
    if never is None and requirement.operator == "In":
        never = _all_never(requirement)
    elif never is None and requirement.operator in {"Gt", "Lt"}:
        never = bound_never_met(requirement.key, requirement.values[0]) if len(requirement.values) == 1 else None
    if never is None or declared.may_have(requirement, never.what):
        return None
    return _Verdict(never)


def _idle(requirement: Requirement, declared: _Declared) -> _Verdict | None:
    """What is excluded, but is on no node anyway."""
    if requirement.operator != "NotIn" or key_never_set(requirement.key) is not None:
        return None
    never = _all_never(requirement)
    return None if never is None or declared.may_have(requirement, never.what) else _Verdict(never)


def _all_never(requirement: Requirement) -> Never | None:
    """The reason for the first value, where every value has one; as sure as the least sure of them."""
    found = [value_never_set(requirement.key, value) for value in requirement.values]
    known = [each for each in found if each is not None]
    if not known or len(known) < len(found):
        return None
    return replace(known[0], sure=least(*(each.sure for each in known)))


def _unmet_beside(requirement: Requirement, way: Sequence[Requirement], declared: _Declared) -> _Verdict | None:
    """A family or compute capability that GPUs of the product that is selected beside it do not have."""
    if requirement.key not in {_FAMILY, _COMPUTE_MAJOR} or requirement.operator != "In":
        return None
    beside = next((each for each in way if each.key == PRODUCT and each.operator == "In"), None)
    if beside is None or beside.uncertain or declared.may_have(requirement, "value"):
        return None
    gpus = [_board(value) for value in beside.values]
    told = {_told(gpu, requirement.key) for gpu in gpus if gpu is not None}
    if None in gpus or "" in told or not told.isdisjoint(requirement.values):
        return None
    names = ", ".join(sorted({gpu.name for gpu in gpus if gpu is not None}))
    right = sorted(told)
    never = Never(
        "value", f"it is {' or '.join(map(repr, right))} on nodes with {names}", right[0] if len(right) == 1 else ""
    )
    return _Verdict(never, beside)


def _board(value: str) -> Gpu | None:
    product = by_product_label(value)
    return product.gpu if product.certain and product.produced else None


def _told(gpu: Gpu, key: str) -> str:
    if key == _FAMILY:
        return family_of(gpu)
    return str(gpu.compute_capability[0]) if gpu.compute_capability else ""


class _Declared:
    """Labels that somebody in the input gives to nodes."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[tuple[str, str], bool] = {}

    def may_have(self, requirement: Requirement, what: str) -> bool:
        """Whether nodes are given the key, or one of the values, by whatever the input holds."""
        values = requirement.values if what == "value" else ("",)
        return any(self._may_have(requirement.key, value) for value in values)

    def _may_have(self, key: str, value: str) -> bool:
        known = self._known.get((key, value))
        if known is None:
            known = self._known[key, value] = self._in_groups(key, value) or self._in_texts(key, value)
        return known

    def _in_groups(self, key: str, value: str) -> bool:
        """On declared nodes and pools; the labels of flavors only say what Kueue asks for."""
        for group in self._graph.nodes.groups:
            if group.conditional:
                continue
            possible = group.possible.possible(key)
            if possible and (not value or value in possible):
                return True
        return False

    def _in_texts(self, key: str, value: str) -> bool:
        """In whatever else labels nodes: scripts, arguments of kubelets, rules for feature discovery, simulators."""
        pair = f"{key}={value}"
        product = re.compile(rf"gpu-?product[\"']?\s*:\s*[\"']?{re.escape(value)}\b", re.I)
        for source in self._graph.scope.sources:
            if pair in source.text or (key == PRODUCT and value and product.search(source.text)):
                return True
            if key in source.text and any(_labels_nodes(data, key, value) for data in _data(source, key)):
                return True
        return False


def _data(source: Source, key: str) -> Iterator[object]:
    for document in source.documents():
        if document.matters and document.kind != "ResourceFlavor" and key in document.text:
            yield document.data()


def _labels_nodes(data: object, key: str, value: str, holder: str = "") -> bool:
    """Whether some mapping under a key such as `labels` has the label."""
    if isinstance(data, Mapping):
        if holder.lower() in _LABEL_HOLDERS and key in data and value in {"", str(data[key])}:
            return True
        return any(_labels_nodes(member, key, value, str(name)) for name, member in data.items())
    if isinstance(data, list):
        return any(_labels_nodes(member, key, value, holder) for member in data)
    return False


def _selection(
    graph: Graph, user: _User, way: Sequence[Requirement], requirement: Requirement, verdict: _Verdict | None
) -> Selection:
    never = verdict.never if verdict else None
    place = _place(user, requirement, never)
    changed = _Changed("", "", "low", place)
    if never is None and requirement.key == PRODUCT and requirement.operator == "In" and len(user.ways) == 1:
        changed = _changed(graph, user, way, requirement) or changed
    beside = verdict.beside if verdict else None
    return Selection(
        cluster=graph.scope.name,
        user=user.label,
        key=requirement.key,
        operator=requirement.operator,
        wanted=_wanted(requirement),
        never="pair" if beside else never.what if never else "",
        reason=never.reason if never else "",
        suggestion=never.suggestion if never else "",
        confidence=least(never.sure if never else "low", user.sure),
        changed=changed.value,
        changed_by=changed.by,
        changed_confidence=least(changed.confidence, user.sure),
        place=place,
        other_place=user.place(beside.value_path) if beside else changed.place,
    )


def _wanted(requirement: Requirement) -> str:
    sign = {"Gt": ">", "Lt": "<"}.get(requirement.operator, "")
    return " ".join(filter(None, (requirement.key, sign, " or ".join(map(repr, requirement.values)))))


def _place(user: _User, requirement: Requirement, never: Never | None) -> Place:
    if never is None or never.what == "value":
        return user.place(requirement.value_path)
    in_affinity = requirement.path[:1] == ("affinity",)
    return user.place((*requirement.path, "key")) if in_affinity else user.place(requirement.path, key=True)


# --- what sharing makes of a product ----------------------------------------------------------------------------------


@frozen
class _Changed:
    value: str
    by: str
    confidence: Confidence
    place: Place


def _changed(graph: Graph, user: _User, way: Sequence[Requirement], requirement: Requirement) -> _Changed | None:
    """What the nodes' label becomes, where every node that can be meant gets another than those that are asked for."""
    wanted = requirement.values
    if len(wanted) != 1 or not _is_plain_product(wanted[0]) or isinstance(user.holder, ValueSelector):
        return None
    found = _meant(graph, user, way, requirement, _board(wanted[0]))
    becomes = [_product_label(candidate, wanted[0]) for candidate in found]
    if not found or any(label in {"", wanted[0]} for label in becomes) or len(set(becomes)) != 1:
        return None
    sure = least(*(_sureness(graph, candidate, way) for candidate in found))
    offer = found[0].offers.get(FULL_GPU)
    governed = found[0].governed
    by = f"'{governed.entry.key}' of {governed.configs.holder.label}" if governed.entry and governed.configs else ""
    if not by and governed.layout is not None:
        by = f"the MIG configuration '{governed.layout.name}'"
    place = offer.place if offer and offer.place else governed.layout.place if governed.layout else None
    return None if place is None else _Changed(becomes[0], by, sure, place)


def _is_plain_product(value: str) -> bool:
    """Whether it is what unshared and uncut boards are called; also of boards that are not in the catalogue."""
    gpu = _board(value)
    if gpu is not None:
        return value in gpu.product_labels
    product = by_product_label(value)
    known = product.gpu is not None or not product.certain or not product.produced
    return not known and _BOARD_NAME.fullmatch(value) is not None


_BOARD_NAME = re.compile(
    r"(?:NVIDIA-(?:GeForce|RTX|TITAN|Quadro)|GeForce|Quadro|TITAN|Tesla)-(?!.*(?:-SHARED$|-MIG-)).+"
)
"""As drivers spell boards for workstations, of which there are more than the catalogue has."""


def _meant(
    graph: Graph, user: _User, way: Sequence[Requirement], requirement: Requirement, gpu: Gpu | None
) -> Sequence[Candidate]:
    """The declared nodes with the product that the rest of the selection does not exclude, else what it says itself."""
    rest = tuple(each for each in way if each is not requirement)
    placement = Placement(rest, (), has_affinity=False, node_name="", tolerations=(), runtime_class="")
    groups = [
        group
        for group in graph.nodes.groups
        if not (group.conditional or group.simulated)
        and (gpu in group.gpus if gpu is not None else group.may_have_gpu and not group.gpus)
        and placement.matches(group.possible).truth != "no"
    ]
    if any(group.exported or len(group.gpus) != 1 for group in groups):  # the cluster's own word, or an open choice
        return ()
    if groups:
        return [candidate for group in groups for candidate in graph.nodes.candidates(group)]
    if user.flavor is not None:
        return graph.nodes.candidates(user.flavor)
    return list(_described(graph, user, way))


def _described(graph: Graph, user: _User, way: Sequence[Requirement]) -> Iterator[Candidate]:
    labels = {
        each.key: Label(each.values[0], user.place(each.value_path))
        for each in way
        if each.operator == "In" and len(each.values) == 1 and not each.uncertain and not each.is_field
    }
    if isinstance(user.holder, ValueSelector):
        return
    manifest = user.holder.manifest if isinstance(user.holder, Workload) else user.holder
    group = with_hardware(
        NodeGroup(
            name="",
            kind="selector",
            place=manifest.place("metadata", "name"),
            source=manifest.document.source,
            labels=labels,
            possible=LabelSet.of({key: label.value for key, label in labels.items()}),
        )
    )
    for governed in govern(group, graph.configurations):
        yield Candidate(group, governed, offers(group, governed, graph.nodes.house_labels), declared=False)


def _product_label(candidate: Candidate, plain: str) -> str:
    """The product that GPU feature discovery writes (internal/lm/resource.go, `getProductName`); empty when unknown."""
    offer = candidate.offers.get(FULL_GPU) or candidate.offers.get(f"{FULL_GPU}.shared")
    governed = candidate.governed
    if offer is None:
        return plain if candidate.offers.complete else ""
    if offer.sharing == "unknown" or offer.told_by == "house-label":
        return ""
    shared = offer.sharing in SHARED and offer.resource == FULL_GPU
    if governed.strategy == "none" and governed.layout is not None and governed.layout.enabled:
        return plain
    if (
        not shared
        and not offer.profile
        and not candidate.offers.complete
        and governed.strategy not in {"none", "mixed"}
    ):
        return ""
    slice_ = f"-MIG-{offer.profile.replace('+', '.')}" if offer.profile else ""
    return plain + slice_ + ("-SHARED" if shared else "")


def _sureness(graph: Graph, candidate: Candidate, way: Sequence[Requirement]) -> Confidence:
    """Low where nodes may be governed in another way, or nothing tells that GPU feature discovery labels them."""
    governed = candidate.governed
    installer = governed.installer
    if installer is None or governed.tied:
        return "low"
    discovers: Confidence = "high" if installer.gfd_enabled and not installer.open else "medium"
    if not installer.gfd_enabled and not _speaks_of_discovery(graph, installer.place.document.source.path):
        return "low"
    offer = candidate.offers.get(FULL_GPU)
    sure = least(discovers, certainty(candidate, offer))
    if candidate.declared and not candidate.group.conditional:
        return least(sure, "high" if PRODUCT not in candidate.group.labels else "medium")
    return least(sure, "low" if _may_choose_another(candidate, way) else "medium")


def _speaks_of_discovery(graph: Graph, own: str) -> bool:
    texts = (source.text for source in graph.scope.sources if source.path != own)
    return any(word in text for text in texts for word in _DISCOVERY_WORDS)


def _may_choose_another(candidate: Candidate, way: Sequence[Requirement]) -> bool:
    """Whether nodes that nobody declares may be labelled with a configuration that does not share whole GPUs."""
    governed = candidate.governed
    if any(each.key == PLUGIN_CONFIG_LABEL for each in way) or governed.configs is None or governed.entry is None:
        return governed.entry is None
    others = (each for each in governed.configs.entries if each is not governed.entry)
    return any(not any(shared.name == FULL_GPU for shared in each.config.resources) for each in others)
