"""Who meets on a time-sliced GPU, and how much memory servers reserve there."""

from __future__ import annotations

import pytest

from gpulint.config import DEFAULTS, Config, parse
from gpulint.facts.owner import Owners
from gpulint.facts.sharing.meeting import Crowd, Meetings, Tenancy, crowds, tenancies
from gpulint.graph import Graph
from tests.linked import MPS, SLICED, document, linked, policy, settings

SLICES = {"nvidia.com/gpu.sharing-strategy": "time-slicing"}
QUOTA = document("ResourceQuota", "q", metadata={"namespace": "a"}, spec={"hard": {"pods": 9}})

PROFILE = document(
    "Profile", "b", "kubeflow.org/v1", spec={"resourceQuotaSpec": {"hard": {"requests.nvidia.com/gpu": 1}}}
)
APART = {
    "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]}
}


def server(
    name: str,
    *args: str,
    replicas: int = 1,
    namespace: str = "a",
    image: str = "vllm/vllm-openai:v0.9.1",
    command: list[str] | None = None,
    env: dict[str, str] | None = None,
    **spec: object,
) -> str:
    container: dict[str, object] = {"name": "c", "image": image, "resources": {"limits": {"nvidia.com/gpu": 1}}}
    if args:
        container["args"] = list(args)
    if command:
        container["command"] = command
    if env:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    template = {"metadata": {"labels": {"team": name}}, "spec": {"containers": [container], **spec}}
    metadata = {"namespace": namespace}
    return document("Deployment", name, "apps/v1", metadata=metadata, spec={"replicas": replicas, "template": template})


def graph_of(*texts: str, **files: str) -> Graph:
    return linked({"all.yaml": "".join(texts), **{f"{name}.sh": text for name, text in files.items()}})


def crowd(*texts: str, **files: str) -> list[Crowd]:
    graph = graph_of(*texts, **files)
    return list(crowds(graph, Meetings(graph, Owners({}))))


def tenancy(*texts: str, config: Config = DEFAULTS, **files: str) -> list[Tenancy]:
    graph = graph_of(*texts, **files)
    return list(tenancies(graph, Meetings(graph, Owners({})), config))


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "percent", "pods"),
    [
        (server("s", "--model=m", replicas=2), 180, 2),
        (server("s", "--model=m"), 90, 1),
        (server("s", "--gpu-memory-utilization=0.3", replicas=9), 120, 4),
        (server("s", "--gpu-memory-utilization", "0.30", replicas=3), 90, 3),
        (server("s", "--gpu_memory_utilization", ".4", replicas=2), 80, 2),
        (server("s", command=["sh", "-c", "vllm serve m --gpu-memory-utilization 0.6"], replicas=2), 120, 2),
        (server("s", "--mem-fraction-static", "0.8", image="lmsysorg/sglang:latest", replicas=2), 160, 2),
        (server("s", "x", image="ghcr.io/huggingface/text-generation-inference:3.3", replicas=2), 200, 2),
        (
            server(
                "s",
                image="ghcr.io/huggingface/text-generation-inference:3.3",
                env={"CUDA_MEMORY_FRACTION": "0.45"},
                replicas=2,
            ),
            90,
            2,
        ),
        (server("s", "x", image="tensorflow/serving:2.16.1-gpu", replicas=2), 200, 2),
        (server("s", "x", replicas=2, affinity=APART), 90, 1),
    ],
    ids=[
        "default", "one pod", "as many as slices", "two words", "underscores", "script", "sglang", "tgi", "variable",
        "tensorflow", "pods keep apart",
    ],
)  # fmt: skip
def test_what_servers_reserve_together(text: str, percent: int, pods: int) -> None:
    (found,) = crowd(text, policy("any"), settings(any=SLICED))
    assert (found.percent, found.pods) == (percent, pods)


@pytest.mark.parametrize(
    "text",
    [
        server("s", "$(EXTRA)", replicas=2),
        server("s", "--kv-cache-memory-bytes=1G", replicas=2),
        server("s", "--gpu-memory-utilization=${FRACTION}", replicas=2),
        server("s", "--gpu-memory-utilization", "$(FRACTION)", replicas=2),
        server("s", image="example.com/app:1", replicas=2),
        server("s", image="tensorflow/serving:2.16.1-gpu", env={"TF_FORCE_GPU_ALLOW_GROWTH": "true"}, replicas=2),
    ],
    ids=["argument filled in", "bytes instead", "filled in", "two words", "no server", "memory grows"],
)
def test_what_is_not_known_is_not_counted(text: str) -> None:
    assert crowd(text, policy("any"), settings(any=SLICED)) == []


def test_servers_meet_where_the_same_nodes_take_them() -> None:
    one, other = server("one", "x", nodeSelector={"pool": "a"}), server("two", "x", nodeSelector={"pool": "b"})
    nodes = "\n".join(f"kubectl label node gpu-{pool} pool={pool} nvidia.com/gpu-sharing=time-slicing" for pool in "ab")
    assert [each.pods for each in crowd(one, other, nodes=nodes)] == [1, 1]
    (together,) = crowd(one, other.replace('"b"', '"a"'), nodes=nodes)
    assert (together.pods, together.names) == (2, ("Deployment a/one", "Deployment a/two"))


def test_mps_divides_memory() -> None:
    assert crowd(server("s", "x", replicas=2), policy("any"), settings(any=MPS)) == []


def test_a_label_of_their_own_says_nothing_of_the_only_configuration() -> None:
    texts = (server("s", "x", replicas=2, nodeSelector={"pool": "whole"}), settings(any=SLICED))
    assert [each.confidence for each in crowd(*texts)] == ["low"]
    assert [each.confidence for each in crowd(server("s", "x", replicas=2), settings(any=SLICED))] == ["medium"]


def test_the_number_is_pointed_at() -> None:
    (found,) = crowd(server("s", "--gpu-memory-utilization=0.75", replicas=2, nodeSelector=SLICES))
    start, end = found.place.span()
    assert found.place.document.source.text[start:end] == "0.75"


# --- tenants ----------------------------------------------------------------------------------------------------------

TWO = server("one", "x") + server("two", "x", namespace="b")
SHARED = policy("any") + settings(any=SLICED)


@pytest.mark.parametrize(
    ("texts", "label", "tenants", "matters"),
    [
        ((TWO, SHARED, QUOTA), "", ("a", "b"), True),
        ((TWO, SHARED), "", ("a", "b"), False),
        ((server("one", "x"), server("two", "x"), SHARED, QUOTA), "", (), False),
        ((server("one", "x"), server("two", "x"), SHARED), "team", ("one", "two"), True),
        ((TWO, SHARED, PROFILE), "", ("a", "b"), True),
        ((TWO, policy("any"), settings(any=MPS), QUOTA), "", (), False),
        ((TWO.replace('"b"', '"${NS}"'), SHARED, QUOTA), "", (), False),
    ],
    ids=["quota", "nothing keeps them apart", "one namespace", "label", "profile", "MPS", "placeholder"],
)
def test_tenants_that_meet(texts: tuple[str, ...], label: str, tenants: tuple[str, ...], matters: bool) -> None:
    config = parse(f'tenant-label = "{label}"', "gpulint.toml") if label else DEFAULTS
    found = tenancy(*texts, config=config)
    assert [(each.tenants, each.matters) for each in found] == ([(tenants, matters)] if tenants else [])


def test_a_namespace_carries_the_label_of_its_tenant() -> None:
    names = "".join(
        document("Namespace", name, metadata={"labels": {"owner": owner}})
        for name, owner in (("a", "red"), ("b", "blue"))
    )
    found = tenancy(TWO, SHARED, names, config=parse('tenant-label = "owner"', "gpulint.toml"))
    assert [each.tenants for each in found] == [("blue", "red")]


def test_any_number_is_taken_as_it_is_written() -> None:
    endless = "9" * 400
    text = server("s", f"--gpu-memory-utilization={endless}", replicas=2) + server("t", "x", replicas=10**12)
    (found,) = crowd(text, policy("any"), settings(any=SLICED.replace("replicas: 4", f"replicas: {10**15}")))
    assert (found.names, found.pods) == (("Deployment a/t",), 100)
