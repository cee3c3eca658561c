"""Speed and memory of gpulint beside its peers, measured in one run, because machines differ more than tools.

    python benchmarks/compare.py [--peers] [--repeat N] [NAME=FOLDER …]

Without folders it measures a synthetic repository that it makes itself. With `--peers` it installs checkov and yamllint
into a virtual environment of their own (kept in benchmarks/.peers) and gives their times as multiples of gpulint's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PEERS = ("checkov", "yamllint")


@dataclass(frozen=True, slots=True)
class Cost:
    """The median of some runs."""

    seconds: float
    megabytes: float
    """Peak resident memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="NAME=FOLDER")
    parser.add_argument("--peers", action="store_true", help="measure checkov and yamllint as well")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--files", type=int, default=800, help="size of the synthetic repository")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = dict(_named(asked.folders)) or {"synthetic repository": _synthetic(Path(scratch), asked.files)}
        single = _single(Path(scratch))
        tools = {"gpulint": _gpulint(), **(_peers() if asked.peers else {})}
        print(f"{'':34}{'seconds':>9}{'MB':>8}   ratio to gpulint")
        _row("--version", {name: _run([*command[:-1], "--version"], asked.repeat) for name, command in _starts(tools)})
        _row("one file", {name: _run([*command, str(single)], asked.repeat) for name, command in tools.items()})
        for name, folder in folders.items():
            count = sum(1 for each in folder.rglob("*.y*ml") if each.is_file())
            costs = {tool: _run([*command, str(folder)], asked.repeat) for tool, command in tools.items()}
            _row(f"{name} ({count} YAML files)", costs)


def _row(what: str, costs: dict[str, Cost]) -> None:
    own = costs["gpulint"]
    print(what)
    for name, cost in costs.items():
        times, sizes = cost.seconds / own.seconds, cost.megabytes / own.megabytes
        ratio = "" if name == "gpulint" else f"   {times:.1f}× time, {sizes:.1f}× memory"
        print(f"  {name:32}{cost.seconds:9.2f}{cost.megabytes:8.0f}{ratio}")


def _gpulint() -> list[str]:
    return [sys.executable, "-m", "gpulint", "check", "--exit-zero", "--allow-empty", "--quiet", "--format", "concise"]


def _starts(tools: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for name, command in tools.items():
        yield name, [sys.executable, "-m", "gpulint", ""] if name == "gpulint" else [command[0], ""]


def _peers() -> dict[str, list[str]]:
    home = HERE / ".peers"
    if not home.is_dir():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *PEERS], check=True)
    return {
        "checkov": [str(home / "bin" / "checkov"), "--framework", "kubernetes", "--quiet", "--soft-fail", "-d"],
        "yamllint": [str(home / "bin" / "yamllint"), "--no-warnings", "-d", "relaxed"],
    }


def _run(command: Sequence[str], repeat: int) -> Cost:
    runs = [_once(command) for _ in range(repeat)]
    return Cost(statistics.median(run.seconds for run in runs), statistics.median(run.megabytes for run in runs))


def _once(command: Sequence[str]) -> Cost:
    """One run in a child of its own, so that the peak of its memory is its own."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": ""}
    child = [sys.executable, "-c", _CHILD, *command]
    done = subprocess.run(child, capture_output=True, text=True, check=True, env=environment)
    seconds, peak = done.stdout.split()
    return Cost(float(seconds), int(peak) / (1024 * 1024 if sys.platform == "darwin" else 1024))


_CHILD = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _named(given: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for each in given:
        name, _, folder = each.rpartition("=")
        yield name or Path(folder).name, Path(folder).resolve()


def _single(scratch: Path) -> Path:
    """A folder with one GPU pod: checkov takes folders only."""
    folder = scratch / "single"
    folder.mkdir()
    (folder / "pod.yaml").write_text(_POD.format(name="one", gpus=1), encoding="utf-8")
    return folder


def _synthetic(scratch: Path, files: int) -> Path:
    """Three manifests in four have nothing to do with GPUs, as in real repositories."""
    folder = scratch / "synthetic"
    for number in range(files):
        place = folder / f"team-{number % 17}"
        place.mkdir(parents=True, exist_ok=True)
        gpu = number % 4 == 0
        text = _POD.format(name=f"train-{number}", gpus=number % 8 + 1) if gpu else _PLAIN.format(name=f"web-{number}")
        (place / f"{number}.yaml").write_text(text, encoding="utf-8")
    return folder


_POD = """apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: research
spec:
  nodeSelector:
    nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB
  tolerations:
    - key: nvidia.com/gpu
      operator: Exists
  containers:
    - name: main
      image: pytorch/pytorch:2.6.0
      command: [torchrun, train.py]
      resources:
        limits:
          nvidia.com/gpu: {gpus}
"""

_PLAIN = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
        - name: web
          image: nginx:1.29
          ports:
            - containerPort: 80
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector:
    app: {name}
  ports:
    - port: 80
"""

if __name__ == "__main__":
    main()
