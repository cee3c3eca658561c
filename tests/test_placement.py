"""Where workloads could run, from the linked objects to the three reports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from gpulint import __version__
from gpulint.config import DEFAULTS
from gpulint.facts.values import Owner
from gpulint.placement import Option, Placement, Placements, is_pattern, placements
from gpulint.recommendation import Agreement, Recommendation, Strategy, Verdict, agreement, recommend, together
from gpulint.reports.placement import as_json, markdown, render, text
from gpulint.source import Loaded
from tests.linked import MPS, RENAMED, SLICED, SLICED_MIG, affinity, document, linked, node, pod, policy, settings
from tests.test_cli import gpulint
from tests.test_reports_json import closed

FIXTURES = Path(__file__).parent / "fixtures"
ALL_STRATEGIES = FIXTURES / "one-cluster-for-all-strategies"
SCHEMA = json.loads((resources.files("gpulint.reports") / "placement.schema.json").read_text(encoding="utf-8"))
T4 = {"nvidia.com/gpu.product": "Tesla-T4"}
A100 = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}


def found(files: Mapping[str, str], *patterns: str, complete: tuple[str, ...] = ()) -> Placements:
    return placements(Loaded((), (), 2, 3), [linked(files, complete=complete)], DEFAULTS, patterns)


def only(*manifests: str, complete: tuple[str, ...] = ()) -> Placement:
    """The placement of the one workload of one file."""
    (placement,) = found({"all.yaml": "".join(manifests)}, complete=complete).workloads
    return placement


def only_option(placement: Placement) -> Option:
    (option,) = placement.options
    return option


def names(option: Option) -> list[str]:
    return [each.name for each in option.nodes]


def refusals(placement: Placement) -> dict[str, str]:
    return {name.name: refusal.reason for refusal in placement.refusals for name in refusal.nodes}


# --- what suits -------------------------------------------------------------------------------------------------------


OWNER = Owner(
    label="Pod a/b",
    kind="Pod",
    name="b",
    namespace="a",
    role="",
    replicas=1,
    service_level=False,
    workload_class="unknown",
    detail="",
    evidence="",
)


@pytest.mark.parametrize(
    ("workload_class", "service_level", "several_gpus", "strategy"),
    [
        pytest.param("training", False, False, "full", id="training"),
        pytest.param("training", True, True, "full", id="training on several GPUs with replicas"),
        pytest.param("inference", True, False, "mig", id="inference that has to stay up"),
        pytest.param("inference", False, False, "time-slicing", id="inference at best effort"),
        pytest.param("inference", True, True, "full", id="one model on several GPUs"),
        pytest.param("interactive", True, False, "time-slicing", id="a notebook"),
        pytest.param("batch", False, False, "", id="a job"),
        pytest.param("system", True, False, "", id="a service of the cluster"),
        pytest.param("unknown", True, False, "", id="not known"),
    ],
)
def test_the_class_decides_what_is_recommended(
    workload_class: str, service_level: bool, several_gpus: bool, strategy: str
) -> None:
    owner = replace(OWNER, workload_class=workload_class, service_level=service_level)
    recommended = recommend(owner, several_gpus=several_gpus)
    assert recommended.strategy == strategy
    assert recommended.reason


def test_a_job_is_told_what_it_depends_on() -> None:
    reason = recommend(replace(OWNER, workload_class="batch"), several_gpus=False).reason
    assert reason.startswith("it depends")
    assert all(strategy in reason for strategy in ("full GPU", "MIG", "time-slicing"))


@pytest.mark.parametrize(
    ("strategy", "given", "verdict"),
    [
        ("full", "full", "yes"),
        ("full", "mig", "no"),
        ("full", "time-slicing", "no"),
        ("full", "mps", "no"),
        ("full", "shared-mig", "no"),
        ("mig", "mig", "yes"),
        ("mig", "full", "no"),
        ("mig", "time-slicing", "no"),
        ("mig", "shared-mig", "no"),
        ("time-slicing", "time-slicing", "yes"),
        ("time-slicing", "mps", "yes"),
        ("time-slicing", "shared", "yes"),
        ("time-slicing", "full", "no"),
        ("time-slicing", "mig", "no"),
        ("full", "unknown", "unknown"),
        ("", "full", ""),
    ],
)
def test_what_it_gets_agrees_or_not(strategy: Strategy, given: str, verdict: Verdict) -> None:
    said = agreement(Recommendation(strategy, "why"), given)  # type: ignore[arg-type] # all values are in the table
    assert said.verdict == verdict
    assert bool(said.reason) == (bool(strategy) and strategy != given)


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ([], ""),
        ([""], ""),
        (["yes", "yes"], "yes"),
        (["yes", "no"], "some"),
        (["no", "unknown"], "unknown"),
        (["yes", "unknown"], "unknown"),
        (["yes", "no", "unknown"], "some"),
    ],
)
def test_verdicts_are_summed_up(verdicts: list[Verdict], verdict: Verdict) -> None:
    assert together(Agreement(each) for each in verdicts).verdict == verdict


# --- what it gets -----------------------------------------------------------------------------------------------------


def test_a_whole_gpu_of_a_node_that_is_labelled_by_discovery() -> None:
    placement = only(
        node("gpu-1", {**T4, "nvidia.com/gpu.count": "2", "nvidia.com/gpu.sharing-strategy": "none"}), pod()
    )
    option = only_option(placement)
    (grant,) = option.grants
    assert (names(option), option.declared, option.doubt) == (["gpu-1"], True, "")
    assert (grant.given, grant.units, grant.units_per_gpu, grant.units_per_node) == ("full", 1, 1, 2)
    assert ([gpu.model for gpu in grant.gpus], grant.memory_gb, grant.confidence) == (["Tesla T4"], 16, "high")
    assert grant.reason == "a label of the nodes says so"
    assert grant.decided_at is None


@pytest.mark.parametrize(
    ("config", "resource", "given", "units_per_gpu", "units_per_node"),
    [
        pytest.param(SLICED, "nvidia.com/gpu", "time-slicing", 4, 8, id="time-slicing"),
        pytest.param(RENAMED, "nvidia.com/gpu.shared", "time-slicing", 4, 8, id="under a name of its own"),
        pytest.param(MPS, "nvidia.com/gpu", "mps", 4, 8, id="MPS"),
    ],
)
def test_a_share_by_the_configuration(
    config: str, resource: str, given: str, units_per_gpu: int, units_per_node: int
) -> None:
    nodes = node("gpu-1", {**T4, "nvidia.com/gpu.count": "2"})
    placement = only(nodes, policy("any"), settings(any=config), pod(resource))
    (grant,) = only_option(placement).grants
    assert (grant.given, grant.units_per_gpu, grant.units_per_node) == (given, units_per_gpu, units_per_node)
    assert grant.reason == "device-plugin config 'any' of ConfigMap settings, the default"
    assert grant.decided_at is not None


def test_a_mig_slice_by_a_layout_of_the_operator() -> None:
    nodes = node("gpu-1", {**A100, "nvidia.com/mig.config": "all-1g.5gb", "nvidia.com/gpu.count": "8"})
    placement = only(nodes, policy(strategy="mixed", config=""), pod("nvidia.com/mig-1g.5gb"))
    (grant,) = only_option(placement).grants
    assert (grant.given, grant.profile, grant.memory_gb) == ("mig", "1g.5gb", 5)
    assert (grant.units_per_gpu, grant.units_per_node) == (7, None)  # the label may count slices
    assert grant.reason.startswith("MIG config 'all-1g.5gb', strategy mixed")


def test_a_share_of_a_mig_slice() -> None:
    nodes = node("gpu-1", {**A100, "nvidia.com/mig.config": "all-1g.5gb"})
    placement = only(nodes, policy("any"), settings(any=SLICED_MIG), pod("nvidia.com/mig-1g.5gb"))
    (grant,) = only_option(placement).grants
    assert (grant.given, grant.units_per_gpu, grant.memory_gb) == ("shared-mig", 21, 5)


def test_nodes_that_give_the_same_are_one_option() -> None:
    nodes = [node(name, T4) for name in ("gpu-2", "gpu-10", "gpu-1")]
    placement = only(*nodes, node("a100", A100), policy("any"), settings(any=SLICED), pod())
    assert [names(option) for option in placement.options] == [["a100"], ["gpu-1", "gpu-10", "gpu-2"]]


def test_what_two_installers_leave_open_is_told_twice_and_less_sure() -> None:
    placement = only(node("gpu-1", T4), policy("any"), settings(any=SLICED), policy("", config="", name="other"), pod())
    assert [names(option) for option in placement.options] == [["gpu-1"], ["gpu-1"]]
    grants = [option.grants[0] for option in placement.options]
    assert sorted(grant.given for grant in grants) == ["full", "time-slicing"]
    assert all(grant.confidence == "medium" and "several installers" in grant.reason for grant in grants)
    assert placement.refusals == ()


def test_a_scheduler_that_shares_by_itself_leaves_the_share_open() -> None:
    container = {"name": "app", "resources": {"limits": {"nvidia.com/gpu": 1, "nvidia.com/gpumem": 3000}}}
    placement = only(node("gpu-1", T4), document("Pod", "app", spec={"containers": [container]}))
    grants = only_option(placement).grants
    assert [grant.given for grant in grants] == ["unknown", "unknown"]
    assert grants[0].reason == "a scheduler that shares GPUs by itself hands it out"


@pytest.mark.parametrize(
    ("containers", "init", "units"),
    [
        pytest.param([2, 1], [], 3, id="containers run together"),
        pytest.param([1], [4], 4, id="an init container runs alone"),
        pytest.param([2], [1], 2, id="the smaller init container comes before"),
        pytest.param([0, 1], [], 1, id="none is asked for in one of them"),
        pytest.param(["{{ gpus }}"], [], None, id="a placeholder"),
    ],
)
def test_units_are_those_of_a_pod(containers: list[object], init: list[object], units: int | None) -> None:
    def listed(name: str, amounts: list[object]) -> list[Mapping[str, object]]:
        return [
            {"name": f"{name}{index}", "resources": {"limits": {"nvidia.com/gpu": amount}}}
            for index, amount in enumerate(amounts)
        ]

    spec = {"containers": listed("c", containers), "initContainers": listed("i", init)}
    (ask,) = only(document("Pod", "app", spec=spec)).asks
    assert (ask.resource, ask.units) == ("nvidia.com/gpu", units)


def test_nothing_asked_for_is_no_gpu_workload() -> None:
    assert found({"a.yaml": pod("nvidia.com/gpu", 0)}).workloads == ()


# --- why not elsewhere ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "workload", "reason"),
    [
        pytest.param(
            node("x", {**T4, "pool": "b"}),
            pod(nodeSelector={"pool": "a"}),
            "pool is 'b', not 'a'",
            id="a label",
        ),
        pytest.param(
            node("x", T4, spec={"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]}),
            pod(),
            "the pod does not tolerate nvidia.com/gpu:NoSchedule",
            id="a taint",
        ),
        pytest.param(node("x", {"zone": "a"}), pod(), "nothing says that there is a GPU", id="no sign of a GPU"),
        pytest.param(
            node("x", {"zone": "a"}, status={"allocatable": {"cpu": "4"}}),
            pod(),
            "no GPU is advertised there",
            id="a node of the cluster without GPUs",
        ),
        pytest.param(node("x", T4), pod("nvidia.com/mig-1g.5gb"), "Tesla T4 has no MIG", id="no MIG"),
        pytest.param(
            node("x", A100),
            pod("nvidia.com/mig-1g.10gb", 1, nodeName="x").replace("1g.10gb", "1g.18gb"),
            "A100 40GB (SXM4, PCIe) has no MIG profile 1g.18gb",
            id="no such MIG profile",
        ),
        pytest.param(
            node("x", T4),
            pod("nvidia.com/gpu.shared"),
            "nvidia.com/gpu.shared is not advertised there, but nvidia.com/gpu",
            id="not renamed",
        ),
        pytest.param(
            node("x", T4, status={"allocatable": {"nvidia.com/gpu": "4"}}),
            pod("nvidia.com/gpu", 8),
            "there are 4 of nvidia.com/gpu on a node, not 8",
            id="not as many on the node",
        ),
        pytest.param(
            node("x", {**T4, "nvidia.com/gpu.count": "2"}),
            pod("nvidia.com/gpu", 3),
            "there are 2 of nvidia.com/gpu on a node, not 3",
            id="not as many GPUs",
        ),
        pytest.param(
            node("x", T4),
            pod("nvidia.com/gpus"),
            "no device plugin advertises nvidia.com/gpus; did you mean 'nvidia.com/gpu'?",
            id="a name that does not exist",
        ),
        pytest.param(
            node("x", T4, status={"allocatable": {"nvidia.com/gpu": "1"}}),
            pod("amd.com/gpu"),
            "amd.com/gpu is not advertised there",
            id="a GPU of another vendor",
        ),
    ],
)
def test_one_reason_each(where: str, workload: str, reason: str) -> None:
    placement = only(where, policy("", config=""), workload, complete=("nodes",))
    assert refusals(placement) == {"x": reason}
    assert placement.options == ()
    assert placement.note == "no node can take it"


def test_a_container_that_asks_for_several_is_refused_where_the_plugin_refuses_it() -> None:
    placement = only(node("gpu-1", T4), policy("any"), settings(any=MPS), pod("nvidia.com/gpu", 2))
    reason = "the device plugin there refuses a container that asks for more than one unit of nvidia.com/gpu"
    assert refusals(placement) == {"gpu-1": reason}


def test_refused_for_the_same_reason_is_said_once() -> None:
    nodes = [node(name, {"zone": "a"}) for name in ("cpu-2", "cpu-1")]
    placement = only(*nodes, node("gpu-1", T4), pod())
    (refusal,) = placement.refusals
    assert [name.name for name in refusal.nodes] == ["cpu-1", "cpu-2"]


def test_a_flavor_counts_only_for_what_kueue_queues() -> None:
    flavor = document("ResourceFlavor", "t4", "kueue.x-k8s.io/v1beta1", spec={"nodeLabels": T4})
    queued = json.loads(pod().removeprefix("---\n"))
    queued["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": "team"}
    placement = only(flavor, "---\n" + json.dumps(queued) + "\n")
    assert [names(option) for option in placement.options] == [["t4"]]
    assert placement.declared == 1
    assert only(flavor, pod()).declared == 0


# --- what is not known ------------------------------------------------------------------------------------------------


def test_nothing_is_declared_and_nothing_configured() -> None:
    placement = only(pod())
    option = only_option(placement)
    assert (option.declared, names(option), option.grants[0].given) == (False, [""], "unknown")
    assert placement.note == "no node or pool is declared; what it would get is not known"


def test_nothing_is_declared_but_all_nodes_are_configured() -> None:
    placement = only(policy("any"), settings(any=SLICED), pod())
    assert only_option(placement).grants[0].given == "time-slicing"
    assert placement.note == "no node or pool is declared; this is what the configuration in the input gives any node"


def test_nothing_is_declared_and_the_configuration_gives_something_else() -> None:
    placement = only(policy("", config=""), pod("nvidia.com/gpu.shared"))
    assert placement.options == ()
    assert placement.note.startswith("no node or pool is declared; no node would have what it selects and asks for")
    assert refusals(placement) == {"": "nvidia.com/gpu.shared is not advertised there, but nvidia.com/gpu"}


def test_a_label_that_is_not_known_is_a_doubt() -> None:
    selected = affinity([("nvidia.com/gpu.family", "In", ["turing"])])
    placement = only(node("gpu-1", T4), policy("", config=""), pod(affinity=selected))
    declared = [option for option in placement.options if option.declared]
    assert [(names(option), option.doubt) for option in declared] == [
        (["gpu-1"], "its value of nvidia.com/gpu.family is not known")
    ]


def test_other_nodes_may_take_it_unless_all_are_known() -> None:
    assert only(node("gpu-1", T4), pod()).note == "nodes that are not declared may take it as well"
    assert only(node("gpu-1", T4), pod(), complete=("nodes",)).note == ""


# --- which workloads --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("Pod/app", ["", "team"]),
        ("team/Pod/app", ["team"]),
        ("*/Pod/app", ["", "team"]),
        ("Pod/a*", ["", "team"]),
        ("Job/*", []),
        ("team/app", []),
        ("pod/app", []),
    ],
)
def test_workloads_are_selected_by_name(pattern: str, selected: list[str]) -> None:
    spec = {"containers": [{"name": "app", "resources": {"limits": {"nvidia.com/gpu": 1}}}]}
    files = {"a.yaml": pod(), "b.yaml": document("Pod", "app", metadata={"namespace": "team"}, spec=spec)}
    assert [placement.namespace for placement in found(files, pattern).workloads] == selected


def test_the_form_of_a_pattern() -> None:
    assert [is_pattern(each) for each in ("app", "Pod/app", "a/Pod/app", "a/b/Pod/app")] == [False, True, True, False]


# --- reports ----------------------------------------------------------------------------------------------------------


def placement_report(*arguments: str, cwd: Path = ALL_STRATEGIES) -> str:
    done = gpulint("placement", *arguments, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_text() -> None:
    assert placement_report() == TEXT


TEXT = """\
workloads.yaml:25:9: Notebook research/explore
  asks for       1 nvidia.com/gpu per pod
  class          interactive (kind Notebook)
  recommended    time-slicing: interactive work leaves a GPU idle most of the time
  can run on     Node h100-1, h100-2 (8 GPUs per node)
                 gets nvidia.com/gpu: 1 whole GPU; 8 per node; H100 80GB (SXM5, PCIe); 80 GB
                 because: device-plugin config 'exclusive' of ConfigMap device-plugin-configs, the default\
 (operator.yaml:20:14)
                 not as recommended: it would hold a whole GPU
  can run on     Node t4-1
                 gets nvidia.com/gpu: 1 share of a GPU, by time-slicing; 4 per GPU; Tesla T4; 16 GB, shared
                 because: device-plugin config 'sliced' of ConfigMap device-plugin-configs, chosen by a label of the\
 nodes (operator.yaml:28:23)
                 as recommended
  cannot run on  Node a100-1: nvidia.com/gpu is not advertised there, but nvidia.com/mig-1g.5gb
  cannot run on  Node cpu-1: nothing says that there is a GPU
  cannot run on  Node t4-2: the pod does not tolerate nvidia.com/gpu:NoSchedule
  note           nodes that are not declared may take it as well

workloads.yaml:4:9: PyTorchJob research/llm-training, worker
  asks for       8 nvidia.com/gpu per pod, 2 pods
  class          training (kind PyTorchJob)
  recommended    full GPU: training keeps its GPUs busy, and sharing slows it down
  can run on     Node h100-1, h100-2 (8 GPUs per node)
                 gets nvidia.com/gpu: 8 whole GPUs; 8 per node; H100 80GB (SXM5, PCIe); 80 GB
                 because: device-plugin config 'exclusive' of ConfigMap device-plugin-configs, the default\
 (operator.yaml:20:14)
                 as recommended
  cannot run on  Node a100-1: example.com/pool is 'serving', not 'training'
  cannot run on  Node cpu-1: example.com/pool is not set, but must be 'training'
  cannot run on  Node t4-1, t4-2: example.com/pool is 'notebooks', not 'training'

workloads.yaml:40:9: Deployment serving/chat
  asks for       1 nvidia.com/mig-1g.5gb per pod, 3 pods
  class          inference, has to stay up (image 'vllm/vllm-openai:v0.11.0', kind Deployment, port 8000)
  recommended    MIG: inference that has to stay up, and a slice has memory and faults of its own
  can run on     Node a100-1
                 gets nvidia.com/mig-1g.5gb: 1 MIG slice 1g.5gb; 7 per GPU; A100 40GB (SXM4, PCIe); 5 GB
                 because: MIG config 'all-1g.5gb', strategy mixed; device-plugin config 'exclusive' of ConfigMap\
 device-plugin-configs, the default (operator.yaml:20:14)
                 as recommended
  cannot run on  Node cpu-1: nothing says that there is a GPU
  cannot run on  Node h100-1, h100-2: H100 80GB (SXM5, PCIe) has no MIG profile 1g.5gb
  cannot run on  Node t4-1: Tesla T4 has no MIG
  cannot run on  Node t4-2: the pod does not tolerate nvidia.com/gpu:NoSchedule
  note           nodes that are not declared may take it as well

workloads.yaml:69:9: Job serving/nightly
  asks for       1 nvidia.com/gpu per pod
  class          unknown, probably batch (kind Job, restartPolicy Never)
  recommended    nothing: what it does is not evident; the annotation gpulint.dev/workload-class can say so
  can run on     Node t4-1, t4-2
                 gets nvidia.com/gpu: 1 share of a GPU, by time-slicing; 4 per GPU; Tesla T4; 16 GB, shared
                 because: device-plugin config 'sliced' of ConfigMap device-plugin-configs, chosen by a label of the\
 nodes (operator.yaml:28:23)
  cannot run on  Node a100-1: example.com/pool is 'serving', not 'notebooks'
  cannot run on  Node cpu-1: example.com/pool is not set, but must be 'notebooks'
  cannot run on  Node h100-1, h100-2: example.com/pool is 'training', not 'notebooks'

4 GPU workloads and 6 node pools in 12 objects of 3 files.
"""


def test_markdown() -> None:
    assert placement_report("--format", "markdown", "--workload", "research/*/*", "--workload", "*/chat") == MARKDOWN


MARKDOWN = """\
# GPU placement

## Namespace research

### Notebook explore

- Asks for 1 nvidia.com/gpu per pod
- Class: interactive (kind Notebook)
- Recommended: time-slicing: interactive work leaves a GPU idle most of the time
- Cannot run on Node a100-1: nvidia.com/gpu is not advertised there, but nvidia.com/mig-1g.5gb
- Cannot run on Node cpu-1: nothing says that there is a GPU
- Cannot run on Node t4-2: the pod does not tolerate nvidia.com/gpu:NoSchedule
- Note: nodes that are not declared may take it as well

| nodes | resource | units | sharing | MIG slice | units per GPU | GPU | memory | as recommended |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| Node h100-1, h100-2 | nvidia.com/gpu | 1 | none | – | 1 | H100 80GB (SXM5, PCIe) | 80 GB\
 | no: it would hold a whole GPU |
| Node t4-1 | nvidia.com/gpu | 1 | time-slicing | – | 4 | Tesla T4 | 16 GB, shared | yes |

### PyTorchJob llm-training, worker

- Asks for 8 nvidia.com/gpu per pod, 2 pods
- Class: training (kind PyTorchJob)
- Recommended: full GPU: training keeps its GPUs busy, and sharing slows it down
- Cannot run on Node a100-1: example.com/pool is 'serving', not 'training'
- Cannot run on Node cpu-1: example.com/pool is not set, but must be 'training'
- Cannot run on Node t4-1, t4-2: example.com/pool is 'notebooks', not 'training'

| nodes | resource | units | sharing | MIG slice | units per GPU | GPU | memory | as recommended |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| Node h100-1, h100-2 | nvidia.com/gpu | 8 | none | – | 1 | H100 80GB (SXM5, PCIe) | 80 GB | yes |

## Namespace serving

### Deployment chat

- Asks for 1 nvidia.com/mig-1g.5gb per pod, 3 pods
- Class: inference, has to stay up (image 'vllm/vllm-openai:v0.11.0', kind Deployment, port 8000)
- Recommended: MIG: inference that has to stay up, and a slice has memory and faults of its own
- Cannot run on Node cpu-1: nothing says that there is a GPU
- Cannot run on Node h100-1, h100-2: H100 80GB (SXM5, PCIe) has no MIG profile 1g.5gb
- Cannot run on Node t4-1: Tesla T4 has no MIG
- Cannot run on Node t4-2: the pod does not tolerate nvidia.com/gpu:NoSchedule
- Note: nodes that are not declared may take it as well

| nodes | resource | units | sharing | MIG slice | units per GPU | GPU | memory | as recommended |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| Node a100-1 | nvidia.com/mig-1g.5gb | 1 | none | 1g.5gb | 7 | A100 40GB (SXM4, PCIe) | 5 GB | yes |

3 GPU workloads and 6 node pools in 12 objects of 3 files.
"""


def test_the_json_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("folder", [ALL_STRATEGIES, *sorted((FIXTURES / "sharing-strategies").iterdir())])
def test_json_is_as_the_schema_says_and_holds_nothing_else(folder: Path) -> None:
    written = json.loads(placement_report("--format", "json", cwd=folder))
    errors = [error.message for error in Draft202012Validator(closed(SCHEMA)).iter_errors(written)]
    assert errors == []
    assert len(written["workloads"]) == 4


def test_the_form_of_json_is_this() -> None:
    nodes = node("gpu-1", T4) + node("cpu-1", {"zone": "a"})
    written = json.loads(as_json(found({"a.yaml": nodes + policy("any") + settings(any=SLICED) + pod()})))
    (workload,) = written.pop("workloads")
    assert written == {
        "version": 1,
        "tool": {"name": "gpulint", "version": __version__},
        "summary": {"files": 2, "objects": 3, "pools": 2, "notAnalysed": []},
    }
    location, decided_at = workload.pop("location"), workload["options"][0]["grants"][0].pop("decidedAt")
    assert {each["path"] for each in (location, decided_at)} == {"a.yaml"}
    assert workload == {
        "cluster": "",
        "namespace": "",
        "object": {"group": "", "version": "v1", "kind": "Pod", "name": "app"},
        "role": "",
        "pods": 1,
        "asks": [{"resource": "nvidia.com/gpu", "units": 1}],
        "class": "unknown",
        "guessedClass": "unknown",
        "certainty": "none",
        "evidence": "",
        "serviceLevel": False,
        "recommended": {
            "strategy": None,
            "reason": "what it does is not evident; the annotation gpulint.dev/workload-class can say so",
        },
        "agrees": {"verdict": None, "reason": ""},
        "declaredPools": 2,
        "bound": False,
        "options": [
            {
                "nodes": [{"kind": "Node", "name": "gpu-1"}],
                "declared": True,
                "doubt": "",
                "gpusPerNode": None,
                "count": None,
                "most": None,
                "grants": [
                    {
                        "resource": "nvidia.com/gpu",
                        "units": 1,
                        "gets": "time-slicing",
                        "sharing": "time-slicing",
                        "migProfile": None,
                        "unitsPerGpu": 4,
                        "unitsPerNode": None,
                        "gpus": [{"model": "Tesla T4", "memoryGb": 16}],
                        "memoryGb": 16,
                        "confidence": "high",
                        "reason": "device-plugin config 'any' of ConfigMap settings, the default",
                    }
                ],
                "agrees": {"verdict": None, "reason": ""},
            }
        ],
        "refusals": [{"nodes": [{"kind": "Node", "name": "cpu-1"}], "reason": "nothing says that there is a GPU"}],
        "note": "nodes that are not declared may take it as well",
    }


def test_clusters_are_told_apart() -> None:
    shown = placement_report("--format", "markdown", cwd=FIXTURES / "sharing-strategies" / "right")
    headings = [line for line in shown.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Namespace research, cluster full",
        "## Namespace serving, cluster mig",
        "## Namespace notebooks, cluster time-slicing",
    ]


def test_many_nodes_are_counted_not_listed() -> None:
    report = found({"a.yaml": "".join(node(f"gpu-{number}", T4) for number in range(1, 10)) + pod()})
    assert "Node gpu-1, gpu-2, gpu-3, gpu-4, gpu-5 and 4 more\n" in text(report)
    assert len(json.loads(as_json(report))["workloads"][0]["options"][0]["nodes"]) == 9


HOSTILE = "::error::x\x1b[31m | ##[error] <b>*_`\n# new\u202e"
"""What would drive a log of GitHub's, a terminal or a Markdown page; in angle brackets, so that it is a placeholder."""


def test_text_of_the_input_stays_text() -> None:
    labels = {**T4, "pool": HOSTILE}
    broken = document(HOSTILE, HOSTILE, metadata={"namespace": HOSTILE}, spec=_spec(pool=HOSTILE))
    report = found({"a.yaml": node("gpu-1", {**T4, "pool": "a"}) + node(HOSTILE, labels) + broken})
    for style in ("text", "markdown", "json"):
        shown = render(style, report, color=False)
        assert "##[" not in shown
        assert not set(shown) & set("\x1b\u202e")
        assert not any(line.lstrip().startswith(("::", "# new")) for line in shown.splitlines())
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown(report))
    assert sum(token.type == "heading_open" for token in tokens) == 3
    assert not [token for token in tokens if token.type.startswith("html")]
    inline = {child.type for token in tokens for child in token.children or ()}
    assert inline == {"text"}
    assert sum(token.type == "td_open" for token in tokens) == 2 * 9


def _spec(**selector: str) -> dict[str, object]:
    container = {"name": "app", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    return {"containers": [container], "nodeSelector": selector}


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--workload", "Job/*"], 0, ""),
        (["--workload", "Jobb/*"], 3, "no GPU workload that --workload names"),
        (["--workload", "nightly"], 2, "'nightly' is neither kind/name nor namespace/kind/name"),
        (["--exclude", "*.yaml"], 3, "no Kubernetes object"),
        (["no-such-folder"], 2, "there is no file or folder"),
        (["--format", "sarif"], 2, "sarif"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_exit_codes(arguments: list[str], code: int, words: str) -> None:
    done = gpulint("placement", *arguments, cwd=ALL_STRATEGIES)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_report_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "placement.md"
    assert placement_report("--format", "markdown", "--output", str(file)) == ""
    assert file.read_text(encoding="utf-8").startswith("# GPU placement\n")


def test_standard_input_and_a_snapshot_of_nodes(tmp_path: Path) -> None:
    snapshot = node("gpu-1", T4, status={"allocatable": {"nvidia.com/gpu": "2"}})
    (tmp_path / "nodes.yaml").write_text(snapshot, encoding="utf-8")
    arguments = ["placement", "-", "--stdin-filename", "a/b.yaml", "--nodes", "nodes.yaml", "--format", "json"]
    done = gpulint(*arguments, cwd=tmp_path, stdin=pod())
    (workload,) = json.loads(done.stdout)["workloads"]
    assert (workload["location"]["path"], workload["bound"]) == ("a/b.yaml", True)
    assert workload["options"][0]["grants"][0]["unitsPerNode"] == 2


def test_the_configuration_states_a_class(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(pod(), encoding="utf-8")
    (tmp_path / "gpulint.toml").write_text('[workload-class]\n"*/Pod/app" = "interactive"\n', encoding="utf-8")
    assert "recommended    time-slicing:" in placement_report(cwd=tmp_path)
    assert "recommended    nothing:" in placement_report("--isolated", cwd=tmp_path)


def test_output_is_the_same_for_any_order_of_paths() -> None:
    files = ["nodes.yaml", "operator.yaml", "workloads.yaml"]
    assert placement_report(*files) == placement_report(*reversed(files)) == TEXT
