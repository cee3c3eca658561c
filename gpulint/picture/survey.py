"""One cluster's graph → its part of the picture: everything in it, then alike things folded.

In two steps, because findings are divided among the objects of all clusters in between: `Survey` tells where each
object stands, `Survey.part` folds what has the same findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from gpulint.facts.owner import Owners
from gpulint.finding import Finding, Location, ObjectRef
from gpulint.frozen import frozen
from gpulint.gpu.resources import classify
from gpulint.graph import Graph
from gpulint.graph.claims import Claim
from gpulint.graph.configs import Holder
from gpulint.graph.govern import mig_holders, plugin_holders
from gpulint.graph.installers import Installer
from gpulint.graph.landing import Candidate
from gpulint.graph.nodes import NodeGroup
from gpulint.graph.workloads import Workload
from gpulint.manifest import Manifest, Place
from gpulint.origin import trace
from gpulint.picture.ids import Ids
from gpulint.picture.model import (
    Advertised,
    Barred,
    ConfigRole,
    DeviceClaim,
    Maker,
    Member,
    Named,
    Namespace,
    Outcome,
    Part,
    Pool,
    Queue,
    Ruling,
    Settings,
    Thing,
    Way,
    Work,
)
from gpulint.picture.queues import Waiting, quotas
from gpulint.picture.regions import Regions
from gpulint.picture.wording import mig_entries, plugin_entries
from gpulint.placement import Grant, NodeName, Option, Placement, node_name, placed
from gpulint.recommendation import Agreement

T = TypeVar("T")
Marks: TypeAlias = Mapping[Hashable, tuple[Finding, ...]]
"""The findings about each key of a survey."""

_FOLDED_FROM = 4
"""Fewer alike things are shown one by one."""
_OF_NAMESPACES = frozenset({"Namespace", "ResourceQuota", "LimitRange"})


@frozen
class _Pods:
    """A workload with its key and, unless it only has claims, its placement."""

    key: Hashable
    workload: Workload
    placement: Placement | None


@frozen
class _Nodes:
    """What is known of nodes before they are folded."""

    name: NodeName
    groups: tuple[NodeGroup, ...]
    declared: bool
    rulings: tuple[Ruling, ...]


class Survey:
    """Everything of one cluster that can be in a picture."""

    def __init__(
        self, graph: Graph, owners: Owners, regions: Regions, ids: Ids, wanted: Callable[[Workload], bool]
    ) -> None:
        """Tell `regions` where each object stands; `wanted` chooses the workloads."""
        self._graph, self._owners, self._regions, self._ids = graph, owners, regions, ids
        self._manifests = _Manifests(graph)
        self.files = _files(graph)
        """The files of the cluster, those that others were rendered of included."""
        self._makers = sorted(graph.configurations.installers, key=lambda each: (each.label, each.place.location()))
        self._maker_ids = {id(each): self.new_id("installer", each.label) for each in self._makers}
        self._holders = sorted(_holders(graph), key=lambda each: (each.label, each.name_place.location()))
        self._holder_ids = {id(each): self.new_id("config", each.label) for each in self._holders}
        self._pods = sorted((each for each in self._all_pods() if wanted(each.workload)), key=_pods_key)
        self.namespaces = frozenset(each.workload.namespace for each in self._pods)
        """Those of the workloads that are wanted."""
        self._queues = Waiting(graph)
        self._shown_queues = self._find_queues()
        self._queue_ids = {id(each): self.new_id("queue", each.name) for each in self._shown_queues}
        self._claims = self._find_claims()
        self._claim_ids = {id(each): self.new_id("claim", each.namespace, each.manifest.name) for each in self._claims}
        self._declared = self._find_declared()
        self._of_object: dict[ObjectRef, dict[Hashable, None]] = {}
        self._stake_out()

    @property
    def name(self) -> str:
        return self._graph.scope.name

    @property
    def workload_count(self) -> int:
        """Objects, as a report on findings counts them."""
        return len({id(each.workload.manifest) for each in self._pods})

    # --- where things stand -------------------------------------------------------------------------------------------

    def _stake_out(self) -> None:
        add, whole = self._regions.add, self._manifests.around
        for pods in self._pods:
            manifest = pods.workload.manifest
            add(pods.key, manifest.place().location())
            self._is_about(manifest, pods.key)
            if len(pods.workload.siblings) > 1:
                add(pods.key, manifest.place(*pods.workload.template.path).location())
        for name, groups in self._declared.items():
            for place in (place for group in groups for place in _places(group)):
                add(self._key(name), whole(place))
                self._is_about(self._manifests.of(place), self._key(name))
        for maker in self._makers:
            for place in (maker.place, *(each.root for each in (*maker.section.parts(), *maker.laid_over))):
                add(self._key(id(maker)), whole(place) if maker.manifest else place.location())
            self._is_about(maker.manifest, self._key(id(maker)))
        for holder in self._holders:
            inside = holder.of_release
            add(self._key(id(holder)), holder.data.root.location() if inside else whole(holder.name_place))
            if not inside:
                self._is_about(self._manifests.of(holder.name_place), self._key(id(holder)))
        for each in (*self._shown_queues, *(claim.manifest for claim in self._claims)):
            add(self._key(id(each)), each.place().location())
            self._is_about(each, self._key(id(each)))
        for each in self._graph.manifests:
            if each.kind in _OF_NAMESPACES and not each.group:
                namespace = each.name if each.kind == "Namespace" else self._namespace(each)
                if namespace in self.namespaces:
                    add(self.namespace_key(namespace), each.place().location())

    def _is_about(self, manifest: Manifest | None, key: Hashable) -> None:
        if manifest is not None:
            self._of_object.setdefault(manifest.ref(), {})[key] = None

    def keys_of(self, finding: Finding) -> list[Hashable]:
        """The keys for a finding that points elsewhere, into a chart or an overlay: by its object, else namespace."""
        if finding.object is None or finding.location.path not in self.files:
            return []
        namespace = finding.object.namespace
        return [*self._of_object.get(finding.object, ())] or (
            [self.namespace_key(namespace)] if namespace in self.namespaces else []
        )

    def _key(self, what: Hashable) -> Hashable:
        return self.name, what

    def namespace_key(self, name: str) -> Hashable:
        """The key of a namespace, for findings about what is not in the picture."""
        return self._key(("namespace", name))

    def _namespace(self, manifest: Manifest) -> str:
        return manifest.namespace or self._graph.given_namespaces.get(manifest.document.source.path, "")

    # --- what there is ------------------------------------------------------------------------------------------------

    def _all_pods(self) -> Iterator[_Pods]:
        placements = {id(workload): placement for workload, placement in placed(self._graph, self._owners)}
        for workload in self._graph.pods:
            placement = placements.get(id(workload))
            if placement or self._graph.claims.uses_gpu(workload):
                yield _Pods(self._key(id(workload)), workload, placement)

    def _find_queues(self) -> list[Manifest]:
        named = (queue for pods in self._pods if (queue := self._queues.of(pods.workload)))
        found = {id(each): each for each in (*self._queues.for_accelerators(), *named)}
        return sorted(found.values(), key=_manifest_key)

    def _find_claims(self) -> list[Claim]:
        found = {id(claim): claim for pods in self._pods for claim in self._claimed(pods.workload)}
        return sorted(found.values(), key=lambda each: (each.namespace, *_manifest_key(each.manifest)))

    def _claimed(self, workload: Workload) -> Iterator[Claim]:
        claims = self._graph.claims
        for each in claims.of(workload):
            yield from claims.meant(workload, each).items

    def _find_declared(self) -> Mapping[NodeName, tuple[NodeGroup, ...]]:
        found: dict[NodeName, list[NodeGroup]] = {}
        for group in self._graph.nodes.groups:
            found.setdefault(node_name(group), []).append(group)
        return {name: tuple(groups) for name, groups in sorted(found.items())}

    # --- the part -----------------------------------------------------------------------------------------------------

    def part(self, marks: Marks) -> Part:
        """The cluster with the findings about each of its objects."""
        pools = _Pools(self, marks)
        work, outcomes = self._work(pools, marks)
        makers = [self._maker(each, marks) for each in self._makers]
        return Part(
            id=self.new_id("cluster"),
            name=self.name,
            namespaces=tuple(self._namespaces(work, marks)),
            work=tuple(work),
            outcomes=tuple(outcomes),
            pools=pools.folded,
            makers=tuple(makers),
            settings=tuple(self._settings(each, marks) for each in self._holders),
            queues=tuple(self._queue(each, pools, marks) for each in self._shown_queues),
            claims=tuple(self._claim(each, marks) for each in self._claims),
        )

    def _namespaces(self, work: Iterable[Work], marks: Marks) -> Iterator[Namespace]:
        for name in sorted({each.namespace for each in work}):
            yield Namespace(self.new_id("namespace", name), name, marks.get(self.namespace_key(name), ()))

    def _maker(self, installer: Installer, marks: Marks) -> Maker:
        kind, _, name = installer.label.partition(" ")
        member = Member(name or kind, _written(installer.place), marks.get(self._key(id(installer)), ()))
        return Maker(
            thing=Thing(self._maker_ids[id(installer)], kind if name else "", (member,)),
            enabled=installer.plugin_enabled,
            strategy=installer.mig_strategy.value,
            default=installer.plugin_default.value,
            named=tuple(self._named(installer)),
        )

    def _named(self, installer: Installer) -> Iterator[Named]:
        holders = self._graph.configurations.holders
        both: tuple[tuple[ConfigRole, str, tuple[Holder, ...]], ...] = (
            ("device-plugin", installer.plugin_config.value, plugin_holders(installer, holders)),
            ("mig", installer.mig_config.value, mig_holders(installer, holders)),
        )
        for role, name, meant in both:
            for holder in meant:
                yield Named(role, holder.name or holder.label, self._holder_ids[id(holder)])
            if name and not meant:
                yield Named(role, name, "")

    def _settings(self, holder: Holder, marks: Marks) -> Settings:
        configurations = self._graph.configurations
        entries = [
            *(line for each in configurations.plugin_configs if each.holder is holder for line in plugin_entries(each)),
            *(line for each in configurations.mig_files if each.holder is holder for line in mig_entries(each)),
        ]
        kind, _, name = holder.label.partition(" ")
        if kind != "ConfigMap":
            kind, name = "", holder.label
        member = Member(name, _written(holder.name_place), marks.get(self._key(id(holder)), ()))
        return Settings(Thing(self._holder_ids[id(holder)], kind, (member,)), tuple(sorted(entries)))

    def _queue(self, queue: Manifest, pools: _Pools, marks: Marks) -> Queue:
        found = list(quotas(queue))
        flavors = (NodeName("ResourceFlavor", flavor) for flavor, _, _ in found)
        return Queue(
            thing=self._of_manifest(self._queue_ids[id(queue)], queue, marks),
            local=tuple(sorted({self._title(each) for each in self._queues.locals_of(queue)})),
            quotas=tuple(
                f"{quota or '?'} {resource} of {flavor}"
                for flavor, resource, quota in found
                if classify(resource).kind != "unrelated"
            ),
            pools=pools.ids(flavors),
        )

    def _title(self, manifest: Manifest) -> str:
        namespace = self._namespace(manifest)
        return f"{namespace}/{manifest.name}" if namespace else manifest.name

    def _claim(self, claim: Claim, marks: Marks) -> DeviceClaim:
        thing = self._of_manifest(self._claim_ids[id(claim)], claim.manifest, marks)
        return DeviceClaim(thing, claim.namespace, tuple(dict.fromkeys(each.device_class for each in claim.requests)))

    def _of_manifest(self, name: str, manifest: Manifest, marks: Marks) -> Thing:
        location = _written(manifest.place("metadata", "name"))
        member = Member(manifest.name, location, marks.get(self._key(id(manifest)), ()))
        return Thing(name, manifest.kind, (member,))

    # --- workloads ----------------------------------------------------------------------------------------------------

    def _work(self, pools: _Pools, marks: Marks) -> tuple[list[Work], list[Outcome]]:
        outcomes = _Outcomes(self.new_id)
        drafts = [self._draft(pods, pools, outcomes, marks) for pods in self._pods]
        work = [
            replace(same[0], thing=_merged(self.new_id("work", same[0].namespace, same[0].thing.name), same))
            for same in _alike(drafts, _work_likeness)
        ]
        used = {way.outcome for each in work for way in each.ways} | {
            each.id for each in outcomes.all if not each.pools
        }
        return _neighbours(work), [each for each in outcomes.all if each.id in used]

    def _draft(self, pods: _Pods, pools: _Pools, outcomes: _Outcomes, marks: Marks) -> Work:
        workload, placement = pods.workload, pods.placement
        owner = self._owners.of(workload)
        location = _written(workload.manifest.place("metadata", "name"))
        member = Member(workload.manifest.name, location, marks.get(pods.key, ()))
        queue = self._queues.of(workload)
        return Work(
            thing=Thing("", workload.manifest.kind, (member,)),
            namespace=workload.namespace,
            role=placement.role if placement else workload.template.role,
            workload_class=owner.workload_class,
            evidence=owner.evidence,
            pods=workload.template.replicas,
            asks=placement.asks if placement else (),
            recommendation=placement.recommendation if placement else None,
            agreement=placement.agreement if placement else Agreement(""),
            ways=outcomes.ways(placement, pods, pools) if placement else (),
            barred=tuple(pools.barred(placement, pods)) if placement else (),
            note=placement.note if placement else "gpulint does not work out which nodes can serve a resource claim",
            queue=self._queue_ids[id(queue)] if queue else "",
            claims=tuple(sorted({self._claim_ids[id(each)] for each in self._claimed(workload)})),
        )

    # --- what the pools need ------------------------------------------------------------------------------------------

    def nodes(self) -> Iterator[_Nodes]:
        """The declared nodes and pools, sorted."""
        for name, groups in self._declared.items():
            candidates = [each for group in groups for each in self._graph.nodes.candidates(group)]
            yield _Nodes(name, groups, declared=True, rulings=self._rulings(candidates))

    def described(self, pods: _Pods) -> Iterator[_Nodes]:
        """The nodes that only the selector of a workload tells of."""
        found: dict[NodeName, list[Candidate]] = {}
        for each in self._graph.landing(pods.workload).candidates:
            if not each.declared:
                found.setdefault(node_name(each.group), []).append(each)
        for name, candidates in found.items():
            yield _Nodes(name, (candidates[0].group,), declared=False, rulings=self._rulings(candidates))

    def placements(self) -> Iterator[tuple[_Pods, Placement]]:
        """The workloads that ask for resources."""
        return ((pods, pods.placement) for pods in self._pods if pods.placement)

    def flavors(self) -> Iterator[tuple[NodeName, Hashable]]:
        """Flavors with the queue that has them."""
        for queue in self._shown_queues:
            for flavor, _, _ in quotas(queue):
                yield NodeName("ResourceFlavor", flavor), self._queue_ids[id(queue)]

    def _rulings(self, candidates: Iterable[Candidate]) -> tuple[Ruling, ...]:
        return tuple(dict.fromkeys(map(self._ruling, candidates)))

    def _ruling(self, candidate: Candidate) -> Ruling:
        governed, offers = candidate.governed, candidate.offers
        place = next((each.place for each in offers.by_resource.values() if each.place), None)
        if place is None and governed.entry:
            place = governed.entry.place
        holder = governed.configs.holder if governed.configs else None
        return Ruling(
            installer=self._maker_ids.get(id(governed.installer), ""),
            config=self._holder_ids.get(id(holder), ""),
            entry=governed.entry.key if governed.entry else "",
            origin=governed.origin,
            reasons=governed.reasons,
            strategy=governed.strategy,
            strategy_origin=governed.strategy_origin,
            layout=governed.layout.name if governed.layout else "",
            advertised=tuple(
                Advertised(name, offer.sharing, offer.replicas, offer.profile)
                for name, offer in sorted(offers.by_resource.items())
            ),
            complete=offers.complete,
            decided_at=_written(place) if place else None,
        )

    def new_id(self, sort: str, *names: str) -> str:
        """An id that nothing else has."""
        return self._ids.new(sort, self.name, *names)

    def findings(self, name: NodeName, marks: Marks) -> tuple[Finding, ...]:
        return marks.get(self._key(name), ())


# --- pools ------------------------------------------------------------------------------------------------------------


class _Pools:
    """The pools of a cluster: nodes that are alike, and that every workload treats alike."""

    def __init__(self, survey: Survey, marks: Marks) -> None:
        self._survey = survey
        self._of_name: dict[NodeName, str] = {}
        self._described: dict[Hashable, str] = {}
        self._seen: dict[tuple[int, NodeName], str] = {}
        related = _relations(survey)
        drafts = [
            (_pool(each, survey.findings(each.name, marks)), related.get(each.name, 0)) for each in survey.nodes()
        ]
        found = []
        for same in _alike(drafts, _pool_likeness):
            first = same[0][0]
            pool = replace(first, thing=_merged(self._new_id(first), [pool for pool, _ in same]))
            self._of_name |= {NodeName(first.thing.kind, each.name): pool.thing.id for each in pool.thing.members}
            found.append(pool)
        for pods, _ in survey.placements():
            for nodes in survey.described(pods):
                found += self._describe(pods, nodes)
        self.folded = tuple(sorted(found, key=_pool_key))

    def ids(self, names: Iterable[NodeName], pods: _Pods | None = None) -> tuple[str, ...]:
        """The pools of nodes, sorted; of those that a selector describes, as they are for one workload."""
        return tuple(sorted({found for name in names if (found := self._id(name, pods))}))

    def barred(self, placement: Placement, pods: _Pods) -> Iterator[Barred]:
        return (Barred(self.ids(refusal.nodes, pods), refusal.reason) for refusal in placement.refusals)

    def _id(self, name: NodeName, pods: _Pods | None) -> str:
        if name.kind == "selector":
            return self._seen.get((id(pods.workload), name), "") if pods else ""
        return self._of_name.get(name, "")

    def _describe(self, pods: _Pods, nodes: _Nodes) -> Iterator[Pool]:
        likeness = nodes.name, _ruling_likeness(nodes.rulings)
        known = self._described.get(likeness)
        if known is None:
            pool = _pool(nodes, ())
            known = self._described[likeness] = self._new_id(pool)
            yield replace(pool, thing=replace(pool.thing, id=known))
        self._seen[id(pods.workload), nodes.name] = known

    def _new_id(self, pool: Pool) -> str:
        return self._survey.new_id("pool" if pool.declared else "undeclared", pool.thing.name)


def _relations(survey: Survey) -> Mapping[NodeName, int]:
    """A number for how all workloads and queues treat nodes: equal numbers, equal treatment."""
    found: dict[NodeName, int] = {}
    for index, (_, placement) in enumerate(survey.placements()):
        ways = (*(each.nodes for each in placement.options), *(each.nodes for each in placement.refusals))
        for way, names in enumerate(ways):
            for name in names:
                found[name] = hash((found.get(name, 0), index, way))
    numbers: dict[Hashable, int] = {}
    for name, queue in survey.flavors():
        found[name] = hash((found.get(name, 0), -1, numbers.setdefault(queue, len(numbers))))
    return found


def _pool(nodes: _Nodes, findings: tuple[Finding, ...]) -> Pool:
    first = nodes.groups[0]
    return Pool(
        thing=Thing("", nodes.name.kind, (Member(nodes.name.name, _written(first.place), findings),)),
        declared=nodes.declared,
        has_gpu=any(group.has_gpu for group in nodes.groups),
        gpus=first.gpus,
        gpu_count=first.gpu_count,
        taints=tuple(map(str, first.taints)),
        rulings=nodes.rulings,
    )


def _pool_likeness(draft: tuple[Pool, int]) -> Hashable:
    pool, related = draft
    gpus = tuple(gpu.id for gpu in pool.gpus)
    what = (pool.thing.kind, pool.has_gpu, gpus, pool.gpu_count, pool.taints, _ruling_likeness(pool.rulings))
    return what, related, _finding_likeness(pool.thing)


def _ruling_likeness(rulings: Iterable[Ruling]) -> Hashable:
    """Without reasons, which name the node, and places."""
    return tuple(replace(each, reasons=(), decided_at=None) for each in rulings)


def _pool_key(pool: Pool) -> tuple[bool, bool, str, str, str]:
    return not pool.declared, not pool.has_gpu, pool.thing.kind, pool.thing.name, pool.thing.id


# --- outcomes ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Outcomes:
    """What workloads get where, each once."""

    _new_id: Callable[..., str]
    _known: dict[Hashable, Outcome] = field(default_factory=dict)

    @property
    def all(self) -> list[Outcome]:
        return list(self._known.values())

    def ways(self, placement: Placement, pods: _Pods, pools: _Pools) -> tuple[Way, ...]:
        alike: dict[Outcome, list[tuple[Option, tuple[str, ...]]]] = {}
        for option in placement.options:
            ids = pools.ids(option.nodes, pods)
            alike.setdefault(_outcome(option), []).append((option, ids))
        found = []
        for outcome, options in alike.items():
            known = self._new(replace(outcome, pools=tuple(sorted({each for _, ids in options for each in ids}))))
            found += [Way(known.id, option, ids) for option, ids in options]
        if not found:
            return (Way(self._new(_nowhere(placement)).id, _NOWHERE, ()),)
        return tuple(found)

    def _new(self, outcome: Outcome) -> Outcome:
        known = self._known.get(outcome)
        if known is None:
            words = [f"{each.units or ''} {each.given} {each.profile}" for each in outcome.grants] or ["nowhere"]
            known = self._known[outcome] = replace(outcome, id=self._new_id("gets", *words))
        return known


_NOWHERE = Option((), declared=True, doubt="", grants=(), agreement=Agreement(""))


def _outcome(option: Option) -> Outcome:
    return Outcome(
        id="",
        grants=tuple(map(_essence, option.grants)),
        agreement=option.agreement if option.agreement.verdict in {"yes", "no", "some"} else Agreement(""),
        sure=option.declared and not option.doubt,
        note=option.doubt,
        pools=(),
    )


def _nowhere(placement: Placement) -> Outcome:
    reasons = tuple(dict.fromkeys(refusal.reason for refusal in placement.refusals))
    return Outcome("", (), Agreement(""), sure=True, note=placement.note, pools=(), reasons=reasons)


def _essence(grant: Grant) -> Grant:
    """Without what differs from pool to pool though the workload gets the same."""
    return replace(
        grant,
        units=None if grant.given == "unknown" else grant.units,
        units_per_gpu=grant.units_per_gpu if grant.given != "full" else None,
        units_per_node=None,
        gpus=(),
        memory_gb=None,
        confidence="high",
        reason="",
        decided_at=None,
    )


# --- folding ----------------------------------------------------------------------------------------------------------


def _alike(items: Iterable[T], likeness: Callable[[T], Hashable]) -> list[list[T]]:
    """The items that are alike, in the order of their first; few of them one by one."""
    found: dict[Hashable, list[T]] = {}
    for item in items:
        found.setdefault(likeness(item), []).append(item)
    parts: list[list[T]] = []
    for same in found.values():
        parts += [same] if len(same) >= _FOLDED_FROM else [[each] for each in same]
    return parts


def _neighbours(work: Sequence[Work]) -> list[Work]:
    """Sorted by namespace, and within one what gets the same side by side."""
    first: dict[Hashable, int] = {}
    for index, each in enumerate(work):
        first.setdefault(_goes(each), index)
    return sorted(work, key=lambda each: (each.namespace, first[_goes(each)]))


def _goes(work: Work) -> Hashable:
    return work.namespace, tuple(sorted({way.outcome for way in work.ways}))


def _merged(name: str, same: Sequence[Work] | Sequence[Pool]) -> Thing:
    members = [member for each in same for member in each.thing.members]
    return Thing(name, same[0].thing.kind, tuple(sorted(members, key=lambda each: (each.name, each.location))))


def _work_likeness(work: Work) -> Hashable:
    ways = tuple((way.outcome, way.pools, replace(way.option, nodes=())) for way in work.ways)
    what = replace(work, thing=Thing("", work.thing.kind, ()), evidence="", ways=())
    return what, ways, _finding_likeness(work.thing)


def _finding_likeness(thing: Thing) -> Hashable:
    return tuple(sorted(Counter((each.rule, each.severity) for each in thing.findings).items()))


# --- objects ----------------------------------------------------------------------------------------------------------


class _Manifests:
    """The object that a place is in."""

    def __init__(self, graph: Graph) -> None:
        self._by_document: dict[int, list[Manifest]] = {}
        for each in graph.manifests:
            self._by_document.setdefault(id(each.document), []).append(each)

    def of(self, place: Place) -> Manifest | None:
        """The object that a place is in, if any."""
        members = self._by_document.get(id(place.document), ())
        inside = [each for each in members if place.path[: len(each.root)] == each.root and place.extent is None]
        return max(inside, key=lambda each: len(each.root), default=None)

    def around(self, place: Place) -> Location:
        """The whole object that a place is in; the place itself where it is in none."""
        manifest = self.of(place)
        return manifest.place().location() if manifest else place.location()


def _written(place: Place) -> Location:
    """Where the user wrote it, of what was rendered too."""
    return trace(place).place.location()


def _files(graph: Graph) -> frozenset[str]:
    sources = graph.scope.sources
    originals = (each for source in sources if source.render is not None for each in source.render.originals())
    return frozenset(each.path for each in (*sources, *originals))


def _holders(graph: Graph) -> list[Holder]:
    """What holds configurations, or is named as holding some."""
    configurations = graph.configurations
    found = {id(each.holder): each.holder for each in configurations.plugin_configs}
    found |= {id(each.holder): each.holder for each in configurations.mig_files}
    for installer in configurations.installers:
        for meant in (plugin_holders, mig_holders):
            found |= {id(each): each for each in meant(installer, configurations.holders)}
    return list(found.values())


def _places(group: NodeGroup) -> Iterator[Place]:
    yield group.place
    yield from (label.place for label in group.labels.values())


def _pods_key(pods: _Pods) -> tuple[str, str, str, str, Location]:
    manifest, template = pods.workload.manifest, pods.workload.template
    name = manifest.place("metadata", "name").location()
    return pods.workload.namespace, manifest.kind, manifest.name, template.role or str(template.path), name


def _manifest_key(manifest: Manifest) -> tuple[str, Location]:
    return manifest.name, manifest.place("metadata", "name").location()
