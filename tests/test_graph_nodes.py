"""Declared nodes and pools: what each source says of its nodes, and no more."""

from __future__ import annotations

import textwrap

import pytest

from gpulint.graph.nodes import INSTANCE_TYPE, NodeGroup
from gpulint.kube.pools import entries
from tests.linked import linked, node, only_landing, pod

POOL = """apiVersion: karpenter.sh/v1
kind: NodePool
metadata:
  name: pool
spec:
  template:
    spec:
      {0}
"""


def groups(files: dict[str, str]) -> dict[str, NodeGroup]:
    return {group.name: group for group in linked(files).nodes.groups}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("requirements: [{key: node.kubernetes.io/instance-type, operator: In, values: [g6e.xlarge]}]", True),
        ("requirements: [{key: karpenter.k8s.aws/instance-category, operator: In, values: [g, p]}]", True),
        ("requirements: [{key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ['3']}]", True),
        ("taints: [{key: nvidia.com/gpu, effect: NoSchedule}]", True),
        ("requirements: [{key: karpenter.k8s.aws/instance-category, operator: In, values: [c, g]}]", False),
        ("requirements: [{key: node.kubernetes.io/instance-type, operator: In, values: [m7i.xlarge]}]", False),
        ("requirements: [{key: kubernetes.io/arch, operator: In, values: [amd64]}]", False),
        ("taints: [{key: dedicated, effect: NoSchedule}]", False),
    ],
)
def test_a_karpenter_pool_has_gpus_when_something_says_so(spec: str, expected: bool) -> None:
    assert groups({"pool.yaml": POOL.format(spec)})["pool"].has_gpu is expected


def test_an_instance_type_gives_product_and_count() -> None:
    pool = groups(
        {
            "pool.yaml": POOL.format(
                "requirements: [{key: node.kubernetes.io/instance-type, operator: In, values: [p5.48xlarge]}]"
            )
        }
    )["pool"]
    assert [gpu.id for gpu in pool.gpus] == ["h100-80gb"]
    assert pool.gpu_count == 8


NODE = """apiVersion: v1
kind: Node
metadata:
  name: gpu-1
  labels:
    nvidia.com/gpu.product: NVIDIA-L40S
"""


def test_a_script_labels_a_declared_node() -> None:
    found = groups({"node.yaml": NODE, "label.sh": "kubectl label node gpu-1 nvidia.com/device-plugin.config=sliced\n"})
    assert list(found) == ["gpu-1"]
    assert found["gpu-1"].label("nvidia.com/device-plugin.config") == "sliced"
    assert found["gpu-1"].label("nvidia.com/gpu.product") == "NVIDIA-L40S"


def test_a_script_alone_makes_nodes_known_by_their_labels() -> None:
    found = groups(
        {"label.sh": "oc label nodes a b nvidia.com/gpu-sharing=full\noc label node/c nvidia.com/gpu-sharing=mig\n"}
    )
    assert {name: group.label("nvidia.com/gpu-sharing") for name, group in found.items()} == {
        "a": "full",
        "b": "full",
        "c": "mig",
    }
    assert not any(group.describes for group in found.values())


@pytest.mark.parametrize(
    ("second", "conflicts"),
    [
        ("kubectl label node a team=x nvidia.com/device-plugin.config=two", 1),
        ("kubectl label node a nvidia.com/device-plugin.config=one", 0),
        ("kubectl label --overwrite node a nvidia.com/device-plugin.config=two", 0),
        ("kubectl label node a nvidia.com/device-plugin.config-", 0),
        (
            "kubectl label node a nvidia.com/device-plugin.config-; oc label node a nvidia.com/device-plugin.config=2",
            0,
        ),
    ],
    ids=["another value", "the same value", "overwritten on purpose", "removed", "removed and set anew"],
)
def test_a_second_value_is_a_conflict_unless_it_is_wanted(second: str, conflicts: int) -> None:
    first = "kubectl label node a nvidia.com/device-plugin.config=one\n"
    assert len(groups({"label.sh": first + second + "\n"})["a"].relabelled) == conflicts


def test_a_removed_label_is_gone() -> None:
    script = "kubectl label node a x=1 y=2\nkubectl label node a x-\n"
    assert set(groups({"label.sh": script})["a"].labels) == {"y"}


def test_a_simulated_node_is_no_word_of_the_cluster() -> None:
    text = NODE.replace("  labels:", "  annotations:\n    kwok.x-k8s.io/node: fake\n  labels:")
    graph = linked({"node.yaml": text + "status: {allocatable: {nvidia.com/gpu: 8}}\n"})
    (group,) = graph.nodes.groups
    assert (group.simulated, group.exported, graph.nodes.complete) == (True, False, False)


def test_a_machine_set_labels_its_nodes_not_its_machines() -> None:
    text = """apiVersion: machine.openshift.io/v1beta1
kind: MachineSet
metadata:
  name: gpus
spec:
  template:
    metadata:
      labels:
        machine: label
    spec:
      metadata:
        labels:
          node: label
      providerSpec:
        value:
          instanceType: g5.12xlarge
"""
    group = groups({"set.yaml": text})["gpus"]
    assert {key: label.value for key, label in group.labels.items()} == {"node": "label", INSTANCE_TYPE: "g5.12xlarge"}
    assert (group.gpu_count, [gpu.id for gpu in group.gpus]) == (4, ["a10g"])


def test_titles_are_for_people() -> None:
    script = "kubectl label node a pool=x\nkubectl label nodes -l pool=x nvidia.com/mig.config=all-1g.5gb\n"
    graph = linked({"a.sh": script, "n.yaml": node("b") + node("")})
    assert [group.title for group in graph.nodes.groups] == [
        "Node b",
        "Node (no name)",
        "node a",
        "nodes of the script",
    ]


# --- every kind of the catalogue --------------------------------------------------------------------------------------


def told(group: NodeGroup) -> dict[str, object]:
    """All that a sample says, without what it does not."""
    numbers = {
        "per node": group.gpus_per_node,
        "at most per node": group.most_gpus_per_node,
        "nodes": group.count,
        "most": group.most,
        "limit": group.gpu_limit,
    }
    texts = {
        "labels": {key: label.value for key, label in sorted(group.labels.items())},
        "taints": list(map(str, group.taints)),
        "gpus": [gpu.id for gpu in group.gpus],
        "resources": dict(group.allocatable),
        "cluster": group.cluster,
    }
    return {key: value for key, value in texts.items() if value} | {
        key: number for key, number in numbers.items() if number >= 0
    }


SAMPLES: dict[tuple[str, str], tuple[str, dict[str, dict[str, object]]]] = {
    ("karpenter.sh", "NodePool"): (
        """
        apiVersion: karpenter.sh/v1
        kind: NodePool
        metadata: {name: trainers}
        spec:
          template:
            metadata: {labels: {team: speech}}
            spec:
              requirements:
              - {key: node.kubernetes.io/instance-type, operator: In, values: [g6.12xlarge, g6.xlarge]}
              - {key: karpenter.sh/capacity-type, operator: In, values: [spot]}
              taints: [{key: nvidia.com/gpu, value: "1", effect: NoSchedule}]
              startupTaints: [{key: example.com/booting, effect: NoSchedule}]
          limits: {nvidia.com/gpu: 12, nodes: 5}
        """,
        {
            "NodePool trainers": {
                "labels": {"karpenter.sh/capacity-type": "spot", "karpenter.sh/nodepool": "trainers", "team": "speech"},
                "taints": ["nvidia.com/gpu=1:NoSchedule"],
                "gpus": ["l4"],
                "at most per node": 4,
                "most": 5,
                "limit": 12,
            }
        },
    ),
    ("karpenter.sh", "Provisioner"): (
        """
        apiVersion: karpenter.sh/v1alpha5
        kind: Provisioner
        metadata: {name: old}
        spec:
          labels: {team: vision}
          taints: [{key: gpu, effect: NoExecute}]
          requirements: [{key: karpenter.k8s.aws/instance-family, operator: In, values: [p4d]}]
          limits: {resources: {nvidia.com/gpu: 16}}
        """,
        {
            "Provisioner old": {
                "labels": {
                    "karpenter.k8s.aws/instance-family": "p4d",
                    "karpenter.sh/provisioner-name": "old",
                    "team": "vision",
                },
                "taints": ["gpu:NoExecute"],
                "gpus": ["a100-40gb"],
                "per node": 8,
                "at most per node": 8,
                "limit": 16,
            }
        },
    ),
    ("eksctl.io", "ClusterConfig"): (
        """
        apiVersion: eksctl.io/v1alpha5
        kind: ClusterConfig
        metadata: {name: lab, region: eu-west-1}
        managedNodeGroups:
        - name: two-types
          instanceTypes: [g5.xlarge, g5.12xlarge]
          labels: {tier: gold}
          taints: [{key: nvidia.com/gpu, value: "true", effect: NoSchedule}]
          desiredCapacity: 1
          maxSize: 3
        - {name: plain, instanceType: m7i.large}
        nodeGroups:
        - name: mapped
          instanceType: p3.8xlarge
          taints: {dedicated: "training:NoSchedule"}
          minSize: 2
        - {name: selected, instanceSelector: {gpus: 1}}
        """,
        {
            "node group two-types": {
                "labels": {
                    "alpha.eksctl.io/nodegroup-name": "two-types",
                    "eks.amazonaws.com/nodegroup": "two-types",
                    "tier": "gold",
                },
                "taints": ["nvidia.com/gpu=true:NoSchedule"],
                "gpus": ["a10g"],
                "at most per node": 4,
                "nodes": 1,
                "most": 3,
                "cluster": "lab",
            },
            "node group plain": {
                "labels": {
                    "alpha.eksctl.io/nodegroup-name": "plain",
                    "eks.amazonaws.com/nodegroup": "plain",
                    INSTANCE_TYPE: "m7i.large",
                },
                "per node": 0,
                "at most per node": 0,
                "cluster": "lab",
            },
            "node group mapped": {
                "labels": {"alpha.eksctl.io/nodegroup-name": "mapped", INSTANCE_TYPE: "p3.8xlarge"},
                "taints": ["dedicated=training:NoSchedule"],
                "gpus": ["v100-16gb"],
                "per node": 4,
                "at most per node": 4,
                "nodes": 2,
                "cluster": "lab",
            },
            "node group selected": {"labels": {"alpha.eksctl.io/nodegroup-name": "selected"}, "cluster": "lab"},
        },
    ),
    ("cloud.google.com", "ComputeClass"): (
        """
        apiVersion: cloud.google.com/v1
        kind: ComputeClass
        metadata: {name: cheap-first}
        spec:
          nodePoolConfig: {nodeLabels: {team: ads}}
          priorities:
          - gpu: {type: nvidia-l4, count: 1}
          - gpu: {type: nvidia-tesla-t4, count: 2}
        """,
        {
            "ComputeClass cheap-first": {
                "labels": {"cloud.google.com/compute-class": "cheap-first", "team": "ads"},
                "gpus": ["l4", "tesla-t4"],
                "at most per node": 2,
            }
        },
    ),
    ("container.cnrm.cloud.google.com", "ContainerNodePool"): (
        """
        apiVersion: container.cnrm.cloud.google.com/v1beta1
        kind: ContainerNodePool
        metadata: {name: slices}
        spec:
          clusterRef: {name: west}
          nodeCount: 2
          autoscaling: {totalMaxNodeCount: 6}
          nodeConfig:
            machineType: a2-highgpu-2g
            labels: {team: ads}
            taint: [{key: team, value: ads, effect: NO_SCHEDULE}]
            guestAccelerator:
            - type: nvidia-tesla-a100
              count: 2
              gpuPartitionSize: 1g.5gb
              gpuSharingConfig: {gpuSharingStrategy: TIME_SHARING, maxSharedClientsPerGpu: 3}
        """,
        {
            "ContainerNodePool slices": {
                "labels": {
                    "cloud.google.com/gke-accelerator": "nvidia-tesla-a100",
                    "cloud.google.com/gke-accelerator-count": "2",
                    "cloud.google.com/gke-gpu-partition-size": "1g.5gb",
                    "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing",
                    "cloud.google.com/gke-max-shared-clients-per-gpu": "3",
                    "cloud.google.com/gke-nodepool": "slices",
                    INSTANCE_TYPE: "a2-highgpu-2g",
                    "team": "ads",
                },
                "taints": ["team=ads:NoSchedule"],
                "gpus": ["a100-40gb"],
                "per node": 2,
                "at most per node": 2,
                "most": 6,
                "cluster": "west",
            }
        },
    ),
    ("machine.openshift.io", "MachineSet"): (
        """
        apiVersion: machine.openshift.io/v1beta1
        kind: MachineSet
        metadata:
          name: gcp
          annotations: {machine.openshift.io/GPU: "4"}
        spec:
          replicas: 2
          template:
            metadata: {labels: {machine: label}}
            spec:
              metadata: {labels: {node: label}}
              taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
              providerSpec:
                value:
                  machineType: n1-standard-8
                  gpus: [{type: nvidia-tesla-v100, count: 4}]
        """,
        {
            "MachineSet gcp": {
                "labels": {"node": "label", INSTANCE_TYPE: "n1-standard-8"},
                "taints": ["nvidia.com/gpu:NoSchedule"],
                "gpus": ["v100-16gb"],
                "per node": 4,
                "at most per node": 4,
                "nodes": 2,
                "most": 2,
            }
        },
    ),
    ("autoscaling.openshift.io", "MachineAutoscaler"): (
        """
        apiVersion: machine.openshift.io/v1beta1
        kind: MachineSet
        metadata: {name: scaled}
        spec: {template: {spec: {providerSpec: {value: {vmSize: Standard_NC24ads_A100_v4}}}}}
        ---
        apiVersion: autoscaling.openshift.io/v1beta1
        kind: MachineAutoscaler
        metadata: {name: scaled}
        spec: {minReplicas: 0, maxReplicas: 4, scaleTargetRef: {kind: MachineSet, name: scaled}}
        ---
        apiVersion: autoscaling.openshift.io/v1
        kind: ClusterAutoscaler
        metadata: {name: default}
        spec: {resourceLimits: {gpus: [{type: nvidia.com/gpu, min: 0, max: 3}]}}
        """,
        {
            "MachineSet scaled": {
                "labels": {INSTANCE_TYPE: "Standard_NC24ads_A100_v4"},
                "gpus": ["a100-80gb"],
                "per node": 1,
                "at most per node": 1,
                "nodes": 1,
                "most": 4,
                "limit": 3,
            }
        },
    ),
    ("hive.openshift.io", "MachinePool"): (
        """
        apiVersion: hive.openshift.io/v1
        kind: MachinePool
        metadata: {name: west-gpu}
        spec:
          clusterDeploymentRef: {name: west}
          name: gpu
          labels: {team: ads}
          taints: [{key: gpu, value: "yes", effect: NoSchedule}]
          platform: {aws: {type: g4dn.xlarge}}
          autoscaling: {minReplicas: 1, maxReplicas: 3}
        """,
        {
            "MachinePool west-gpu": {
                "labels": {INSTANCE_TYPE: "g4dn.xlarge", "team": "ads"},
                "taints": ["gpu=yes:NoSchedule"],
                "gpus": ["tesla-t4"],
                "per node": 1,
                "at most per node": 1,
                "nodes": 1,
                "most": 3,
                "cluster": "west",
            }
        },
    ),
    ("hypershift.openshift.io", "NodePool"): (
        """
        apiVersion: hypershift.openshift.io/v1beta1
        kind: NodePool
        metadata: {name: gpu}
        spec:
          clusterName: hosted
          replicas: 3
          nodeLabels: {tier: gold}
          taints: [{key: gpu, effect: NoSchedule}]
          platform: {aws: {instanceType: g5.48xlarge}}
        """,
        {
            "NodePool gpu": {
                "labels": {INSTANCE_TYPE: "g5.48xlarge", "tier": "gold"},
                "taints": ["gpu:NoSchedule"],
                "gpus": ["a10g"],
                "per node": 8,
                "at most per node": 8,
                "nodes": 3,
                "most": 3,
                "cluster": "hosted",
            }
        },
    ),
    ("kubeadm.k8s.io", "JoinConfiguration"): (
        """
        apiVersion: kubeadm.k8s.io/v1beta4
        kind: JoinConfiguration
        nodeRegistration:
          name: rack-4
          taints: [{key: gpu, effect: NoSchedule}]
          kubeletExtraArgs:
          - {name: node-labels, value: "zone=a,tier=gold"}
        """,
        {"kubeadm configuration rack-4": {"labels": {"tier": "gold", "zone": "a"}, "taints": ["gpu:NoSchedule"]}},
    ),
    ("kubeadm.k8s.io", "InitConfiguration"): (
        """
        apiVersion: kubeadm.k8s.io/v1beta3
        kind: InitConfiguration
        nodeRegistration:
          name: rack-1
          kubeletExtraArgs: {node-labels: tier=tin, register-with-taints: "a=b:NoExecute"}
        """,
        {"kubeadm configuration rack-1": {"labels": {"tier": "tin"}, "taints": ["a=b:NoExecute"]}},
    ),
    ("kueue.x-k8s.io", "ResourceFlavor"): (
        """
        apiVersion: kueue.x-k8s.io/v1beta2
        kind: ResourceFlavor
        metadata: {name: t4}
        spec:
          nodeLabels: {nvidia.com/gpu.product: Tesla-T4}
          nodeTaints: [{key: gpu, effect: NoSchedule}]
        ---
        apiVersion: kueue.x-k8s.io/v1beta2
        kind: ResourceFlavor
        metadata: {name: anything}
        """,
        {
            "ResourceFlavor t4": {
                "labels": {"nvidia.com/gpu.product": "Tesla-T4"},
                "taints": ["gpu:NoSchedule"],
                "gpus": ["tesla-t4"],
            }
        },
    ),
    ("kwok.sigs.run-ai.com", "NodePool"): (
        """
        apiVersion: kwok.sigs.run-ai.com/v1beta1
        kind: NodePool
        metadata: {name: fakes}
        spec:
          nodeCount: 500
          nodeTemplate:
            metadata: {labels: {rack: r1}}
            spec: {taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]}
            status: {capacity: {cpu: 64, nvidia.com/gpu: 8}}
        """,
        {
            "NodePool fakes": {
                "labels": {"rack": "r1"},
                "taints": ["kwok.x-k8s.io/node=fake:NoSchedule"],
                "resources": {"nvidia.com/gpu": 8},
                "per node": 8,
                "at most per node": 8,
                "nodes": 500,
                "most": 500,
            }
        },
    ),
    ("kind.x-k8s.io", "Cluster"): (
        """
        kind: Cluster
        apiVersion: kind.x-k8s.io/v1alpha4
        nodes:
        - role: control-plane
        - role: worker
          labels: {tier: gold}
        - role: worker
          kubeadmConfigPatches:
          - |
            kind: JoinConfiguration
            nodeRegistration:
              kubeletExtraArgs:
                node-labels: "tier=tin"
                register-with-taints: "gpu=no:NoSchedule"
        """,
        {
            "kind node control-plane": {"nodes": 1, "most": 1, "cluster": "kind"},
            "kind node worker": {"labels": {"tier": "gold"}, "nodes": 1, "most": 1, "cluster": "kind"},
            "kind node worker2": {
                "labels": {"tier": "tin"},
                "taints": ["gpu=no:NoSchedule"],
                "nodes": 1,
                "most": 1,
                "cluster": "kind",
            },
        },
    ),
    ("containerservice.azure.com", "ManagedClustersAgentPool"): (
        """
        apiVersion: containerservice.azure.com/v1api20240901
        kind: ManagedClustersAgentPool
        metadata: {name: aks-gpu}
        spec:
          azureName: gpu
          owner: {name: aks}
          vmSize: Standard_NC48ads_A100_v4
          nodeLabels: {tier: gold}
          nodeTaints: ["sku=gpu:NoSchedule"]
          enableAutoScaling: true
          minCount: 0
          maxCount: 2
        """,
        {
            "ManagedClustersAgentPool gpu": {
                "labels": {
                    "agentpool": "gpu",
                    "kubernetes.azure.com/agentpool": "gpu",
                    INSTANCE_TYPE: "Standard_NC48ads_A100_v4",
                    "tier": "gold",
                },
                "taints": ["sku=gpu:NoSchedule"],
                "gpus": ["a100-80gb"],
                "per node": 2,
                "at most per node": 2,
                "nodes": 0,
                "most": 2,
                "cluster": "aks",
            }
        },
    ),
}

CLUSTER_API = """
apiVersion: cluster.x-k8s.io/v1beta1
kind: {kind}
metadata:
  name: gpu
  annotations:
    cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size: "5"
    capacity.cluster-autoscaler.kubernetes.io/labels: "from=annotation"
spec:
  clusterName: west
  replicas: 2
  template:
    metadata:
      labels: {{node-role.kubernetes.io/gpu: "", machine: label}}
    spec:
      bootstrap: {{configRef: {{kind: {bootstrap}, name: gpu}}}}
      infrastructureRef: {{kind: {infrastructure}, name: gpu}}
---
"""
DEPLOYED: dict[str, object] = {
    "labels": {"from": "annotation", "node-role.kubernetes.io/gpu": ""},
    "nodes": 2,
    "most": 5,
    "cluster": "west",
}
PARTS: dict[tuple[str, str], tuple[str, str, dict[str, object]]] = {
    ("infrastructure.cluster.x-k8s.io", "AWSMachineTemplate"): (
        "MachineDeployment",
        "spec: {template: {spec: {instanceType: g4dn.xlarge}}}",
        {"labels": {INSTANCE_TYPE: "g4dn.xlarge"}, "gpus": ["tesla-t4"], "per node": 1},
    ),
    ("infrastructure.cluster.x-k8s.io", "GCPMachineTemplate"): (
        "MachineSet",
        "spec: {template: {spec: {instanceType: a2-highgpu-1g}}}",
        {"labels": {INSTANCE_TYPE: "a2-highgpu-1g"}, "gpus": ["a100-40gb"], "per node": 1},
    ),
    ("infrastructure.cluster.x-k8s.io", "AzureMachineTemplate"): (
        "MachineDeployment",
        "spec: {template: {spec: {vmSize: Standard_NC24ads_A100_v4}}}",
        {"labels": {INSTANCE_TYPE: "Standard_NC24ads_A100_v4"}, "gpus": ["a100-80gb"], "per node": 1},
    ),
    ("infrastructure.cluster.x-k8s.io", "AWSMachinePool"): (
        "MachinePool",
        "spec: {maxSize: 7, awsLaunchTemplate: {instanceType: p4d.24xlarge}}",
        {"labels": {INSTANCE_TYPE: "p4d.24xlarge"}, "gpus": ["a100-40gb"], "per node": 8, "most": 7},
    ),
    ("infrastructure.cluster.x-k8s.io", "AWSManagedMachinePool"): (
        "MachinePool",
        "spec: {instanceType: g5.xlarge, labels: {tier: gold}, taints: [{key: gpu, value: a, effect: no-schedule}]}",
        {
            "labels": {INSTANCE_TYPE: "g5.xlarge", "tier": "gold"},
            "taints": ["gpu=a:NoSchedule"],
            "gpus": ["a10g"],
            "per node": 1,
        },
    ),
    ("infrastructure.cluster.x-k8s.io", "ROSAMachinePool"): (
        "MachinePool",
        "spec: {instanceType: g5.xlarge, labels: {tier: gold}, autoscaling: {maxReplicas: 9}}",
        {"labels": {INSTANCE_TYPE: "g5.xlarge", "tier": "gold"}, "gpus": ["a10g"], "per node": 1, "most": 9},
    ),
    ("infrastructure.cluster.x-k8s.io", "AzureManagedMachinePool"): (
        "MachinePool",
        "spec: {sku: Standard_NC48ads_A100_v4, nodeLabels: {tier: gold}, scaling: {maxSize: 3}}",
        {"labels": {INSTANCE_TYPE: "Standard_NC48ads_A100_v4", "tier": "gold"}, "gpus": ["a100-80gb"], "per node": 2},
    ),
    ("bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate"): (
        "MachineDeployment",
        "spec: {template: {spec: {joinConfiguration: {nodeRegistration: {kubeletExtraArgs: {node-labels: 'a=1,b=2'}}}}}}",  # noqa: E501
        {"labels": {"a": "1", "b": "2"}},
    ),
    ("bootstrap.cluster.x-k8s.io", "KubeadmConfig"): (
        "MachinePool",
        "spec: {joinConfiguration: {nodeRegistration: {taints: [{key: a, effect: NoSchedule}]}}}",
        {"taints": ["a:NoSchedule"]},
    ),
}


@pytest.mark.parametrize("kind", sorted(SAMPLES), ids="/".join)
def test_every_kind_of_pool(kind: tuple[str, str]) -> None:
    text, expected = SAMPLES[kind]
    graph = linked({"pool.yaml": textwrap.dedent(text)})
    assert {group.title: told(group) for group in graph.nodes.groups} == expected


@pytest.mark.parametrize("kind", sorted(PARTS), ids="/".join)
def test_what_a_pool_of_cluster_api_refers_to_says_the_rest(kind: tuple[str, str]) -> None:
    owner, text, expected = PARTS[kind]
    names = {"infrastructure": "Other", "bootstrap": "Other", "kind": owner, kind[0].partition(".")[0]: kind[1]}
    part = f"apiVersion: {kind[0]}/v1beta1\nkind: {kind[1]}\nmetadata: {{name: gpu}}\n{text}\n"
    (group,) = linked({"pool.yaml": CLUSTER_API.format(**names) + part}).nodes.groups
    found = told(group)
    for key, value in {**DEPLOYED, **expected}.items():
        wanted = {**DEPLOYED["labels"], **expected.get("labels", {})} if key == "labels" else value  # type: ignore[dict-item]
        assert found[key] == wanted, key


def test_every_entry_of_the_catalogue_has_a_sample() -> None:
    owners = {("cluster.x-k8s.io", owner) for owner, _, _ in PARTS.values()}
    assert set(entries()) == set(SAMPLES) | set(PARTS) | owners


def test_two_definitions_of_what_a_pool_refers_to_leave_it_open() -> None:
    names = {"infrastructure": "AWSMachineTemplate", "bootstrap": "Other", "kind": "MachineDeployment"}
    part = "apiVersion: infrastructure.cluster.x-k8s.io/v1beta2\nkind: AWSMachineTemplate\nmetadata: {name: gpu}\n"
    small, large = (
        f"{part}spec: {{template: {{spec: {{instanceType: {each}}}}}}}\n" for each in ("g5.xlarge", "p5.48xlarge")
    )
    pool = CLUSTER_API.format(**names)
    (open_,) = linked({"pool.yaml": pool, "a/t.yaml": small, "b/t.yaml": large}).nodes.groups
    (near,) = linked({"a/pool.yaml": pool, "a/t.yaml": small, "b/t.yaml": large}).nodes.groups
    assert (open_.gpus, [gpu.id for gpu in near.gpus]) == ((), ["a10g"])


# --- sets -------------------------------------------------------------------------------------------------------------


def karpenter(*requirements: tuple[str, str, list[str]]) -> NodeGroup:
    written = [f"{{key: {key}, operator: {operator}, values: {values}}}" for key, operator, values in requirements]
    return groups({"pool.yaml": POOL.format(f"requirements: [{', '.join(written)}]")})["pool"]


AWS = "karpenter.k8s.aws/instance-"


@pytest.mark.parametrize(
    ("requirements", "gpus", "most"),
    [
        ([(f"{AWS}family", "In", ["g5", "g6"])], ["a10g", "l4"], 8),
        ([(f"{AWS}family", "In", ["g5"]), (f"{AWS}size", "In", ["xlarge", "2xlarge"])], ["a10g"], 1),
        ([(f"{AWS}family", "In", ["g5"]), (f"{AWS}size", "NotIn", ["48xlarge"])], ["a10g"], 4),
        ([(f"{AWS}family", "In", ["g5"]), (f"{AWS}gpu-count", "Lt", ["4"])], ["a10g"], 1),
        ([(f"{AWS}family", "In", ["g5"]), (f"{AWS}gpu-count", "Gte", ["8"])], ["a10g"], 8),
        ([("eks.amazonaws.com/instance-family", "In", ["p5"])], ["h100-80gb"], 8),
        ([(f"{AWS}family", "In", ["g5", "c7i"])], ["a10g"], 8),
        ([(f"{AWS}family", "In", ["g5", "g99"])], ["a10g"], -1),
        ([(f"{AWS}category", "In", ["g", "p"])], [], -1),
        ([(f"{AWS}gpu-name", "In", ["a10g", "l4"])], ["a10g", "l4"], -1),
        ([(f"{AWS}gpu-name", "In", ["a100"])], ["a100-40gb", "a100-80gb"], -1),
        ([(INSTANCE_TYPE, "In", ["g5.xlarge", "p4d.24xlarge"]), (f"{AWS}gpu-count", "Gt", ["1"])], ["a100-40gb"], 8),
    ],
    ids=[
        "two families",
        "sizes",
        "all sizes but one",
        "an upper bound",
        "a lower bound",
        "EKS Auto Mode",
        "a family without GPUs beside one with them",
        "a family of a later year",
        "categories say nothing of models",
        "models",
        "a name of two models",
        "types and a bound",
    ],
)
def test_requirements_are_sets(requirements: list[tuple[str, str, list[str]]], gpus: list[str], most: int) -> None:
    group = karpenter(*requirements)
    assert ([gpu.id for gpu in group.gpus], group.most_gpus_per_node, group.has_gpu) == (gpus, most, True)


def test_a_pool_that_rules_gpus_out_has_none() -> None:
    assert not karpenter((f"{AWS}gpu-count", "DoesNotExist", [])).has_gpu
    assert not karpenter((f"{AWS}gpu-name", "NotIn", ["t4"])).has_gpu


def test_types_follow_from_families() -> None:
    group = karpenter((f"{AWS}family", "In", ["p5"]))
    assert sorted(map(str, group.possible.possible(INSTANCE_TYPE) or ())) == ["p5.48xlarge", "p5.4xlarge"]
    mixed = karpenter((f"{AWS}family", "In", ["p5", "m7i"]))
    assert mixed.possible.possible(INSTANCE_TYPE) is None


OVERLAY = """apiVersion: karpenter.sh/v1alpha1
kind: NodeOverlay
metadata: {{name: slices}}
spec:
  requirements: [{{key: karpenter.k8s.aws/instance-family, operator: In, values: [{0}]}}]
  capacity: {{nvidia.com/gpu.shared: 4}}
"""


def test_an_overlay_adds_resources_to_the_types_it_matches() -> None:
    pool = POOL.format("requirements: [{key: karpenter.k8s.aws/instance-family, operator: In, values: [g5]}]")
    found = [groups({"pool.yaml": f"{pool}---\n{OVERLAY.format(family)}"})["pool"] for family in ("g5", "g6")]
    assert [dict(group.allocatable) for group in found] == [{"nvidia.com/gpu.shared": 4}, {}]


def test_a_pool_of_fixed_size_does_not_follow_pods() -> None:
    text = POOL.format("requirements: [{key: karpenter.k8s.aws/instance-family, operator: In, values: [g5]}]")
    fixed = text.replace("spec:\n", "spec:\n  replicas: 2\n", 1)
    found = [groups({"pool.yaml": each})["pool"] for each in (text, fixed)]
    assert [(group.autoscaler, group.most) for group in found] == [("karpenter", -1), ("", 2)]


@pytest.mark.parametrize(
    ("priorities", "gpus", "most"),
    [
        ("[{gpu: {type: nvidia-l4, count: 1}}, {machineType: a3-highgpu-8g}]", ["h100-80gb", "l4"], 8),
        ("[{gpu: {type: nvidia-l4, count: 1}}, {machineFamily: g2}]", [], -1),
        ("[{gpu: {type: nvidia-l4, count: 1}}, {gpu: {type: $TYPE, count: 1}}]", [], 1),
        ("[{gpu: {type: nvidia-l4, count: $COUNT}}]", ["l4"], -1),
    ],
    ids=["a machine type with GPUs of its own", "a family", "a type to fill in", "a number to fill in"],
)
def test_priorities_are_alternatives(priorities: str, gpus: list[str], most: int) -> None:
    head = "apiVersion: cloud.google.com/v1\nkind: ComputeClass\nmetadata: {name: c}\n"
    group = groups({"class.yaml": f"{head}spec: {{priorities: {priorities}}}\n"})["c"]
    assert ([gpu.id for gpu in group.gpus], group.most_gpus_per_node) == (gpus, most)


# --- machines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            """
            version: v1alpha1
            machine:
              type: worker
              nodeLabels: {tier: gold}
              nodeTaints: {nvidia.com/gpu: "present:NoSchedule"}
            ---
            apiVersion: v1alpha1
            kind: HostnameConfig
            hostname: rack-7
            """,
            {"Talos machine rack-7": {"labels": {"tier": "gold"}, "taints": ["nvidia.com/gpu=present:NoSchedule"]}},
            id="a machine of Talos",
        ),
        pytest.param(
            "machine: {nodeLabels: {nvidia.com/gpu.present: 'true'}}",
            {"Talos patch gpu-worker": {"labels": {"nvidia.com/gpu.present": "true"}}},
            id="a patch",
        ),
        pytest.param(
            """
            clusterName: home
            talosVersion: v1.11.0
            nodes:
            - {hostname: a, nodeLabels: {tier: gold}}
            - {hostname: b}
            """,
            {"Talos machine a": {"labels": {"tier": "gold"}}},
            id="talhelper",
        ),
        pytest.param(
            """
            metadata:
              type: ConfigPatches.omni.sidero.dev
              id: 400-gpus
            spec:
              data: |
                machine:
                  nodeLabels:
                    tier: gold
            """,
            {"Talos patch 400-gpus": {"labels": {"tier": "gold"}}},
            id="a patch of Omni",
        ),
        pytest.param(
            """
            kind: Workers
            name: gpus
            patches:
            - name: labels
              inline:
                machine:
                  nodeLabels: {tier: gold}
            - name: more
              inline:
                machine:
                  nodeLabels: {zone: a}
            """,
            {"Talos patch gpus": {"labels": {"tier": "gold", "zone": "a"}}},
            id="a template of Omni",
        ),
        pytest.param(
            """
            node-name: rack-9
            node-label: [tier=gold, zone=a]
            node-taint: ["gpu=yes:NoExecute"]
            """,
            {"k3s configuration rack-9": {"labels": {"tier": "gold", "zone": "a"}, "taints": ["gpu=yes:NoExecute"]}},
            id="k3s",
        ),
        pytest.param(
            """
            blueprint_name: west
            deployment_groups:
            - group: primary
              modules:
              - {id: net, source: modules/network/vpc}
              - id: pool
                source: modules/compute/gke-node-pool
                settings:
                  machine_type: a3-highgpu-8g
                  static_node_count: 2
                  guest_accelerator: [{type: nvidia-h100-80gb, count: 8}]
            """,
            {
                "node pool pool": {
                    "labels": {
                        "cloud.google.com/gke-accelerator": "nvidia-h100-80gb",
                        "cloud.google.com/gke-accelerator-count": "8",
                        INSTANCE_TYPE: "a3-highgpu-8g",
                    },
                    "gpus": ["h100-80gb"],
                    "per node": 8,
                    "at most per node": 8,
                    "nodes": 2,
                    "most": 2,
                }
            },
            id="a blueprint",
        ),
        pytest.param("flavors: [{nodeLabels: {tier: gold}}]", {}, id="something else with such a key"),
    ],
)
def test_the_configuration_of_machines(text: str, expected: dict[str, dict[str, object]]) -> None:
    graph = linked({"nodes/gpu-worker.yaml": textwrap.dedent(text)})
    assert {f"{group.kind} {group.name}": told(group) for group in graph.nodes.groups} == expected


def test_places_are_those_of_the_labels() -> None:
    head = "metadata:\n  type: ConfigPatches.omni.sidero.dev\nspec:\n  data: |\n"
    text = f"{head}    machine:\n      nodeLabels:\n        a: b\n"
    (group,) = linked({"x.yaml": text}).nodes.groups
    assert (group.labels["a"].place.location().line, group.labels["a"].place.location().column) == (7, 12)


def test_a_k3d_cluster() -> None:
    text = """apiVersion: k3d.io/v1alpha5
kind: Simple
options:
  k3s:
    nodeLabels:
    - {label: tier=gold, nodeFilters: ["agent:0"]}
    - {label: zone=a, nodeFilters: ["agent:0"]}
    extraArgs:
    - {arg: "--node-taint=gpu=no:NoSchedule", nodeFilters: ["agent:1"]}
"""
    graph = linked({"k3d.yaml": text})
    assert {group.title: told(group) for group in graph.nodes.groups} == {
        "k3d node agent:0": {"labels": {"tier": "gold", "zone": "a"}},
        "k3d node agent:1": {"taints": ["gpu=no:NoSchedule"]},
    }


# --- node feature discovery -------------------------------------------------------------------------------------------

RULE = """apiVersion: nfd.k8s-sigs.io/v1alpha1
kind: NodeFeatureRule
metadata: {name: boards}
spec:
  rules:
  - name: gpus
    labels: {example.com/board: "true"}
    labelsTemplate: |
      {{ range .pci.device }}example.com/vendor={{ .vendor }}
      {{ end }}
"""


def test_a_rule_tells_which_labels_there_can_be_but_not_where() -> None:
    nodes = node("a", {"example.com/board": "true", "own": "x"}) + node("b", {"nvidia.com/gpu.product": "Tesla-T4"})
    with_rule = linked({"n.yaml": nodes, "r.yaml": RULE, "p.yaml": pod(nodeSelector={"example.com/board": "true"})})
    assert with_rule.nodes.conditional_labels == {"example.com/board", "example.com/vendor"}
    assert [group.name for group in with_rule.nodes.groups] == ["a", "b"]
    assert only_landing(with_rule).excluded == ()
    without = linked({"n.yaml": nodes, "p.yaml": pod(nodeSelector={"example.com/board": "true"})})
    assert [each.group.name for each in only_landing(without).excluded] == ["b"]


def test_a_node_feature_labels_one_node() -> None:
    text = """apiVersion: nfd.k8s-sigs.io/v1alpha1
kind: NodeFeature
metadata:
  name: extra
  labels: {nfd.node.kubernetes.io/node-name: rack-1}
spec:
  labels: {example.com/board: "true"}
"""
    graph = linked({"f.yaml": text})
    assert {group.title: told(group) for group in graph.nodes.groups} == {
        "NodeFeature rack-1": {"labels": {"example.com/board": "true"}}
    }


# --- scripts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "taints"),
    [
        ("kubectl taint nodes gpu-1 nvidia.com/gpu=present:NoSchedule", ["nvidia.com/gpu=present:NoSchedule"]),
        ("oc adm taint node/gpu-1 gpu:NoExecute", []),
        ("oc taint node/gpu-1 gpu:NoExecute", ["gpu:NoExecute"]),
        ("kubectl taint nodes other gpu:NoExecute", []),
        ("kubectl taint nodes gpu-1 a=1:NoSchedule\nkubectl taint nodes gpu-1 a=2:NoSchedule", ["a=2:NoSchedule"]),
        ("kubectl taint nodes gpu-1 a=1:NoSchedule b=1:NoSchedule\nkubectl taint nodes gpu-1 a-", ["b=1:NoSchedule"]),
        ("kubectl taint nodes gpu-1 a=1:NoSchedule\nkubectl taint nodes gpu-1 a:NoSchedule-", []),
        ("kubectl taint nodes --all gpu:NoSchedule", []),
        ("kubectl taint nodes -l pool=a gpu:NoSchedule", []),
    ],
    ids=[
        "a taint",
        "another command",
        "without a value",
        "another node",
        "overwritten",
        "removed by key",
        "removed",
        "all",
        "selected",
    ],
)
def test_a_script_taints_a_declared_node(lines: str, taints: list[str]) -> None:
    found = groups({"node.yaml": NODE, "taint.sh": lines + "\n"})
    assert (list(found), list(map(str, found["gpu-1"].taints))) == (["gpu-1"], taints)


def test_what_a_cluster_says_of_its_taints_counts_for_more() -> None:
    text = NODE + "status: {allocatable: {nvidia.com/gpu: 1}}\n"
    found = groups({"node.yaml": text, "taint.sh": "kubectl taint nodes gpu-1 gpu:NoSchedule\n"})
    assert found["gpu-1"].taints == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "gcloud container node-pools create l4 --cluster=west --machine-type g2-standard-24 \\\n"
            "  --accelerator type=nvidia-l4,count=2,gpu-sharing-strategy=time-sharing,max-shared-clients-per-gpu=3 \\\n"
            "  --node-labels=team=ads,tier=gold --node-taints=team=ads:NoSchedule --total-max-nodes 4 --spot",
            {
                "gcloud node pool l4": {
                    "labels": {
                        "cloud.google.com/gke-accelerator": "nvidia-l4",
                        "cloud.google.com/gke-accelerator-count": "2",
                        "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing",
                        "cloud.google.com/gke-max-shared-clients-per-gpu": "3",
                        "cloud.google.com/gke-nodepool": "l4",
                        INSTANCE_TYPE: "g2-standard-24",
                        "team": "ads",
                        "tier": "gold",
                    },
                    "taints": ["team=ads:NoSchedule"],
                    "gpus": ["l4"],
                    "per node": 2,
                    "at most per node": 2,
                    "most": 4,
                    "cluster": "west",
                }
            },
            id="gcloud",
        ),
        pytest.param(
            "eksctl create nodegroup --cluster west --name gpus --node-type p3.2xlarge --nodes 2 --nodes-max 3",
            {
                "eksctl node group gpus": {
                    "labels": {"alpha.eksctl.io/nodegroup-name": "gpus", INSTANCE_TYPE: "p3.2xlarge"},
                    "gpus": ["v100-16gb"],
                    "per node": 1,
                    "at most per node": 1,
                    "nodes": 2,
                    "most": 3,
                    "cluster": "west",
                }
            },
            id="eksctl",
        ),
        pytest.param(
            "az aks nodepool add -g rg --cluster-name west -n gpus -s Standard_NC24ads_A100_v4 -c 2 "
            "--labels a=1 b=2 --node-taints sku=gpu:NoSchedule",
            {
                "az node pool gpus": {
                    "labels": {
                        "a": "1",
                        "agentpool": "gpus",
                        "b": "2",
                        "kubernetes.azure.com/agentpool": "gpus",
                        INSTANCE_TYPE: "Standard_NC24ads_A100_v4",
                    },
                    "taints": ["sku=gpu:NoSchedule"],
                    "gpus": ["a100-80gb"],
                    "per node": 1,
                    "at most per node": 1,
                    "nodes": 2,
                    "most": 2,
                    "cluster": "west",
                }
            },
            id="az",
        ),
        pytest.param(
            'gcloud container node-pools create "$POOL" --machine-type "$TYPE" --num-nodes 1',
            {
                "gcloud node pool $POOL": {
                    "labels": {"cloud.google.com/gke-nodepool": "$POOL"},
                }
            },
            id="variables",
        ),
        pytest.param("eksctl create nodegroup -f pools.yaml", {}, id="a file of its own"),
        pytest.param("gcloud container clusters create west --machine-type e2-small", {}, id="another command"),
    ],
)
def test_a_script_creates_a_pool(line: str, expected: dict[str, dict[str, object]]) -> None:
    graph = linked({"pools.sh": line + "\n"})
    assert {f"{group.kind} {group.name}": told(group) for group in graph.nodes.groups} == expected
