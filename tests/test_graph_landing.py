"""Which nodes can take a workload, and whether others could."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpulint.graph.landing import Landing
from tests.linked import (
    MPS,
    RENAMED,
    SLICED,
    WHOLE,
    affinity,
    document,
    linked,
    node,
    only_landing,
    pod,
    policy,
    settings,
)

STRATEGY = "nvidia.com/gpu.sharing-strategy"
PRODUCT = "nvidia.com/gpu.product"
CONFIG = "nvidia.com/device-plugin.config"
TWO_POOLS = node("a", {"pool": "a", PRODUCT: "Tesla-T4"}) + node("b", {"pool": "b", PRODUCT: "Tesla-T4"})


def lands(*texts: str, **files: str) -> Landing:
    return only_landing(linked({"all.yaml": "".join(texts), **files}))


def declared(landing: Landing) -> set[str]:
    return {group.name for candidate in landing.candidates if candidate.declared for group in candidate.groups}


def described(landing: Landing) -> list[dict[str, str]]:
    """The labels of the nodes that only the selector tells of."""
    return [
        {key: label.value for key, label in candidate.group.labels.items()}
        for candidate in landing.candidates
        if not candidate.declared
    ]


# --- declared nodes ---------------------------------------------------------------------------------------------------


def test_a_selector_binds_to_the_declared_nodes_that_match() -> None:
    landing = lands(TWO_POOLS, pod(nodeSelector={"pool": "a"}))
    assert (declared(landing), described(landing), landing.bound) == ({"a"}, [], True)
    assert [each.reason for each in landing.excluded] == ["pool is 'b', not 'a'"]


def test_without_a_selector_nodes_that_nobody_declared_may_take_it() -> None:
    landing = lands(TWO_POOLS, pod())
    assert (declared(landing), landing.bound) == ({"a", "b"}, False)


@pytest.mark.parametrize(
    "selector",
    [
        {"kubernetes.io/os": "linux"},
        {"nvidia.com/gpu.present": "true"},
        {"feature.node.kubernetes.io/pci-10de.present": "true"},
    ],
    ids=lambda selector: next(iter(selector)),
)
def test_a_label_that_every_gpu_node_has_binds_to_none(selector: Mapping[str, str]) -> None:
    landing = lands(node("a", {**selector, PRODUCT: "Tesla-T4"}), pod(nodeSelector=selector))
    assert (declared(landing), landing.bound) == ({"a"}, False)


def test_a_common_label_does_not_make_a_node_without_gpus_a_candidate() -> None:
    landing = lands(node("cpu", {"kubernetes.io/os": "linux"}), pod(nodeSelector={"kubernetes.io/os": "linux"}))
    assert declared(landing) == set()


def test_a_node_name_binds() -> None:
    landing = lands(TWO_POOLS, pod(nodeName="b"))
    assert (declared(landing), landing.bound) == ({"b"}, True)


def test_a_host_name_is_the_name_of_the_node() -> None:
    landing = lands(TWO_POOLS, pod(nodeSelector={"kubernetes.io/hostname": "a"}))
    assert (declared(landing), landing.bound) == ({"a"}, True)


def test_a_label_that_other_declared_nodes_have_is_evidently_absent() -> None:
    landing = lands(TWO_POOLS, node("c", {PRODUCT: "Tesla-T4"}), pod(nodeSelector={"pool": "a"}))
    assert [each.reason for each in landing.excluded] == ["pool is 'b', not 'a'", "pool is not set, but must be 'a'"]


def test_the_nodes_of_a_cluster_are_all_there_are() -> None:
    nodes = node("a", {"pool": "a"}, status={"allocatable": {"nvidia.com/gpu": "1"}})
    landing = lands(nodes, pod(nodeSelector={"pool": "z"}))
    assert (landing.candidates, landing.bound) == ((), True)
    assert lands(nodes, pod()).bound


def test_so_are_those_of_a_space_that_is_said_to_be_complete() -> None:
    graph = linked({"all.yaml": TWO_POOLS + pod()}, complete=["nodes"])
    assert only_landing(graph).bound


# --- affinity ---------------------------------------------------------------------------------------------------------


def test_terms_are_alternatives() -> None:
    terms = affinity([("pool", "In", ["a"])], [("pool", "In", ["b"])])
    landing = lands(TWO_POOLS, pod(affinity=terms))
    assert (declared(landing), described(landing), landing.bound) == ({"a", "b"}, [], True)


def test_a_term_that_no_declared_node_meets_speaks_of_others() -> None:
    terms = affinity([("pool", "In", ["a"])], [("pool", "In", ["z"])])
    landing = lands(TWO_POOLS, pod(affinity=terms))
    assert (declared(landing), described(landing), landing.bound) == ({"a"}, [{"pool": "z"}], False)


def test_a_term_that_names_no_nodes_leaves_it_unbound() -> None:
    terms = affinity([("pool", "In", ["a"])], [("kubernetes.io/os", "Exists", [])])
    assert not lands(TWO_POOLS, pod(affinity=terms)).bound


def test_without_declared_nodes_each_term_and_value_is_told_apart() -> None:
    terms = affinity([("pool", "In", ["a", "b"]), (STRATEGY, "In", ["mps"])], [("tier", "Exists", [])])
    assert described(lands(pod(affinity=terms))) == [{"pool": "a", STRATEGY: "mps"}, {"pool": "b", STRATEGY: "mps"}, {}]


def test_with_very_many_values_only_the_certain_ones_are_kept() -> None:
    terms = affinity([("zone", "In", [f"z{n}" for n in range(40)]), (STRATEGY, "In", ["mps"])])
    assert described(lands(pod(affinity=terms))) == [{STRATEGY: "mps"}]


@pytest.mark.parametrize(
    ("selection", "config", "possible"),
    [
        ({"affinity": affinity([(STRATEGY, "NotIn", ["time-slicing", "mps"])])}, SLICED, False),
        ({"affinity": affinity([(STRATEGY, "NotIn", ["mps"])])}, SLICED, True),
        ({"affinity": affinity([("nvidia.com/gpu.replicas", "Lt", ["2"])])}, SLICED, False),
        ({"affinity": affinity([("nvidia.com/gpu-sharing", "NotIn", ["time-slicing"])])}, SLICED, False),
        ({"nodeSelector": {"nvidia.com/gpu-sharing": "full"}}, SLICED, False),
        ({"nodeSelector": {PRODUCT: "NVIDIA-L4"}}, SLICED, False),
        ({"nodeSelector": {PRODUCT: "NVIDIA-L4"}}, RENAMED, True),
        ({"nodeSelector": {PRODUCT: "NVIDIA-L4-SHARED"}}, SLICED, True),
        ({}, SLICED, True),
    ],
    ids=[
        "not shared",
        "not by MPS",
        "one replica",
        "not what the house calls sliced",
        "what the house calls whole",
        "a product without suffix",
        "which it keeps when renamed",
        "a product with suffix",
        "anything",
    ],
)
def test_a_configuration_that_contradicts_the_selector_governs_other_nodes(
    selection: Mapping[str, object], config: str, possible: bool
) -> None:
    landing = lands(pod(**selection), policy("any"), settings(any=config))
    assert bool(landing.candidates) is possible


def test_labels_of_whole_gpus_say_nothing_of_a_workload_that_asks_for_slices() -> None:
    terms = affinity([(STRATEGY, "NotIn", ["time-slicing"])])
    landing = lands(pod("nvidia.com/mig-1g.5gb", affinity=terms), policy("any"), settings(any=SLICED))
    assert landing.candidates


# --- taints -----------------------------------------------------------------------------------------------------------

TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
TAINTED = node("a", {PRODUCT: "Tesla-T4"}, spec={"taints": [TAINT]})


@pytest.mark.parametrize(
    ("tolerations", "taken"),
    [
        ([], False),
        ([{"key": "nvidia.com/gpu", "operator": "Exists"}], True),
        ([{"key": "nvidia.com/gpu", "effect": "NoSchedule"}], False),
        ([{"key": "nvidia.com/gpu", "operator": "Equal", "value": "present"}], True),
    ],
    ids=["none", "exists", "equal without a value", "equal"],
)
def test_a_taint_keeps_pods_off(tolerations: list[Mapping[str, str]], taken: bool) -> None:
    landing = lands(TAINTED, pod(tolerations=tolerations))
    assert bool(declared(landing)) is taken
    assert [each.reason for each in landing.excluded] == (
        [] if taken else ["it does not tolerate nvidia.com/gpu=present:NoSchedule"]
    )


def test_admission_tolerates_for_pods_on_gke_and_where_the_configuration_says_so() -> None:
    gke = node("a", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, spec={"taints": [TAINT]})
    assert declared(lands(gke, pod())) == {"a"}
    assert declared(only_landing(linked({"all.yaml": TAINTED + pod()}, tolerated=True))) == {"a"}


# --- pools and scripts ------------------------------------------------------------------------------------------------


def test_the_labels_and_requirements_of_a_karpenter_pool() -> None:
    pool = document(
        "NodePool",
        "g5",
        "karpenter.sh/v1",
        spec={
            "template": {
                "metadata": {"labels": {"team": "vision"}},
                "spec": {
                    "requirements": [
                        {
                            "key": "node.kubernetes.io/instance-type",
                            "operator": "In",
                            "values": ["g5.xlarge", "g5.2xlarge"],
                        }
                    ],
                    "taints": [TAINT],
                },
            }
        },
    )
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    landing = lands(pool, pod(nodeSelector={"team": "vision"}, tolerations=tolerations))
    assert (declared(landing), landing.bound) == ({"g5"}, True)
    assert [gpu.model for gpu in landing.candidates[0].group.gpus] == ["A10G"]
    elsewhere = lands(pool, pod(nodeSelector={"node.kubernetes.io/instance-type": "p4d.24xlarge"}))
    assert declared(elsewhere) == set()


def test_a_machine_set_has_the_labels_that_feature_discovery_would_set() -> None:
    def machines(config: str) -> str:
        labels = {"role": "gpu", CONFIG: config}
        spec = {"metadata": {"labels": labels}, "providerSpec": {"value": {"instanceType": "g4dn.xlarge"}}}
        return document("MachineSet", config, "machine.openshift.io/v1beta1", spec={"template": {"spec": spec}})

    texts = machines("sliced"), machines("whole"), policy(), settings(sliced=SLICED, whole=WHOLE)
    assert declared(lands(*texts, pod(nodeSelector={STRATEGY: "none"}))) == {"whole"}
    assert declared(lands(*texts, pod(nodeSelector={PRODUCT: "Tesla-T4-SHARED"}))) == {"sliced"}
    assert declared(lands(*texts, pod(nodeSelector={"nvidia.com/gpu.replicas": "4"}))) == {"sliced"}


def test_label_lines_of_a_script_declare_nodes() -> None:
    script = "kubectl label node gpu-1 gpu-2 pool=a\nkubectl label node gpu-3 pool=b --overwrite\n"
    landing = lands(pod(nodeSelector={"pool": "a"}), **{"nodes.sh": script})
    assert (declared(landing), landing.bound) == ({"gpu-1", "gpu-2"}, True)


def test_flavors_are_for_the_workloads_of_a_queue() -> None:
    flavor = document("ResourceFlavor", "t4", "kueue.x-k8s.io/v1beta1", spec={"nodeLabels": {PRODUCT: "Tesla-T4"}})
    assert declared(lands(flavor, pod())) == set()
    queued = pod().replace('"name": "app"', '"name": "app", "labels": {"kueue.x-k8s.io/queue-name": "q"}', 1)
    landing = lands(flavor, queued)
    assert (declared(landing), landing.bound) == ({"t4"}, False)


# --- installers -------------------------------------------------------------------------------------------------------


def test_two_policies_as_near_as_each_other_both_count() -> None:
    clusters = {
        "east/policy.yaml": policy("any") + settings(any=SLICED),
        "west/policy.yaml": policy("any") + settings(any=MPS),
    }
    landing = only_landing(linked({"apps/app.yaml": pod(), **clusters}))
    assert [candidate.governed.tied for candidate in landing.candidates] == [True, True]
    near = only_landing(linked({"east/apps/app.yaml": pod(), **clusters}))
    assert [candidate.governed.tied for candidate in near.candidates] == [False]


# --- nodes that are alike ---------------------------------------------------------------------------------------------

CAPACITY = {"allocatable": {"nvidia.com/gpu": "8"}}


def rack(count: int, **labels: str) -> str:
    """Nodes of a snapshot, each with a host name and a time of its own."""
    names = [f"n{index:03}" for index in range(count)]
    own = [{"kubernetes.io/hostname": name, "nvidia.com/gfd.timestamp": name, **labels} for name in names]
    return "".join(node(name, each, status=CAPACITY) for name, each in zip(names, own, strict=True))


def test_equal_nodes_are_one_candidate() -> None:
    landing = lands(rack(50, pool="a"), pod(nodeSelector={"pool": "a"}))
    (candidate,) = landing.candidates
    assert len(candidate.groups) == 50
    out = lands(rack(50, pool="a"), pod(nodeSelector={"pool": "b"}))
    assert [len(each.groups) for each in out.excluded] == [50]


def test_a_label_that_a_pod_selects_by_tells_them_apart() -> None:
    nodes = rack(3, zone="a") + node("other", {"zone": "b"}, status=CAPACITY)
    assert len(lands(nodes, pod()).candidates) == 1
    assert [each.group.name for each in lands(nodes, pod(nodeSelector={"zone": "b"})).candidates] == ["other"]


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeName": "n007"},
        {"nodeSelector": {"kubernetes.io/hostname": "n007"}},
        {
            "affinity": affinity(
                [("kubernetes.io/hostname", "NotIn", [f"n{index:03}" for index in range(20) if index != 7])]
            )
        },
    ],
    ids=["by name", "by host name", "by all other host names"],
)
def test_so_does_a_name(spec: Mapping[str, object]) -> None:
    landing = lands(rack(20), pod(**spec))
    assert declared(landing) == {"n007"}
    assert sum(len(each.groups) for each in landing.excluded) == 19


def test_what_is_said_of_their_gpus_tells_them_apart() -> None:
    nodes = rack(2, **{STRATEGY: "none"}) + node("x", {STRATEGY: "mps"}, status=CAPACITY)
    assert sorted(len(each.groups) for each in lands(nodes, pod()).candidates) == [1, 2]


# --- what declares no nodes -------------------------------------------------------------------------------------------


def test_a_simulated_node_takes_what_tolerates_it_and_excludes_nothing() -> None:
    fake = document(
        "Node",
        "fake",
        metadata={"annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {"type": "kwok", PRODUCT: "Tesla-T4"}},
        spec={"taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]},
        status=CAPACITY,
    )
    landing = lands(fake, pod())
    assert (declared(landing), landing.excluded, landing.bound) == (set(), (), False)
    tolerations = [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}]
    assert declared(lands(fake, pod(nodeSelector={"type": "kwok"}, tolerations=tolerations))) == {"fake"}


def test_a_compute_class_is_for_pods_that_name_it() -> None:
    gpu = {"priorities": [{"gpu": {"type": "nvidia-l4", "count": 1}}]}
    class_ = document("ComputeClass", "l4", "cloud.google.com/v1", spec=gpu)
    assert declared(lands(class_, pod())) == set()
    landing = lands(class_, pod(nodeSelector={"cloud.google.com/compute-class": "l4"}))
    assert (declared(landing), landing.bound) == ({"l4"}, True)


def test_labels_of_another_cluster_are_no_convention() -> None:
    def cluster(name: str, labels: Mapping[str, str]) -> str:
        group = {"name": name, "instanceType": "g5.xlarge", "labels": labels}
        return document("ClusterConfig", name, "eksctl.io/v1alpha5", managedNodeGroups=[group])

    two = cluster("west", {"tier": "gold"}) + cluster("east", {})
    assert lands(two, pod(nodeSelector={"tier": "gold"})).excluded == ()
    one = document(
        "ClusterConfig",
        "west",
        "eksctl.io/v1alpha5",
        managedNodeGroups=[
            {"name": "a", "instanceType": "g5.xlarge", "labels": {"tier": "gold"}},
            {"name": "b", "instanceType": "g5.xlarge"},
        ],
    )
    excluded = lands(one, pod(nodeSelector={"tier": "gold"})).excluded
    assert [(each.group.name, each.reason) for each in excluded] == [("b", "tier is not set, but must be 'gold'")]


@pytest.mark.parametrize(("key", "taken"), [("nvidia.com/gpu", True), ("dedicated", False)])
def test_admission_on_gke_tolerates_taints_for_resources_only(key: str, taken: bool) -> None:
    gke = node("a", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, spec={"taints": [{**TAINT, "key": key}]})
    assert bool(declared(lands(gke, pod()))) is taken


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ({"karpenter.k8s.aws/instance-family": "g6"}, True),
        ({"karpenter.k8s.aws/instance-family": "p5"}, False),
        ({"karpenter.k8s.aws/instance-gpu-count": "8"}, False),
        ({"karpenter.k8s.aws/instance-gpu-name": "l4"}, True),
        ({"karpenter.k8s.aws/instance-gpu-name": "h100"}, False),
        ({"node.kubernetes.io/instance-type": "g6.12xlarge"}, True),
        ({"node.kubernetes.io/instance-type": "g6.48xlarge"}, False),
        ({"karpenter.sh/nodepool": "render"}, True),
        ({"karpenter.sh/nodepool": "other"}, False),
        ({"topology.kubernetes.io/zone": "z"}, True),
    ],
    ids=lambda case: "=".join(*case.items()) if isinstance(case, dict) else "",
)
def test_a_set_of_instance_types_takes_what_one_of_them_takes(wanted: Mapping[str, str], taken: bool) -> None:
    requirements = [
        {"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g5", "g6"]},
        {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "Lt", "values": ["8"]},
    ]
    spec = {"template": {"spec": {"requirements": requirements}}}
    landing = lands(document("NodePool", "render", "karpenter.sh/v1", spec=spec), pod(nodeSelector=wanted))
    assert bool(landing.excluded) is not taken


@pytest.mark.parametrize(
    ("config", "product", "expected"),
    [
        (SLICED, "Tesla-T4-SHARED", {"a"}),
        (SLICED, "Tesla-T4", {"a"}),
        (RENAMED, "Tesla-T4-SHARED", set()),
        (WHOLE, "Tesla-T4-SHARED", set()),
    ],
    ids=["as it will be", "as declared", "sharing that renames", "without sharing"],
)
def test_a_declared_product_is_written_over_by_feature_discovery(config: str, product: str, expected: set[str]) -> None:
    texts = (node("a", {PRODUCT: "Tesla-T4", CONFIG: "any"}), policy("any"), settings(any=config))
    assert declared(lands(*texts, pod(nodeSelector={PRODUCT: product}))) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"node.kubernetes.io/instance-type": "g5.xlarge"}, set()),
        ({"node.kubernetes.io/instance-type": "Standard_NC6s_v3"}, set()),
        ({"eks.amazonaws.com/nodegroup": "gpu", PRODUCT: "Tesla-T4"}, set()),
        ({"node.kubernetes.io/instance-type": "a2-highgpu-1g"}, {"b"}),
        ({PRODUCT: "Tesla-T4"}, {"b"}),
    ],
    ids=["type of AWS", "type of Azure", "label of AWS", "its own cloud", "no cloud"],
)
def test_labels_of_another_cloud_are_not_there(labels: dict[str, str], expected: set[str]) -> None:
    selected = {"cloud.google.com/gke-accelerator": "nvidia-tesla-a100"}
    named = node("a", {**selected, PRODUCT: "Tesla-T4"})
    assert declared(lands(named, node("b", labels), pod(nodeSelector=selected))) == {"a"} | expected
