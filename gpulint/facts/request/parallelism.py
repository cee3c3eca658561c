"""How many processes with a GPU each a container starts: the parallel sizes of model servers and launchers.

What the options mean follows vllm/config/parallel.py and vllm/engine/arg_utils.py, sglang/srt/server_args.py,
text-generation-inference launcher/src/main.rs, tensorrt_llm/commands/serve.py, torch/distributed/run.py,
accelerate/commands/launch.py and deepspeed/launcher/runner.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from math import prod

from gpulint.facts.request.command import Command, Option, command_of
from gpulint.finding import Confidence
from gpulint.frozen import frozen
from gpulint.graph.workloads import Workload
from gpulint.kube.kinds import Container
from gpulint.kube.tree import mappings, text
from gpulint.manifest import Place


@frozen
class Ranks:
    """The processes of one container that use a GPU each."""

    engine: str
    """`vLLM`, `torchrun` …"""
    count: int
    told: str
    """What says so: `--tensor-parallel-size 4 × -pp 2`; of a default `no --tensor-parallel-size`."""
    confidence: Confidence
    place: Place
    """The number; the arguments that lack it."""


@frozen
class _Engine:
    name: str
    runs: re.Pattern[str]
    """Its command."""
    image: re.Pattern[str]
    """Images whose entry point it is."""
    probable_image: re.Pattern[str]
    """Images whose entry point takes its options, and may add some."""
    sizes: tuple[tuple[str, ...], ...]
    """Names of the options whose values are multiplied."""
    default: bool
    """Whether there is one process where none of them is written."""
    elsewhere: tuple[str, ...]
    """Options that spread the processes over pods, or decide about them in another way."""
    variable: str = ""
    """Sets the only size where no option does."""
    one_value: Mapping[str, str] | None = None
    """Options among `elsewhere` with the value under which they change nothing."""


_NEVER = re.compile(r"(?!)")
_VLLM = _Engine(
    "vLLM",
    re.compile(r"\bvllm serve\b|\bvllm\.entrypoints\.(?:openai\.)?api_server\b"),
    re.compile(r"(?:^|/)vllm-openai(?:[:@]|$)"),
    re.compile(r"(?:^|/)[\w.-]*vllm[\w.-]*(?:[:@]|$)"),
    (
        ("--tensor-parallel-size", "-tp"),
        ("--pipeline-parallel-size", "-pp"),
        ("--data-parallel-size", "-dp"),
    ),
    default=True,
    elsewhere=(
        "--nnodes",
        "--node-rank",
        "--headless",
        "--config",
        "--device",
        "--omni",
        "--distributed-executor-backend",
        "--data-parallel-backend",
        "-dpb",
        "--data-parallel-address",
        "-dpa",
        "--data-parallel-hybrid-lb",
        "--data-parallel-external-lb",
        "--data-parallel-rank",
        "-dpn",
        "--data-parallel-start-rank",
        "-dpr",
        "--data-parallel-size-local",
        "-dpl",
        "--prefill-context-parallel-size",
        "-pcp",
        "--enable-elastic-ep",
    ),
    one_value={"--nnodes": "1", "--distributed-executor-backend": "mp", "--data-parallel-backend": "mp", "-dpb": "mp"},
)
_ENGINES = (
    _VLLM,
    _Engine(
        "SGLang",
        re.compile(r"\bsglang\.launch_server\b|\bsglang serve\b"),
        _NEVER,
        _NEVER,
        (
            ("--tensor-parallel-size", "--tp-size", "--tp"),
            ("--pipeline-parallel-size", "--pp-size", "--pp"),
            ("--data-parallel-size", "--dp-size", "--dp"),
        ),
        default=True,
        elsewhere=(
            "--nnodes",
            "--node-rank",
            "--dist-init-addr",
            "--config",
            "--device",
            "--num-gpus",
            "--base-gpu-id",
            "--gpu-id-step",
            "--enable-dp-attention",
            "--use-ray",
        ),
        one_value={"--nnodes": "1", "--base-gpu-id": "0", "--gpu-id-step": "1", "--device": "cuda"},
    ),
    _Engine(
        "text-generation-inference",
        re.compile(r"\btext-generation-launcher\b"),
        re.compile(r"(?:^|/)text-generation-inference(?:[:@]|$)"),
        _NEVER,
        (("--num-shard",),),
        default=False,
        elsewhere=(),
        variable="NUM_SHARD",
    ),
    _Engine(
        "trtllm-serve",
        re.compile(r"\btrtllm-serve\b"),
        _NEVER,
        _NEVER,
        (("--tp-size",), ("--pp-size",)),
        default=False,
        elsewhere=("--extra-llm-api-options", "--config", "--config-file", "--server-role", "--gpus-per-node"),
    ),
)
_ENGINE_PARTS = re.compile(r"\bvllm\.entrypoints|\bvllm serve|\bsglang\b|\btext-generation-launcher|\btrtllm-")
_SPREADS = re.compile(
    r"\bray (?:start|job|symmetric-run)\b|\bmpirun\b|\bmpiexec\b|\bsrun\b|\btrtllm-llmapi-launch\b|multi-node"
)
"""Commands that start processes on other machines, or on each."""


def ranks(workload: Workload, container: Container) -> Ranks | None:
    """The processes that a container starts; None where it is not known, or where they may be in several pods."""
    command = command_of(workload, container)
    launched = _launched(workload, command)
    if launched is not None:
        return launched
    if _spans_pods(workload) or _SPREADS.search(command.line):
        return None
    engine = _engine(workload, container, command)
    return _served(engine, workload, container, command) if engine else None


# --- model servers ----------------------------------------------------------------------------------------------------


def _spans_pods(workload: Workload) -> bool:
    """Whether several pods may serve one model: where the kind is not one whose pods are all alike and whole."""
    template = workload.template
    if template.embeds:
        return False
    kind = template.kind
    if kind is None or kind.is_template or kind.gang or kind.group == "ray.io":
        return True
    return any(each.role != template.role and each.role in {"worker", "workers"} for each in workload.siblings)


def _engine(workload: Workload, container: Container, command: Command) -> _Engine | None:
    line = command.line
    runs = [engine for engine in _ENGINES if engine.runs.search(line)]
    if runs or workload.container(container).get("command"):
        once = len(runs) == 1 and len(_ENGINE_PARTS.findall(line)) == 1
        return runs[0] if once else None
    image = text(workload.container(container).get("image"))
    for engine in _ENGINES:
        if engine.image.search(image):
            return engine
        if engine.probable_image.search(image):
            return replace(engine, default=False)
    return None


def _served(engine: _Engine, workload: Workload, container: Container, command: Command) -> Ranks | None:
    neutral = engine.one_value or {}
    alone = workload.template.embeds and not _joins_ray(workload, container, command)
    by_ray = False
    if engine.name == _VLLM.name and _variable(workload, container, "RAY_ADDRESS"):
        return None  # some releases take Ray's nodes of their own accord
    for option in (option for name in engine.elsewhere for option in command.options(name)):
        by_ray = by_ray or option.value == "ray"
        if not option.known or (option.value != neutral.get(option.name) and not (alone and option.value == "ray")):
            return None
    sizes = [command.options(*names) for names in engine.sizes]
    if any(len(found) > 1 or found[0].number < 1 for found in sizes if found):
        return None
    found = [options[0] for options in sizes if options]
    if not found:
        return _unstated(engine, workload, container, command)
    if command.open and len(found) < len(engine.sizes):
        return _ranks(engine, found, "low")
    return _ranks(engine, found, "medium" if by_ray else "high")


def _joins_ray(workload: Workload, container: Container, command: Command) -> bool:
    """Whether the container may find a Ray cluster; else Ray starts one of the container's own GPUs."""
    fields = workload.container(container)
    named = any(text(item.get("name")).startswith("RAY_") for _, item in mappings(fields.get("env")))
    return named or bool(fields.get("envFrom")) or _may_run_others(command) or not fields.get("command")


def _unstated(engine: _Engine, workload: Workload, container: Container, command: Command) -> Ranks | None:
    if engine.variable:
        option = _variable(workload, container, engine.variable)
        return _ranks(engine, [option], "high") if option and option.number > 0 else None
    if not engine.default or command.open or _may_run_others(command):
        return None
    fields = workload.container(container)
    field = next((name for name in ("args", "command", "image") if fields.get(name)), "resources")
    return Ranks(
        engine.name,
        1,
        f"no {engine.sizes[0][0]}",
        confidence="medium",
        place=workload.place(container, (field,), key=True),
    )


def _may_run_others(command: Command) -> bool:
    """Whether a script starts something else in the background, or calls what the manifest does not show."""
    return any(word.text == "&" or word.text.endswith((".sh", ".py")) for word in command.words)


def _variable(workload: Workload, container: Container, name: str) -> Option | None:
    for index, item in mappings(workload.container(container).get("env")):
        if item.get("name") == name:
            place = workload.place(container, ("env", index, "value"))
            return Option(name, text(item.get("value")), "valueFrom" not in item, place)
    return None


def _ranks(engine: _Engine, sizes: list[Option], confidence: Confidence) -> Ranks:
    counted = [option for option in sizes if option.number > 1] or sizes
    return Ranks(
        engine.name,
        prod(option.number for option in sizes),
        " × ".join(f"{option.name} {option.value}" for option in counted),
        confidence=confidence,
        place=counted[0].place,
    )


# --- launchers --------------------------------------------------------------------------------------------------------


@frozen
class _Launcher:
    name: str
    runs: re.Pattern[str]
    processes: tuple[str, ...]
    machines: tuple[str, ...]
    """Options with the number of machines, where `processes` counts those of all."""


_LAUNCHERS = (
    _Launcher(
        "torchrun",
        re.compile(r"\btorchrun\b|\btorch\.distributed\.(?:run|launch)\b"),
        ("--nproc-per-node",),
        (),
    ),
    _Launcher("accelerate", re.compile(r"\baccelerate launch\b"), ("--num-processes",), ("--num-machines",)),
    _Launcher("deepspeed", re.compile(r"(?:^|\s|/)deepspeed(?=\s)"), ("--num-gpus",), ()),
)
_ANY_LAUNCHER = re.compile("|".join(launcher.runs.pattern for launcher in _LAUNCHERS))


def _launched(workload: Workload, command: Command) -> Ranks | None:
    """Processes that a launcher of training starts in this container."""
    line = command.line
    if len(_ANY_LAUNCHER.findall(line)) != 1:
        return None
    launcher = next(each for each in _LAUNCHERS if each.runs.search(line))
    machines = command.options(*launcher.machines) if launcher.machines else []
    if any(option.number != 1 for option in machines) or command.has("--cpu", "--use-cpu", "--use_cpu"):
        return None
    options = command.options(*launcher.processes)
    if not options and launcher.name == "torchrun" and not command.open:
        options = _per_node(workload)
    if len(options) != 1 or options[0].number < 1:
        return None
    return Ranks(
        launcher.name,
        options[0].number,
        f"{options[0].name} {options[0].value}",
        confidence="medium",
        place=options[0].place,
    )


def _per_node(workload: Workload) -> list[Option]:
    """What the training operator hands to torchrun (kubeflow/trainer v1 pkg/controller.v1/pytorch/envvar.go)."""
    manifest = workload.manifest
    value = manifest.get("spec", "nprocPerNode")
    if manifest.kind != "PyTorchJob" or value is None:
        return []
    return [Option("nprocPerNode", text(value), known=True, place=manifest.place("spec", "nprocPerNode"))]
