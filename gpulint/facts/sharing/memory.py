"""GPU memory that servers reserve when they start: what their command says, else what their engine takes by default."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gpulint.frozen import frozen
from gpulint.graph.workloads import Asked, Workload
from gpulint.kube.tree import is_placeholder, mapping, mappings, sequence, text
from gpulint.manifest import Place


@frozen
class Reservation:
    """The part of a GPU's memory that one process of a server takes for itself."""

    engine: str
    percent: int
    stated: bool
    """Whether it is written; else it is the engine's default."""
    place: Place
    """The number, else the arguments that lack it."""


@frozen
class _Engine:
    name: str
    option: re.Pattern[str]
    """Sets the fraction."""
    variable: str
    image: re.Pattern[str]
    command: re.Pattern[str]
    default: int
    """Percent without the option; 0 when it depends."""
    instead: re.Pattern[str]
    """Other settings that decide how much memory is taken."""
    instead_variable: str = ""


_NUMBER = re.compile(r"[\s=\"']+([0-9]{0,9}\.?[0-9]{1,9})(?![^\s\"'\\;&|)])")
_NEVER = re.compile(r"(?!)")
_ENGINES = (
    # vllm/engine/arg_utils.py; the default is 0.9, in newer releases 0.92
    _Engine(
        "vLLM",
        re.compile(r"--gpu[-_]memory[-_]utilization(?![\w-])"),
        "",
        re.compile(r"(?:^|/)vllm-openai(?:$|[:@])"),
        re.compile(r"\bvllm\s+serve\b|\bvllm\.entrypoints\b"),
        90,
        re.compile(r"--kv[-_]cache[-_]memory[-_]bytes|--config\b|--device[\s=]+cpu|--headless"),
    ),
    # sglang/srt/server_args.py; by default it depends on the GPU
    _Engine(
        "SGLang",
        re.compile(r"--mem-fraction-static(?![\w-])"),
        "",
        _NEVER,
        _NEVER,
        0,
        _NEVER,
    ),
    # text-generation-inference launcher/src/main.rs
    _Engine(
        "text-generation-inference",
        re.compile(r"--cuda-memory-fraction(?![\w-])"),
        "CUDA_MEMORY_FRACTION",
        re.compile(r"(?:^|/)text-generation-inference(?:$|[:@])"),
        re.compile(r"\btext-generation-launcher\b"),
        100,
        _NEVER,
    ),
    # tensorflow_serving/model_servers/main.cc, where 0 stands for all
    _Engine(
        "TensorFlow Serving",
        re.compile(r"--per_process_gpu_memory_fraction(?![\w-])"),
        "",
        re.compile(r"(?:^|/)tensorflow/serving:[^@]*gpu"),
        re.compile(r"\btensorflow_model_server\b"),
        100,
        _NEVER,
        "TF_FORCE_GPU_ALLOW_GROWTH",
    ),
)


def reservation(workload: Workload, asked: Asked) -> Reservation | None:
    """What the container reserves of each GPU; None when it is no such server, or the amount is not known."""
    container = workload.container(asked.container)
    for engine in _ENGINES:
        found = _of_engine(engine, workload, asked, container)
        if found is not None:
            return found if 0 < found.percent <= 100 else None
    return None


def _of_engine(
    engine: _Engine, workload: Workload, asked: Asked, container: Mapping[str, object]
) -> Reservation | None:
    words = list(_words(workload, asked, container))
    command = " ".join(word for word, _ in words)
    if engine.instead.search(command) or _variable(container, engine.instead_variable):
        return None
    if engine.option.search(command):
        return _stated(engine, words)
    if (variable := _variable(container, engine.variable)) is not None:
        return None if is_placeholder(variable) else _default(engine, workload, asked, container, variable)
    image = posixpath.normpath(text(container.get("image")))
    evident = engine.image.search(image) if not container.get("command") else None
    if not engine.default or not (evident or engine.command.search(command)):
        return None
    if any(is_placeholder(word) for word, _ in words if word.startswith(("$", "{{")) or " " in word):
        return None  # an argument that is filled in later may be the option
    return _default(engine, workload, asked, container, "")


def _words(workload: Workload, asked: Asked, container: Mapping[str, object]) -> Iterator[tuple[str, Place]]:
    """Command and arguments with the place of each."""
    for field in ("command", "args"):
        value = container.get(field)
        if isinstance(value, str):
            yield value, workload.place(asked.container, (field,))
        for index, word in enumerate(sequence(value)):
            yield text(word), workload.place(asked.container, (field, index))


def _stated(engine: _Engine, words: list[tuple[str, Place]]) -> Reservation | None:
    """The option in one word, in two, or within a script; the last one counts. None where it is no number."""
    found = None
    for index, (word, place) in enumerate(words):
        for option in engine.option.finditer(word):
            number = _NUMBER.match(word, option.end())
            found = _percent(engine, number[1], _inside(place, number.span(1))) if number else None
            if option.end() == len(word) and index + 1 < len(words) and _NUMBER.fullmatch(f" {words[index + 1][0]}"):
                found = _percent(engine, *words[index + 1])
    return found


def _inside(place: Place, span: tuple[int, int]) -> Place:
    """A stretch of the string at a place."""
    embedded = place.embedded()
    return replace(place, extent=embedded.outer(*span)) if embedded else place


def _percent(engine: _Engine, written: str, place: Place) -> Reservation:
    fraction = float(written)
    if engine.name == "TensorFlow Serving" and fraction == 0:
        fraction = 1.0
    return Reservation(engine.name, round(fraction * 100), stated=True, place=place)


def _default(
    engine: _Engine, workload: Workload, asked: Asked, container: Mapping[str, object], variable: str
) -> Reservation | None:
    field = next((name for name in ("args", "command", "image") if container.get(name)), "resources")
    place = replace(workload.place(asked.container, (field,)), token="key")
    if not variable:
        return Reservation(engine.name, engine.default, stated=False, place=place)
    try:
        return _percent(engine, variable, place)
    except (OverflowError, ValueError):
        return None


def _variable(container: Mapping[str, object], name: str) -> str | None:
    """The value of an environment variable; None when it is not set."""
    for _, entry in mappings(container.get("env")):
        if name and entry.get("name") == name:
            return text(mapping(entry).get("value")) or "$"
    return None
