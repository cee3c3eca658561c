"""What nodes advertise, and the sharing behind it."""

from __future__ import annotations

import pytest

from gpulint.graph import Graph
from gpulint.graph.offers import Offers
from tests.linked import MPS, RENAMED, SLICED, SLICED_MIG, WHOLE, document, linked, node, policy, settings

PRODUCT = "nvidia.com/gpu.product"
STRATEGY = "nvidia.com/gpu.sharing-strategy"
REPLICAS = "nvidia.com/gpu.replicas"
CONFIG = "nvidia.com/device-plugin.config"
T4 = {PRODUCT: "Tesla-T4"}


def offers_of(graph: Graph) -> Offers:
    """Of the one node under the one configuration."""
    (group,) = graph.nodes.groups
    (candidate,) = graph.nodes.candidates(group)
    return candidate.offers


def told(offers: Offers) -> dict[str, tuple[str, int]]:
    return {name: (offer.sharing, offer.replicas) for name, offer in sorted(offers.by_resource.items())}


def one(*texts: str) -> Offers:
    return offers_of(linked({"all.yaml": "".join(texts)}))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (SLICED, {"nvidia.com/gpu": ("time-slicing", 4)}),
        (MPS, {"nvidia.com/gpu": ("mps", 4)}),
        (RENAMED, {"nvidia.com/gpu.shared": ("time-slicing", 4)}),
        (WHOLE, {"nvidia.com/gpu": ("none", 1)}),
        (SLICED_MIG, {"nvidia.com/gpu": ("none", 1)}),
    ],
    ids=["sliced", "mps", "renamed", "whole", "slices of MIG on a GPU without MIG"],
)
def test_the_default_of_the_installer_shares_what_it_names(config: str, expected: dict[str, tuple[str, int]]) -> None:
    assert told(one(node(labels=T4), policy("any"), settings(any=config, other=MPS))) == expected


def test_a_gpu_without_mig_offers_nothing_else() -> None:
    assert one(node(labels=T4), policy("any"), settings(any=SLICED)).complete
    assert not one(node(labels={PRODUCT: "NVIDIA-H100-80GB-HBM3"}), policy("any"), settings(any=SLICED)).complete


def test_mps_refuses_more_than_one_unless_told_otherwise() -> None:
    refused = one(node(labels=T4), policy("any"), settings(any=MPS)).by_resource["nvidia.com/gpu"]
    allowed = MPS.replace("mps:", "mps:\n    failRequestsGreaterThanOne: false")
    given = one(node(labels=T4), policy("any"), settings(any=allowed)).by_resource["nvidia.com/gpu"]
    sliced = one(node(labels=T4), policy("any"), settings(any=SLICED)).by_resource["nvidia.com/gpu"]
    assert (refused.refuses_several, given.refuses_several, sliced.refuses_several) == (True, False, False)


def test_the_label_of_a_node_beats_the_default() -> None:
    texts = policy("any"), settings(any=SLICED, whole=WHOLE)
    assert told(one(node(labels={**T4, CONFIG: "whole"}), *texts)) == {"nvidia.com/gpu": ("none", 1)}


def test_an_operator_without_a_chosen_config_shares_nothing() -> None:
    assert told(one(node(labels=T4), policy(), settings(any=SLICED))) == {"nvidia.com/gpu": ("none", 1)}
    assert told(one(node(labels=T4), policy(config=""))) == {"nvidia.com/gpu": ("none", 1)}


def test_without_any_installer_the_sharing_is_not_known() -> None:
    offers = one(node(labels=T4))
    assert told(offers) == {"nvidia.com/gpu": ("unknown", 0)}
    assert not offers.complete


def test_a_config_that_the_plugin_refuses_says_nothing() -> None:
    offers = one(node(labels=T4), policy("any"), settings(any=SLICED.replace("4", "1")))
    assert told(offers) == {"nvidia.com/gpu": ("unknown", 0)}


# --- labels of GPU feature discovery ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({STRATEGY: "time-slicing", REPLICAS: "6"}, ("time-slicing", 6)),
        ({STRATEGY: "mps"}, ("mps", 0)),
        ({STRATEGY: "none"}, ("none", 1)),
        ({REPLICAS: "1"}, ("none", 1)),
        ({REPLICAS: "3"}, ("shared", 3)),
        ({PRODUCT: "Tesla-T4-SHARED"}, ("shared", 0)),
        ({STRATEGY: "time-sliced"}, ("unknown", 0)),
        ({REPLICAS: "0"}, ("unknown", 0)),
    ],
    ids=["sliced", "mps", "none", "one replica", "three replicas", "product", "no such value", "MIG-enabled GPU"],
)
def test_labels_of_feature_discovery_tell_the_sharing(labels: dict[str, str], expected: tuple[str, int]) -> None:
    assert told(one(node(labels=labels))) == {"nvidia.com/gpu": expected}


def test_a_label_beats_a_configuration_that_says_otherwise() -> None:
    texts = policy("any"), settings(any=RENAMED)
    assert told(one(node(labels={STRATEGY: "none"}), *texts)) == {"nvidia.com/gpu": ("none", 1)}
    assert told(one(node(labels={STRATEGY: "mps"}), *texts)) == {"nvidia.com/gpu": ("mps", 0)}


def test_a_label_that_agrees_keeps_name_and_replicas_of_the_configuration() -> None:
    offers = one(node(labels={STRATEGY: "time-slicing"}), policy("any"), settings(any=RENAMED))
    assert told(offers) == {"nvidia.com/gpu.shared": ("time-slicing", 4)}
    assert offers.by_resource["nvidia.com/gpu.shared"].told_by == "label"


def test_the_strategy_label_speaks_of_whole_gpus_not_of_mig_slices() -> None:
    labels = {"nvidia.com/mig.config": "all-1g.5gb", PRODUCT: "NVIDIA-A100-SXM4-40GB", STRATEGY: "none"}
    offers = one(node(labels=labels), policy("any", strategy="mixed"), settings(any=SLICED_MIG))
    assert told(offers) == {"nvidia.com/mig-1g.5gb": ("time-slicing", 3)}
    labels["nvidia.com/mig-1g.5gb.sharing-strategy"] = "none"
    offers = one(node(labels=labels), policy("any", strategy="mixed"), settings(any=SLICED_MIG))
    assert told(offers) == {"nvidia.com/mig-1g.5gb": ("none", 1)}


# --- MIG --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("mixed", {"nvidia.com/mig-1g.5gb"}), ("single", {"nvidia.com/gpu"}), ("none", {"nvidia.com/gpu"})],
)
def test_the_mig_strategy_names_the_slices(strategy: str, expected: set[str]) -> None:
    labels = {"nvidia.com/mig.config": "all-1g.5gb", PRODUCT: "NVIDIA-A100-SXM4-40GB"}
    offers = one(node(labels=labels), policy(strategy=strategy, config=""))
    assert set(offers.by_resource) == expected
    assert offers.complete


def test_under_single_a_gpu_is_a_slice() -> None:
    offers = one(node(labels={PRODUCT: "NVIDIA-A100-SXM4-40GB-MIG-2g.10gb"}))
    assert offers.by_resource["nvidia.com/gpu"].profile == "2g.10gb"


@pytest.mark.parametrize(
    ("strategy", "product", "there"),
    [
        ("", "NVIDIA-A100-SXM4-40GB", True),
        ("mixed", "NVIDIA-A100-SXM4-40GB", True),
        ("single", "NVIDIA-A100-SXM4-40GB", False),
        ("mixed", "Tesla-T4", False),
    ],
    ids=["the file says mixed", "mixed", "the policy beats the file", "no MIG"],
)
def test_slices_that_a_config_shares_may_be_there(strategy: str, product: str, there: bool) -> None:
    offers = one(node(labels={PRODUCT: product}), policy("any", strategy=strategy), settings(any=SLICED_MIG))
    assert ("nvidia.com/mig-1g.5gb" in offers.by_resource) is there


# --- house labels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("full", {"nvidia.com/gpu": ("none", 1)}),
        ("time-slicing", {"nvidia.com/gpu": ("time-slicing", 0)}),
        ("mig", {}),
        ("something", {"nvidia.com/gpu": ("unknown", 0)}),
    ],
)
def test_a_house_label_tells_where_nothing_else_does(value: str, expected: dict[str, tuple[str, int]]) -> None:
    offers = one(node(labels={"nvidia.com/gpu-sharing": value}))
    assert told(offers) == expected
    assert not offers.complete


def test_a_house_label_tells_what_is_meant_when_the_operator_chooses_nothing() -> None:
    labels = {"nvidia.com/gpu-sharing": "time-slicing"}
    assert told(one(node(labels=labels), policy(), settings(any=SLICED))) == {"nvidia.com/gpu": ("time-slicing", 0)}


def test_a_configuration_beats_a_house_label() -> None:
    labels = {"nvidia.com/gpu-sharing": "full"}
    assert told(one(node(labels=labels), policy("any"), settings(any=SLICED))) == {
        "nvidia.com/gpu": ("time-slicing", 4)
    }


# --- GKE --------------------------------------------------------------------------------------------------------------

GKE = "cloud.google.com/gke-gpu-sharing-strategy"


def test_gke_labels_tell_sharing_clients_and_partition() -> None:
    labels = {GKE: "time-sharing", "cloud.google.com/gke-max-shared-clients-per-gpu": "5"}
    offer = one(node(labels={**labels, "cloud.google.com/gke-gpu-partition-size": "1g.5gb"})).by_resource[
        "nvidia.com/gpu"
    ]
    assert (offer.sharing, offer.replicas, offer.profile, offer.refuses_several) == ("time-slicing", 5, "1g.5gb", True)
    mps = one(node(labels={GKE: "mps"})).by_resource["nvidia.com/gpu"]
    assert (mps.sharing, mps.refuses_several) == ("mps", False)


@pytest.mark.parametrize(
    ("labels", "refuses"),
    [
        ({}, False),
        ({"nvidia.com/gpu.count": "1"}, False),
        ({"nvidia.com/gpu.count": "8"}, True),
        ({"cloud.google.com/gke-gpu-partition-size": "1g.5gb"}, True),
        ({"cloud.google.com/gke-gpu-partition-size": "7g.40gb"}, False),
    ],
    ids=["unknown", "one GPU", "several", "partitions", "one partition"],
)
def test_mps_of_gke_takes_several_units_where_there_is_one_device(labels: dict[str, str], refuses: bool) -> None:
    offer = one(node(labels={GKE: "mps", **labels})).by_resource["nvidia.com/gpu"]
    assert (offer.refuses_several, offer.adds_up) == (refuses, not refuses)


def test_a_config_of_nvidias_plugin_says_nothing_of_gke_nodes_unless_the_operator_runs_there() -> None:
    labels = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert told(one(node(labels=labels), settings(any=SLICED))) == {"nvidia.com/gpu": ("unknown", 0)}
    assert told(one(node(labels=labels), policy("any"), settings(any=SLICED))) == {
        "nvidia.com/gpu": ("time-slicing", 4)
    }


# --- nodes read from a cluster ----------------------------------------------------------------------------------------


def exported(labels: dict[str, str], **allocatable: str) -> str:
    return node(labels=labels, status={"allocatable": {"cpu": "8", **allocatable}})


def test_the_status_of_a_node_is_all_there_is() -> None:
    found = exported(
        {STRATEGY: "none"}, **{"nvidia.com/gpu": "0", "nvidia.com/mig-2g.10gb": "3", "example.com/fpga": "1"}
    )
    offers = one(found, policy("any"), settings(any=SLICED))
    assert told(offers) == {"nvidia.com/mig-2g.10gb": ("unknown", 0)}
    assert offers.complete


def test_labels_and_configuration_tell_how_a_listed_resource_is_shared() -> None:
    assert told(one(exported({REPLICAS: "2"}, **{"nvidia.com/gpu": "2"}))) == {"nvidia.com/gpu": ("shared", 2)}
    assert told(one(exported({STRATEGY: "mps"}, **{"nvidia.com/gpu.shared": "8"}))) == {
        "nvidia.com/gpu.shared": ("mps", 0)
    }
    assert told(one(exported({}, **{"nvidia.com/gpu.shared": "8"}))) == {"nvidia.com/gpu.shared": ("shared", 0)}
    configured = one(exported({}, **{"nvidia.com/gpu.shared": "8"}), policy("any"), settings(any=RENAMED))
    assert told(configured) == {"nvidia.com/gpu.shared": ("time-slicing", 4)}


def test_a_node_of_the_cluster_without_gpus_offers_none() -> None:
    offers = one(exported({"kubernetes.io/os": "linux"}), policy("any"), settings(any=SLICED))
    assert (told(offers), offers.complete) == ({}, True)


# --- machine sets -----------------------------------------------------------------------------------------------------


def test_a_machine_set_has_the_gpus_of_its_instance_type() -> None:
    machines = document(
        "MachineSet",
        "gpu",
        "machine.openshift.io/v1beta1",
        spec={
            "template": {
                "spec": {"metadata": {"labels": {}}, "providerSpec": {"value": {"instanceType": "g4dn.xlarge"}}}
            }
        },
    )
    graph = linked({"all.yaml": machines + policy("any") + settings(any=SLICED)})
    assert [gpu.id for gpu in graph.nodes.groups[0].gpus] == ["tesla-t4"]
    assert told(offers_of(graph)) == {"nvidia.com/gpu": ("time-slicing", 4)}
