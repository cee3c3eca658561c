"""What a GPU pod does: training, inference, interactive work, a finite job or a service of the cluster.

The author's word decides, then a kind that makes only one sort of pods; else signals of the containers that ask for
GPUs are weighed (`classification.yaml`). `high` is given when image or command say it and little speaks against it.
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

import yaml

from gpulint.frozen import frozen
from gpulint.kube.kinds import Container, PodTemplate, container_fields, gpu_resources, pod_fields
from gpulint.kube.layout import Kind
from gpulint.kube.tree import get, is_placeholder, mapping, mappings, sequence, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ClassName: TypeAlias = Literal["training", "inference", "interactive", "batch", "system", "unknown"]
Detail: TypeAlias = Literal["", "test", "service"]
_Phrases: TypeAlias = "Mapping[str, tuple[tuple[str, ...], ...]]"
"""Sequences of words by their first word."""
Certainty: TypeAlias = Literal["certain", "high", "medium", "low", "none"]

ANNOTATION: Final = "gpulint.dev/workload-class"
"""Annotation or label, of the object or of its pods, with which an author states the class."""

_STATED: Final[Mapping[str, tuple[ClassName, Detail]]] = {
    "training": ("training", ""),
    "inference": ("inference", ""),
    "interactive": ("interactive", ""),
    "batch": ("batch", ""),
    "system": ("system", ""),
    "test": ("batch", "test"),
    "service": ("inference", "service"),
}
_LEADERS = frozenset({"launcher", "master", "leader", "head", "chief", "driver", "coordinator", "mpimaster"})
_APP_LABELS = frozenset(
    {"app", "name", "component", "role", "k8s-app", "app.kubernetes.io/name", "app.kubernetes.io/component"}
)
_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_PRIOR = {"high": 3, "medium": 2, "low": 1}
_EXPOSED_ONLY = frozenset({"Deployment", "DeploymentConfig", "ReplicaSet", "ReplicationController", "Rollout"})
_IMAGES = frozenset({"image", "image-name", "tag", "entrypoint"})
_HEADS = _IMAGES | {"command", "variables"}
_COMMANDED = frozenset({"ray.io"})
"""API groups whose controllers put a command of their own before an image's: `ray start` of KubeRay."""
_EXPOSURE = frozenset({"port", "probe", "service", "kind", "name", "label"})
_SINGLEUSER = "singleuser"
"""The section of values in which the chart of JupyterHub has the pods of its users."""
_DECISIVE = 5
_NO_TRAINING = frozenset({"simulation-command"})
_LONGEST_COMMAND = 20_000
"""Characters of a command that are looked at: what it runs stands at its beginning, not behind an embedded archive."""
_WORD = re.compile(r"[a-z]+|[0-9]+")


@frozen
class WorkloadClass:
    """What a pod does, and how sure that is."""

    name: ClassName
    detail: Detail
    """`test` for smoke tests and benchmarks among batch, `service` for servers other than model servers."""
    certainty: Certainty
    evidence: tuple[str, ...]
    """Why, the strongest first: `command 'torchrun'`, `image 'vllm/vllm-openai:v0.9.1'`, `kind Job`."""


@frozen
class _Signal:
    id: str
    look: tuple[str, ...]
    votes: ClassName
    detail: Detail
    weight: int
    words: _Phrases
    patterns: tuple[re.Pattern[str], ...]
    numbers: frozenset[int]
    unless: tuple[re.Pattern[str], ...]
    yields: bool


@frozen
class _Vote:
    signal: str
    look: str
    votes: ClassName
    detail: Detail
    weight: int
    evidence: str
    yields: bool = False


@frozen
class _Features:
    """What the signals look at."""

    images: tuple[str, ...]
    entrypoints: tuple[str, ...]
    """Those that run with their own entry point: no command, and arguments that are options of it."""
    commands: tuple[str, ...]
    names: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    folder: str
    env: tuple[str, ...]
    ports: tuple[int, ...]
    probes: tuple[str, ...]
    restart: str
    priority: str
    has_service: bool

    @property
    def exposed(self) -> bool:
        return bool(self.ports or self.probes or self.has_service)


def classify(
    kind: Kind | None,
    template: PodTemplate,
    data: Mapping[str, object],
    *,
    templates: Sequence[PodTemplate] = (),
    gpu_containers: Sequence[Container] = (),
    name: str = "",
    folder: str = "",
    has_service: bool = False,
    overrides: Mapping[str, object] = MappingProxyType({}),
) -> WorkloadClass:
    """The class of the pods that `template` makes.

    `templates` are all templates of the object (the leader of a gang tells what the others do), `gpu_containers` those
    that ask for GPUs (default: with an extended resource, else all), `folder` that of the file, `has_service` whether a
    Service selects the pods, `overrides` fields of the containers that another object replaces.
    """
    kind = _telling(template.kind, kind)
    written = _stated(template, data)
    if written is not None:
        return written
    if _SINGLEUSER in template.path:
        return WorkloadClass("interactive", "", "high", ("the servers of JupyterHub's users",))
    features = _features(kind, template, data, templates, gpu_containers, name, folder, has_service, overrides)
    votes = _votes(kind, features)
    learns = kind is None or kind.workload_class != "training" or not _does_something_else(votes)
    if kind is not None and kind.certainty == "certain" and learns:
        return WorkloadClass(cast("ClassName", kind.workload_class), "", "certain", (f"kind {kind.kind}",))
    return _weigh(votes, kind)


def stated_class(metadata: object) -> str:
    """The value of the annotation or label `gpulint.dev/workload-class` of some metadata; '' when there is none."""
    for section in ("annotations", "labels"):
        written = get(metadata, (section, ANNOTATION))
        if written is not None:
            return text(written)
    return ""


def stated(metadata: object) -> WorkloadClass | None:
    """What the author says in some metadata; None when nothing that is a class."""
    written = _STATED.get(stated_class(metadata).strip().lower())
    return WorkloadClass(*written, "certain", (f"{ANNOTATION} '{stated_class(metadata)}'",)) if written else None


def _stated(template: PodTemplate, data: Mapping[str, object]) -> WorkloadClass | None:
    of_pods = stated(get(data, template.metadata)) if template.metadata is not None else None
    return of_pods or stated(data.get("metadata"))


def _telling(described: Kind | None, outer: Kind | None) -> Kind | None:
    """The kind that describes the pods, unless they belong to one of another kind that is certain of its class."""
    if outer is None or described is None:
        return described or outer
    same = (described.group, described.kind) == (outer.group, outer.kind)
    return outer if outer.certainty == "certain" and not same else described


def _features(
    kind: Kind | None,
    template: PodTemplate,
    data: Mapping[str, object],
    templates: Sequence[PodTemplate],
    gpu_containers: Sequence[Container],
    name: str,
    folder: str,
    has_service: bool,
    overrides: Mapping[str, object],
) -> _Features:
    spec = pod_fields(template, data)
    metadata = [mapping(data.get("metadata"))]
    if template.metadata is not None and template.metadata != ("metadata",):
        metadata.append(mapping(get(data, template.metadata)))
    described = gpu_containers or _gpu_containers(template, data)
    chosen = [{**container_fields(each, data), **overrides} for each in described]
    names = [name or text(metadata[0].get("name")), template.role, *(text(each.get("name")) for each in chosen)]
    return _Features(
        images=tuple(filter(None, (_image(each) for each in chosen))),
        entrypoints=()
        if kind is not None and kind.group in _COMMANDED
        else tuple(filter(None, (_image(each) for each in chosen if _runs_entrypoint(each)))),
        commands=tuple(_commands(kind, template, data, templates, chosen)),
        names=tuple(dict.fromkeys(each for each in names if each and not is_placeholder(each))),
        labels=tuple(sorted({pair for each in metadata for pair in _app_labels(each)})),
        folder=folder,
        env=tuple(text(item.get("name")) for each in chosen for _, item in mappings(each.get("env"))),
        ports=tuple(
            port
            for each in chosen
            for _, item in mappings(each.get("ports"))
            if isinstance(port := item.get("containerPort"), int)
        ),
        probes=tuple(path for each in chosen for path in _probes(each)),
        restart=text(spec.get("restartPolicy")),
        priority=text(spec.get("priorityClassName")),
        has_service=has_service,
    )


def _gpu_containers(template: PodTemplate, data: Mapping[str, object]) -> list[Container]:
    asking = [each for each in template.containers if gpu_resources(container_fields(each, data))]
    return asking or [each for each in template.containers if not each.init]


def _image(container: Mapping[str, object]) -> str:
    image = container.get("image")
    written = text(image)
    if isinstance(image, Mapping):  # as charts and NIMService split it
        repository = text(image.get("repository")) or text(image.get("name"))  # `name` in JupyterHub's
        written = ":".join(filter(None, (repository, text(image.get("tag")))))
    return "" if is_placeholder(written) else written


def _runs_entrypoint(container: Mapping[str, object]) -> bool:
    """Whether an image runs as it was built: `args: [serve]`, `args: [--model, …]`, but not `args: [pull, llama3]`."""
    arguments = container.get("args")
    first = text(arguments) or next(iter(map(text, sequence(arguments))), "")
    return not container.get("command") and (not arguments or first.startswith("-") or first in ("serve", "start"))


def _app_labels(metadata: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in mapping(metadata.get("labels")).items():
        if key in _APP_LABELS and text(value) and not is_placeholder(value):
            yield key, text(value)


def _commands(
    kind: Kind | None,
    template: PodTemplate,
    data: Mapping[str, object],
    templates: Sequence[PodTemplate],
    chosen: Sequence[Mapping[str, object]],
) -> Iterator[str]:
    """The command of each container, then those of the gang's leaders, then the entry point of the object."""
    yield from filter(None, map(_command, chosen))
    if kind is None:
        return
    if kind.gang:
        for leader in _leaders(template, templates):
            for container in leader.containers:
                yield from filter(None, (_command(container_fields(container, data)),))
    if kind.entrypoint is not None:
        yield from filter(None, (text(get(data, kind.entrypoint))[:_LONGEST_COMMAND],))


def _leaders(template: PodTemplate, templates: Sequence[PodTemplate]) -> list[PodTemplate]:
    others = [each for each in templates if each.path != template.path]
    return [each for each in others if each.role.lower() in _LEADERS] or others[:1]


def _command(container: Mapping[str, object]) -> str:
    parts = [*sequence(container.get("command")), *sequence(container.get("args"))]
    written = [text(container.get(key)) for key in ("command", "args") if isinstance(container.get(key), str)]
    return " ".join([*written, *map(text, parts)])[:_LONGEST_COMMAND]


def _probes(container: Mapping[str, object]) -> Iterator[str]:
    for name in _PROBES:
        probe = mapping(container.get(name))
        if any(key in probe for key in ("httpGet", "grpc", "tcpSocket")):
            yield text(get(probe, ("httpGet", "path"))) or name


def _votes(kind: Kind | None, features: _Features) -> list[_Vote]:
    """Every signal that fired and what the kind says, less what the others explain away."""
    votes = [vote for signal in _signals() for vote in _fired(signal, features)]
    votes = _without_idle_images(votes, features)
    votes = _command_before_image(votes)
    votes += _prior(kind, features, votes)
    return _without_exposure(votes)


def _without_idle_images(votes: list[_Vote], features: _Features) -> list[_Vote]:
    """An image that sleeps neither serves nor trains; one with a server's client (`tritonserver:…-sdk`) serves not."""
    idle = any(vote.signal == "idle-command" for vote in votes)
    client = any("sdk" in _words(image) for image in features.images)
    silent = {"inference", "training"} if idle else {"inference"} if client else set()
    return [vote for vote in votes if vote.votes not in silent or vote.look not in _IMAGES]


def _command_before_image(votes: list[_Vote]) -> list[_Vote]:
    """What is run beats what the image is for, and what says nothing beside it."""
    spoken = {vote.votes for vote in votes if vote.look == "command" and not vote.yields}
    if not spoken:
        return votes
    decided = {vote.votes for vote in votes if vote.look == "command" and vote.weight >= _DECISIVE}
    return [
        replace(vote, weight=1) if decided and vote.look in _IMAGES and vote.votes not in decided else vote
        for vote in votes
        if not vote.yields
    ]


def _without_exposure(votes: list[_Vote]) -> list[_Vote]:
    """Notebooks, gangs and exporters have ports and Services too: those speak for a server if nothing else decides."""
    decided = {vote.votes for vote in votes if vote.look in _HEADS and vote.weight >= _DECISIVE}
    system = any(vote.look == "kind" and vote.votes == "system" for vote in votes)
    serves = any(vote.votes == "inference" and vote.look in _HEADS for vote in votes)
    if serves or not (decided or system):
        return votes
    return [vote for vote in votes if vote.votes != "inference" or vote.look not in _EXPOSURE]


def _prior(kind: Kind | None, features: _Features, votes: Sequence[_Vote]) -> list[_Vote]:
    """What the kind says, weighed like a signal."""
    if kind is None or kind.workload_class == "unknown" or kind.certainty not in _PRIOR:
        return []
    if kind.kind in _EXPOSED_ONLY and not features.exposed:
        return []
    if kind.workload_class == "batch" and _trains(votes):
        return []
    name = cast("ClassName", kind.workload_class)
    return [_Vote("kind", "kind", name, "", _PRIOR[kind.certainty], f"kind {kind.kind}")]


def _weigh(votes: Sequence[_Vote], kind: Kind | None) -> WorkloadClass:
    if _trains(votes) and (kind is None or kind.workload_class in ("batch", "unknown", "training")):
        votes = [vote for vote in votes if vote.signal != "runs-once"]  # so does every training job
    if not votes:
        return WorkloadClass("unknown", "", "none", ())
    scores: dict[ClassName, int] = {}
    for vote in votes:
        scores[vote.votes] = scores.get(vote.votes, 0) + vote.weight
    first, *rest = sorted(scores, key=lambda each: (-scores[each], -_strongest(votes, each), each))
    against = scores[rest[0]] if rest else 0
    mine = sorted((vote for vote in votes if vote.votes == first), key=lambda vote: -vote.weight)
    evidence = tuple(dict.fromkeys(vote.evidence for vote in mine))
    return WorkloadClass(first, _detail(first, mine), _certainty(mine, against), evidence)


def _does_something_else(votes: Sequence[_Vote]) -> bool:
    """Whether a kind that trains was taken for a test of the machines or a simulation: it runs one, and no training."""
    said = [vote for vote in votes if vote.look in _HEADS]
    runs = any(vote.weight >= _DECISIVE and (vote.detail == "test" or vote.signal in _NO_TRAINING) for vote in said)
    return runs and not any(vote.votes == "training" for vote in said)


def _trains(votes: Sequence[_Vote]) -> bool:
    """Whether something strong speaks for training: then a job's being a job says no more."""
    return any(vote.votes == "training" and vote.weight >= 2 for vote in votes)


def _strongest(votes: Sequence[_Vote], name: ClassName) -> int:
    return max(vote.weight for vote in votes if vote.votes == name)


def _certainty(mine: Sequence[_Vote], against: int) -> Certainty:
    score = sum(vote.weight for vote in mine)
    said = max((vote.weight for vote in mine if vote.look in _HEADS), default=0)
    if said >= 3 and score >= 5 and score - against >= 3 and against < said:
        return "high"
    return "medium" if score >= 3 and score - against >= 2 else "low"


def _detail(name: ClassName, mine: Sequence[_Vote]) -> Detail:
    """The detail of the strongest votes that have one, unless stronger ones speak for the plain class."""
    detailed = [vote for vote in mine if vote.detail]
    plain = max((vote.weight for vote in mine if not vote.detail and vote.look in _HEADS), default=0)
    if not detailed or (detailed[0].weight <= plain and name == "inference") or detailed[0].weight < plain:
        return ""
    return detailed[0].detail


def _fired(signal: _Signal, features: _Features) -> Iterator[_Vote]:
    """The votes of a signal: one at most, at the first place where it is seen."""
    for look in signal.look:
        seen = _seen(signal, look, features)
        if seen:
            weight = 1 if look == "folder" else signal.weight
            yield _Vote(signal.id, look, signal.votes, signal.detail, weight, seen, signal.yields)
            return


def _seen(signal: _Signal, look: str, features: _Features) -> str:
    """The evidence of a signal in one place, or ''."""
    match look:
        case "image" | "image-name" | "tag":
            return next((f"image '{each}'" for each in features.images if _image_has(each, look, signal.words)), "")
        case "entrypoint":
            return next((f"image '{each}'" for each in features.entrypoints if _entrypoint_is(signal, each)), "")
        case "variables":
            named = [each for each in dict.fromkeys(features.env) if _search(signal, each)]
            return f"variables {' and '.join(named[:2])}" if len(named) > 1 else ""
        case "command":
            return next((f"command '{found}'" for each in features.commands if (found := _search(signal, each))), "")
        case "name":
            return next((f"name '{each}'" for each in features.names if _has_phrase(each, signal.words)), "")
        case "label":
            return next((f"label {k}='{v}'" for k, v in features.labels if _has_phrase(v, signal.words)), "")
        case "folder":
            return f"folder '{features.folder}'" if _has_phrase(features.folder, signal.words) else ""
        case "env":
            return next((f"variable {each}" for each in features.env if _search(signal, each)), "")
        case "port":
            return next((f"port {each}" for each in features.ports if each in signal.numbers), "")
        case "probe":
            return f"probe '{features.probes[0]}'" if features.probes else ""
        case "restart":
            return f"restartPolicy {features.restart}" if features.restart in ("Never", "OnFailure") else ""
        case "priority":
            return f"priorityClassName {features.priority}" if _has_phrase(features.priority, signal.words) else ""
        case _:
            return "a Service selects it" if features.has_service else ""


def _search(signal: _Signal, where: str) -> str:
    """The words that were found, on one line and short enough for a message."""
    if any(pattern.search(where) for pattern in signal.unless):
        return ""
    for pattern in signal.patterns:
        found = pattern.search(where)
        if found is not None:
            return " ".join(found[0].split()).strip(" /;&\"'")[-60:]
    return ""


def _image_has(image: str, look: str, phrases: _Phrases) -> bool:
    segments, tag = _image_parts(image)
    if look == "tag":
        return _has_phrase(tag, phrases)
    if look == "image-name":
        name = _words(segments[-1]) if segments else ()
        return bool(name) and name in phrases.get(name[0], ())
    return any(_has_phrase(segment, phrases) for segment in segments)


def _entrypoint_is(signal: _Signal, image: str) -> bool:
    return _image_has(image, "image", signal.words) or bool(_search(signal, image))


def _image_parts(image: str) -> tuple[list[str], str]:
    """The segments of the repository without the registry, and the tag."""
    repository, _, tag = image.partition("@")[0].rpartition(":")
    if not repository or "/" in tag:  # the colon was a port's, or there is none
        repository, tag = image.partition("@")[0], ""
    segments = repository.split("/")
    if len(segments) > 1 and ("." in segments[0] or ":" in segments[0] or segments[0] == "localhost"):
        segments = segments[1:]
    return segments, tag


def _has_phrase(where: str, phrases: _Phrases) -> bool:
    words = _words(where)
    return any(
        words[start : start + len(phrase)] == phrase
        for start, word in enumerate(words)
        for phrase in phrases.get(word, ())
    )


@functools.lru_cache(maxsize=4096)
def _words(where: str) -> tuple[str, ...]:
    """The words and numbers of a name: `Tdarr_node-2` is tdarr, node, 2."""
    return tuple(_WORD.findall(where.lower()))


@functools.cache
def _signals() -> tuple[_Signal, ...]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    written = pathlib.Path(__file__).with_name("classification.yaml").read_text(encoding="utf-8")
    data = mapping(yaml.load(written, loader))  # noqa: S506 - a safe loader, the C one where there is one
    return tuple(_signal(item) for _, item in mappings(data["signals"]))


def _signal(item: Mapping[str, object]) -> _Signal:
    weight = item["weight"]
    return _Signal(
        id=text(item["id"]),
        look=tuple(map(text, sequence(item["look"]))),
        votes=cast("ClassName", item["class"]),
        detail=cast("Detail", text(item.get("detail"))),
        weight=weight if isinstance(weight, int) else 0,
        words=_phrases(item.get("words")),
        patterns=_patterns(item.get("pattern")),
        numbers=frozenset(each for each in sequence(item.get("numbers")) if isinstance(each, int)),
        unless=_patterns(item.get("unless")),
        yields=item.get("yields") is True,
    )


def _patterns(value: object) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text(each), re.IGNORECASE | re.DOTALL) for each in sequence(value))


def _phrases(value: object) -> _Phrases:
    phrases = sorted({_words(text(each)) for each in sequence(value)})
    return {first: tuple(phrase for phrase in phrases if phrase[0] == first) for first in {each[0] for each in phrases}}
