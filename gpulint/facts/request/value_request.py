"""What the values of charts ask for: judged as requests, though only the chart knows what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gpulint.facts.candidates import Candidates
from gpulint.facts.request.request import Request, fraction, is_extended
from gpulint.facts.values import Amount, Owner, amount
from gpulint.graph import Graph
from gpulint.graph.value_pods import ValuePod, value_pods
from gpulint.graph.workloads import Asked
from gpulint.kube.kinds import ResourceEntry
from gpulint.manifest import Place
from gpulint.source import Path


def value_requests(graph: Graph) -> Iterator[Request]:
    """Every accelerator that values ask for by limits and requests; where its pods land is not known."""
    found = list(value_pods(graph.manifests, graph.scope.sources))
    limited = {(each.folder, _key(asked)) for each in found for asked in each.asked if asked.limit is not None}
    for each in found:
        for asked in each.asked:
            elsewhere = asked.limit is None and (each.folder, _key(asked)) in limited
            if not elsewhere:  # values files are laid over one another
                yield _request(graph.scope.name, each, asked)


def _key(asked: Asked) -> tuple[Path, str]:
    return asked.container.path, asked.name


def _request(cluster: str, each: ValuePod, asked: Asked) -> Request:
    limit, request = _amount(each, asked, asked.limit), _amount(each, asked, asked.request)
    used = limit if limit.stated else request
    return Request(
        cluster=cluster,
        workload=_owner(each),
        container=asked.container.name,
        init=False,
        resource=asked.name,
        kind=asked.resource.kind,
        profile=asked.resource.profile,
        suggestion=asked.resource.suggestion,
        extended=is_extended(asked.name),
        qualified="/" in asked.name,
        limit=limit,
        request=request,
        fraction=fraction(limit, request),
        limit_added=False,
        pod_confidence="medium",
        units=used.milli // 1000 if used.known and used.whole else 0,
        several="",
        fraction_scheduler=False,
        place=used.place,
        name_place=each.place(asked, asked.entry.path, key=True),
        limits_begin=used.place,  # nothing is typed there: what the chart calls its fields is not known
        has_limits=False,
        candidates=_nowhere(used.place),
    )


def _amount(each: ValuePod, asked: Asked, entry: ResourceEntry | None) -> Amount:
    if entry is None:
        return amount(None, each.place(asked, ("resources", "limits")))
    return replace(amount(entry.value, each.place(asked, entry.path)), stated=True)


def _owner(each: ValuePod) -> Owner:
    return Owner(
        label=each.label,
        kind="",
        name=each.name,
        namespace=each.namespace,
        role="",
        replicas=-1,
        service_level=False,
        workload_class="unknown",
        detail="",
        evidence="",
    )


def _nowhere(place: Place) -> Candidates:
    return Candidates(
        names=(),
        only=False,
        confidence="low",
        may_confidence="low",
        sharing_confidence="low",
        shared="unknown",
        sharing="",
        time_sliced=False,
        replicas=0,
        refuses_several=False,
        adds_up=False,
        sharing_place=place,
        sharing_told="",
        strategies=(),
        renamed="",
        renamed_confidence="low",
        renamed_place=place,
        renamed_told="",
        gpus=(),
        gpus_confidence="low",
        without_mig=False,
        data_centre=False,
        whole=False,
        sliced=False,
        mig_strategy="",
        strategy_place=place,
        not_offered=False,
        reasons=(),
    )
