"""Containers that ask for accelerators, each as a whole and beside the others of its pod."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gpulint.facts.namespace.limits import LimitRanges
from gpulint.facts.owner import Owners
from gpulint.facts.patched import patched
from gpulint.facts.request.command import command_of
from gpulint.facts.request.parallelism import Ranks, ranks
from gpulint.facts.request.request import pod_confidence
from gpulint.facts.values import Owner
from gpulint.frozen import frozen
from gpulint.graph import Graph
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube.kinds import SECTIONS, Container, container_total
from gpulint.kube.tree import is_placeholder, mapping, sequence, text
from gpulint.manifest import Place


@frozen
class GpuContainer:
    """A container that asks for accelerators."""

    cluster: str
    owner: Owner
    name: str
    init: bool
    """Whether it is an init container; none that keeps running beside the others."""
    resource: str
    """What it asks for; the first where there are several."""
    units: int
    """GPUs that it asks for, of all its resources together; 0 when unknown."""
    pod_confidence: str
    """How sure it is that a pod gets what stands here: that of `request`."""
    only_init: bool
    """Whether it is an init container, and no container that runs after all of them asks for accelerators."""
    blanked: bool
    """Whether a controller takes NVIDIA's devices out of its environment: the launcher of an MPIJob."""
    beside: tuple[str, ...]
    """Other containers of its pod that run at the same time and ask for the same resource, in their order."""
    first: bool
    """Whether it is the first of them."""
    total: int
    """Units that they ask for together."""
    helper: str
    """What tells that it does not compute on the GPU, while another of them does: `image 'nginx:1.27'`."""
    has_memory: bool
    """Whether it has a memory request or limit, or the pod has one for all, or a LimitRange may give it one."""
    engine: str
    """What starts a number of processes with a GPU each: `vLLM`, `torchrun`; empty when none is known to."""
    ranks: int
    """That number; 0 when unknown, or where the processes may be in several pods."""
    ranks_told: str
    """What says so: `--tensor-parallel-size 4`."""
    ranks_confidence: str
    place: Place
    """The amount."""
    ranks_place: Place
    """The number of processes; where it is not known the amount."""
    memory_place: Place
    """The limits, where that of memory would be."""


def gpu_containers(graph: Graph, owners: Owners) -> Iterator[GpuContainer]:
    """Every container that asks for an accelerator, in the order of the input."""
    limits, changes = LimitRanges(graph), patched(graph)
    for workload in graph.workloads:
        for container in workload.template.containers:
            asked = [each for each in workload.asked if each.container == container and _is_accelerator(each)]
            if asked:
                fact = _fact(graph, owners, limits, workload, container, asked)
                yield replace(fact, ranks_confidence="low") if changes.pod(workload, "containers") else fact


def _fact(
    graph: Graph,
    owners: Owners,
    limits: LimitRanges,
    workload: Workload,
    container: Container,
    asked: Sequence[Asked],
) -> GpuContainer:
    main = asked[0]
    place = workload.place(container, main.entry.path)
    company = _company(workload, container, main.name)
    others = [each for each in company if each != container] if container in company else []
    found = _ranks(workload, container, asked)
    return GpuContainer(
        cluster=graph.scope.name,
        owner=owners.of(workload),
        name=container.name,
        init=container.init and not container.restartable,
        resource=main.name,
        units=max(_gpus(workload, container, asked), 0),
        pod_confidence=pod_confidence(workload),
        only_init=_is_only_init(workload, container),
        blanked=_is_blanked(workload, container, asked),
        beside=tuple(each.name for each in others),
        first=bool(company) and company[0] == container,
        total=sum(max(_units(workload, each, main.name), 0) for each in company),
        helper=_helper(workload, container) if not all(_helper(workload, each) for each in others) else "",
        has_memory=_has_memory(workload, container) or limits.may_request(workload, "memory"),
        engine=found.engine if found else "",
        ranks=found.count if found else 0,
        ranks_told=found.told if found else "",
        ranks_confidence=found.confidence if found else "low",
        place=place,
        ranks_place=found.place if found else place,
        memory_place=workload.place(container, ("resources", "limits"), key=True),
    )


def _is_accelerator(asked: Asked) -> bool:
    return asked.resource.kind not in {"near-miss", "known-vendor", "unrelated"}


def _units(workload: Workload, container: Container, resource: str) -> int:
    """Units of a resource; -1 when that cannot be told."""
    amount = container_total(workload.container(container), resource)
    return -1 if amount is None else amount


# --- beside the others ------------------------------------------------------------------------------------------------


def _company(workload: Workload, container: Container, resource: str) -> list[Container]:
    """The containers that run at the same time and ask for the resource, itself included."""
    if container.init and not container.restartable:
        return []
    running = (each for each in workload.template.containers if not each.init or each.restartable)
    return [each for each in running if _units(workload, each, resource) > 0]


def _is_only_init(workload: Workload, container: Container) -> bool:
    if not container.init or container.restartable:
        return False
    running = [each for each in workload.template.containers if not each.init or each.restartable]
    users = {
        each.container
        for each in workload.asked
        if each.resource.kind != "unrelated" and _units(workload, each.container, each.name) != 0
    }
    claims = any(sequence(mapping(workload.container(each).get("resources")).get("claims")) for each in running)
    unknown = any(_is_open(workload, each) for each in running)
    return bool(running) and not claims and not unknown and not users & set(running) and not workload.asks_for_a_share


def _is_open(workload: Workload, container: Container) -> bool:
    """Whether resources of the container are filled in later."""
    return any(map(is_placeholder, _resources(workload.container(container).get("resources"))))


def _resources(held: object) -> Iterator[object]:
    """What may be filled in later: all of it, a section of it, a name in a section."""
    yield held
    for section in SECTIONS:
        found = mapping(held).get(section)
        yield found
        yield from mapping(found)


_HELPER_IMAGE = re.compile(
    r"(?:^|/)(?:[\w.-]+-)?(?:exporter|nginx|envoy|busybox|alpine|curl|redis|fluent-?bit|fluentd|git-sync|aws-cli"
    r"|cloud-sdk|rclone|oauth2-proxy|prometheus|statsd|haproxy|traefik|kubectl)(?:-[\w.-]+)?(?:[:@]|$)"
)
_HELPER_COMMAND = re.compile(
    r"^(?:(?:\S*/)?(?:ba|da)?sh -c )?\W*(?:watch (?:-\w+ \S+ )?)?(nvidia-smi|dcgm-exporter|nginx)\b"
)


def _helper(workload: Workload, container: Container) -> str:
    image = text(workload.container(container).get("image"))
    if _HELPER_IMAGE.search(image):
        return f"image '{image}'"
    command = _HELPER_COMMAND.match(command_of(workload, container).line)
    return f"command '{command[1]}'" if command else ""


# --- what it computes with --------------------------------------------------------------------------------------------


def _gpus(workload: Workload, container: Container, asked: Sequence[Asked]) -> int:
    """GPUs, or parts that count as such; -1 when that cannot be told."""
    names = sorted({each.name for each in asked if each.resource.is_nvidia or each.name.startswith("amd.com/")})
    amounts = [_units(workload, container, name) for name in names]
    return -1 if -1 in amounts else sum(amounts)


def _ranks(workload: Workload, container: Container, asked: Sequence[Asked]) -> Ranks | None:
    claims = sequence(mapping(workload.container(container).get("resources")).get("claims"))
    if claims or container.init or _gpus(workload, container, asked) < 1:
        return None
    return ranks(workload, container)


def _has_memory(workload: Workload, container: Container) -> bool:
    held = (workload.pod_spec.get("resources"), workload.container(container).get("resources"))
    return any(name == "memory" or is_placeholder(name) for each in held for name in _resources(each))


def _is_blanked(workload: Workload, container: Container, asked: Sequence[Asked]) -> bool:
    """The launcher's first container, unless it works too (kubeflow/mpi-operator v2, newLauncherPodTemplate)."""
    manifest = workload.manifest
    is_launcher = manifest.kind == "MPIJob" and manifest.version == "v2beta1" and workload.template.role == "launcher"
    works = manifest.get("spec", "runLauncherAsWorker")
    applications = [each for each in workload.template.containers if not each.init]
    return (
        is_launcher
        and works in (None, False)
        and container == applications[0]
        and any(each.resource.is_nvidia for each in asked)
        and _gpus(workload, container, asked) > 0
    )
