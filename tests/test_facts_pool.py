"""What a node's own label promises, and what the configuration makes of it."""

from __future__ import annotations

import pytest

from gpulint.facts.pool import Pool, pools
from tests.linked import MPS, SLICED, SLICED_MIG, linked, node, policy, settings

HOUSE = "nvidia.com/gpu-sharing"
CONFIG = "nvidia.com/device-plugin.config"
PRODUCT = "nvidia.com/gpu.product"
A100 = "NVIDIA-A100-SXM4-40GB"


def pool(*texts: str) -> Pool:
    (found,) = pools(linked({"all.yaml": "".join(texts)}))
    return found


@pytest.mark.parametrize(
    ("labels", "texts", "resolved"),
    [
        ({}, (policy("any"), settings(any=SLICED)), "time-slicing"),
        ({CONFIG: "mps"}, (policy("any"), settings(any=SLICED, mps=MPS)), "mps"),
        ({}, (policy(), settings(any=SLICED)), ""),
        ({}, (settings(any=SLICED),), ""),
        ({CONFIG: "any"}, (settings(any=SLICED),), "time-slicing"),
        ({"nvidia.com/gpu.sharing-strategy": "mps"}, (policy("any"), settings(any=SLICED)), "mps"),
        ({"nvidia.com/mig.config": "all-1g.5gb", PRODUCT: A100}, (policy(strategy="mixed", config=""),), "mig"),
        ({"nvidia.com/mig.config": "all-1g.5gb", PRODUCT: A100}, (policy(strategy="none", config=""),), ""),
        (
            {"nvidia.com/mig.config": "all-1g.5gb", PRODUCT: A100},
            (policy("any", strategy="mixed"), settings(any=SLICED_MIG)),
            "",
        ),
    ],
    ids=[
        "by default",
        "by label",
        "nothing chooses",
        "nothing names the config",
        "a label without installer",
        "by feature discovery",
        "MIG",
        "MIG that is not advertised",
        "slices of MIG slices are both",
    ],
)
def test_what_the_configuration_gives(labels: dict[str, str], texts: tuple[str, ...], resolved: str) -> None:
    assert pool(node(labels={HOUSE: "full", **labels}), *texts).resolved == resolved


def test_what_a_house_label_promises() -> None:
    found = pool(node(labels={HOUSE: "full"}), policy("any"), settings(any=SLICED))
    assert (found.promised, found.promise, found.confidence) == ("none", f"{HOUSE}=full", "high")
    assert found.resolved_place.field() == "data.any.sharing.timeSlicing.resources[0].replicas"
    assert pool(node(labels={"team": "a"})).promised == ""


def test_a_config_that_no_installer_names_is_less_sure() -> None:
    assert pool(node(labels={CONFIG: "any"}), settings(any=SLICED)).confidence == "medium"


@pytest.mark.parametrize(
    ("labels", "config", "ruled_out"),
    [
        ({PRODUCT: "Tesla-T4"}, SLICED, True),
        ({PRODUCT: A100}, SLICED, False),
        ({}, SLICED, False),
        ({"nvidia.com/mig.config": "all-disabled"}, SLICED, True),
        ({CONFIG: "any"}, SLICED, True),
        ({CONFIG: "any"}, SLICED_MIG, False),
    ],
    ids=["no MIG", "MIG", "unknown GPU", "turned off", "a config for whole GPUs", "a config for slices"],
)
def test_whether_mig_is_ruled_out(labels: dict[str, str], config: str, ruled_out: bool) -> None:
    assert pool(node(labels=labels), policy("any"), settings(any=config)).mig_ruled_out is ruled_out
