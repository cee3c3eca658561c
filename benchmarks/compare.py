"""Speed and memory of gpulint beside its peers, measured in one run, because machines differ more than tools.

    python benchmarks/compare.py [--peers] [--peers-path FOLDER] [--repeat N] [--scale] [NAME=FOLDER …]

Without folders it measures synthetic repositories (see `synthetic.py`). With `--peers` it installs checkov and yamllint
into a virtual environment of their own (kept in benchmarks/.peers), looks for kube-linter, kube-score and kubeconform
on PATH and in the folder of `--peers-path`, and gives their times as multiples of gpulint's. Times are those of the
processor, of all processes of a tool together: what else the machine does counts for less.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import synthetic

HERE = Path(__file__).parent
IN_PYTHON = ("checkov", "yamllint")
BINARIES = ("kube-linter", "kube-score", "kubeconform")
SIZES = (12_500, 25_000, 50_000, 100_000)


@dataclass(frozen=True, slots=True)
class Tool:
    """How a peer is started."""

    version: tuple[str, ...]
    check: tuple[str, ...]
    """The folder follows."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The median of some runs."""

    seconds: float
    megabytes: float
    """Peak resident memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="NAME=FOLDER")
    parser.add_argument("--peers", action="store_true", help="measure others as well")
    parser.add_argument("--peers-path", type=Path, help="where binaries of peers are that are not on PATH")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--manifests", type=int, default=3200, help="size of the synthetic repository")
    parser.add_argument("--scale", action="store_true", help="gpulint alone on repositories that double in size")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if asked.scale:
            _scale(Path(scratch), asked.repeat)
            return
        folders = dict(_named(asked.folders)) or {"synthetic repository": _synthetic(Path(scratch), asked.manifests)}
        tools = {"gpulint": _gpulint(), **(_peers(asked.peers_path, Path(scratch)) if asked.peers else {})}
        print(f"{'':34}{'seconds':>9}{'MB':>8}   ratio to gpulint")
        _row("--version", {name: _run(tool.version, asked.repeat) for name, tool in tools.items()})
        single = _single(Path(scratch))
        _row("one file", {name: _run([*tool.check, str(single)], asked.repeat) for name, tool in tools.items()})
        for name, folder in folders.items():
            count = sum(1 for each in folder.rglob("*.y*ml") if each.is_file())
            costs = {tool: _run([*each.check, str(folder)], asked.repeat) for tool, each in tools.items()}
            _row(f"{name} ({count} YAML files)", costs)
            _again(folder, Path(scratch) / "cache", costs["gpulint"])


def _scale(scratch: Path, repeat: int) -> None:
    before = 0.0
    for size in SIZES:
        cost = _run([*_gpulint().check, str(_synthetic(scratch, size))], repeat)
        growth = f"   {cost.seconds / before:.2f}× the time of half as many" if before else ""
        print(f"{size:9,} manifests{cost.seconds:9.2f} s{cost.megabytes:8.0f} MB{growth}", flush=True)
        before = cost.seconds


def _again(folder: Path, cache: Path, own: Cost) -> None:
    """A second run in which nothing has changed."""
    command = [each for each in _gpulint().check if each != "--no-cache"] + ["--cache-dir", str(cache), str(folder)]
    _run(command, 1)
    again = _run(command, 3)
    print(
        f"  {'gpulint, nothing changed':32}{again.seconds:9.2f}{again.megabytes:8.0f}"
        f"   {again.seconds / own.seconds:.2f}× time"
    )


def _row(what: str, costs: dict[str, Cost]) -> None:
    own = costs["gpulint"]
    print(what)
    for name, cost in costs.items():
        times, sizes = cost.seconds / own.seconds, cost.megabytes / own.megabytes
        ratio = "" if name == "gpulint" else f"   {times:.1f}× time, {sizes:.1f}× memory"
        print(f"  {name:32}{cost.seconds:9.2f}{cost.megabytes:8.0f}{ratio}", flush=True)


def _gpulint() -> Tool:
    itself = (sys.executable, "-m", "gpulint")
    flags = ("--isolated", "--exit-zero", "--allow-empty", "--quiet", "--format", "concise", "--no-cache")
    return Tool((*itself, "--version"), (*itself, "check", *flags))


def _peers(path: Path | None, scratch: Path) -> dict[str, Tool]:
    schema = scratch / "any.json"
    schema.write_text("{}", encoding="utf-8")
    home = HERE / ".peers"
    if not home.is_dir():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *IN_PYTHON], check=True)
    checkov, yamllint = (str(home / "bin" / name) for name in IN_PYTHON)
    found = {
        "checkov": Tool((checkov, "--version"), (checkov, "--framework", "kubernetes", "--quiet", "--soft-fail", "-d")),
        "yamllint": Tool((yamllint, "--version"), (yamllint, "--no-warnings", "-d", "relaxed")),
    }
    search = os.pathsep.join([*([str(path)] if path else []), os.environ.get("PATH", "")])
    for name in BINARIES:
        program = shutil.which(name, path=search)
        if program is None:
            print(f"{name}: not measured, it is neither on PATH nor in --peers-path", file=sys.stderr)
        else:
            found[name] = _binary(name, program, schema)
    return found


def _binary(name: str, program: str, schema: Path) -> Tool:
    """kube-score takes files only: `sh` finds them, in one process for all."""
    if name == "kube-linter":
        return Tool((program, "version"), (program, "lint"))
    if name == "kubeconform":  # with one schema that allows everything, as others would have to be fetched
        return Tool((program, "-v"), (program, "-summary", "-schema-location", str(schema)))
    script = 'find "$1" -name "*.y*ml" -type f -print0 | xargs -0 -n 100000 "$0" score'
    return Tool((program, "version"), ("sh", "-c", script, program))


def _run(command: Sequence[str], repeat: int) -> Cost:
    runs = [_once(command) for _ in range(repeat)]
    return Cost(statistics.median(run.seconds for run in runs), statistics.median(run.megabytes for run in runs))


def _once(command: Sequence[str]) -> Cost:
    """One run in a child of its own, so that its times and the peak of its memory are its own."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": ""}
    child = [sys.executable, "-c", _CHILD, *command]
    done = subprocess.run(child, capture_output=True, text=True, check=True, env=environment)
    seconds, peak = done.stdout.split()
    return Cost(float(seconds), int(peak) / (1024 * 1024 if sys.platform == "darwin" else 1024))


_CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def _named(given: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for each in given:
        name, _, folder = each.rpartition("=")
        yield name or Path(folder).name, Path(folder).resolve()


def _single(scratch: Path) -> Path:
    """A folder with one GPU job: checkov takes folders only."""
    folder = scratch / "single"
    folder.mkdir()
    (folder / "job.yaml").write_text(synthetic.manifest(3, pools=2), encoding="utf-8")
    return folder


def _synthetic(scratch: Path, manifests: int) -> Path:
    folder = scratch / f"synthetic-{manifests}"
    synthetic.write(folder, manifests)
    return folder


if __name__ == "__main__":
    main()
