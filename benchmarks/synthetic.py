"""A repository of any size, of the kinds that clusters with GPUs are made of.

    python benchmarks/synthetic.py FOLDER MANIFESTS

Namespaces, pools and configurations grow with the manifests, as they do in the repository of a platform team; one
workload in ten asks for GPUs, and some of these ask for what they cannot get. The same number gives the same files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

PER_FILE = 4
"""Manifests per file."""
PER_NAMESPACE = 100
PER_POOL = 500
PER_CONFIG = 2500

_PRODUCTS = ("NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3", "NVIDIA-L4", "Tesla-T4", "NVIDIA-L40S")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("manifests", type=int)
    asked = parser.parse_args()
    write(asked.folder, asked.manifests)


def write(folder: Path, count: int) -> None:
    """Make the repository."""
    waiting: list[str] = []
    written = 0
    for number, text in enumerate(_manifests(count)):
        waiting.append(text)
        if len(waiting) == PER_FILE or number + 1 == count:
            place = folder / f"team-{written // 50:04}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{written:06}.yaml").write_text("---\n".join(waiting), encoding="utf-8")
            waiting.clear()
            written += 1


def _manifests(count: int) -> Iterator[str]:
    pools = max(count // PER_POOL, 2)
    for number in range(count):
        yield manifest(number, pools)


def manifest(number: int, pools: int) -> str:
    """One of the manifests; jobs select one of so many pools, and some one that there is not."""
    namespace = f"team-{number // PER_NAMESPACE}"
    if number % PER_CONFIG == 7:
        return _CONFIG.format(name=f"slices-{number // PER_CONFIG}", replicas=number % 3 + 2)
    if number % PER_POOL == 11:
        pool = number // PER_POOL
        product = _PRODUCTS[pool % len(_PRODUCTS)]
        return _NODE.format(name=f"gpu-{pool}", pool=pool, product=product, key=f"slices-{pool // 5}")
    if number % PER_NAMESPACE == 0:
        return _NAMESPACE.format(name=namespace)
    if number % PER_NAMESPACE == 1:
        return _QUOTA.format(namespace=namespace, gpus=number % 7 + 1)
    kind = number % 10
    if kind == 3:
        pool = number // 10 % (pools + pools // 10 + 1)  # some select a pool that there is not
        return _JOB.format(name=f"train-{number}", namespace=namespace, pool=pool, gpus=number // 10 % 8 + 1)
    if kind < 5:
        return _SERVICE.format(name=f"web-{number}", namespace=namespace)
    if kind < 7:
        return _SETTINGS.format(name=f"settings-{number}", namespace=namespace)
    return _DEPLOYMENT.format(name=f"web-{number}", namespace=namespace)


_NAMESPACE = """apiVersion: v1
kind: Namespace
metadata:
  name: {name}
"""

_QUOTA = """apiVersion: v1
kind: ResourceQuota
metadata:
  name: gpus
  namespace: {namespace}
spec:
  hard:
    requests.nvidia.com/gpu: "{gpus}"
"""

_NODE = """apiVersion: v1
kind: Node
metadata:
  name: {name}
  labels:
    example.com/pool: pool-{pool}
    nvidia.com/gpu.product: {product}
    nvidia.com/gpu.count: "8"
    nvidia.com/device-plugin.config: {key}
spec:
  taints:
    - key: nvidia.com/gpu
      effect: NoSchedule
"""

_CONFIG = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: gpu-operator
data:
  {name}: |
    version: v1
    sharing:
      timeSlicing:
        resources:
          - name: nvidia.com/gpu
            replicas: {replicas}
"""

_JOB = """apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  namespace: {namespace}
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector:
        example.com/pool: pool-{pool}
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

_SERVICE = """apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
spec:
  selector:
    app: {name}
  ports:
    - port: 80
"""

_SETTINGS = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {namespace}
data:
  settings.ini: |
    [server]
    port = 8080
    [log]
    level = info
"""

_DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
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
"""

if __name__ == "__main__":
    main()
