"""The view model of a picture: what is in it, what is folded, and which finding is about what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gpulint.config import DEFAULTS, HOUSE_LABELS
from gpulint.finding import Confidence, Finding, Location, Severity
from gpulint.graph import link
from gpulint.graph.scope import Scope
from gpulint.linter import Options, lint_sources
from gpulint.picture import Picture, Selection, picture, simplified
from gpulint.picture.ids import Ids
from gpulint.picture.model import Part, Pool, Work, counts
from gpulint.picture.overview import MOST_POOLS, MOST_WORK
from gpulint.picture.regions import Regions
from gpulint.source import Loaded, read_stdin
from tests.linked import SLICED, WHOLE, document, node, policy, settings

T4 = {"nvidia.com/gpu.product": "Tesla-T4"}
SHARED = {**T4, "nvidia.com/device-plugin.config": "sliced"}


def drawn(files: Mapping[str, str], selection: Selection | None = None, *clusters: str) -> Picture:
    """The picture of files, path → text; each of `clusters` is a folder that is one."""
    sources = tuple(read_stdin(text, path) for path, text in sorted(files.items()))
    scopes = [
        Scope(name, tuple(each for each in sources if each.path.startswith(f"{name}/")), frozenset(), False)  # noqa: FBT003
        for name in clusters
    ] or [Scope("", sources, frozenset(), admission_adds_tolerations=False)]
    graphs = [link(scope, HOUSE_LABELS) for scope in scopes]
    report = lint_sources(Loaded(sources, (), 1, 1), Options(root=Path()), DEFAULTS, graphs=graphs)
    return picture(report, graphs, DEFAULTS, selection)


def part(*manifests: str, selection: Selection | None = None) -> Part:
    (only,) = drawn({"all.yaml": "".join(manifests)}, selection).parts
    return only


def job(name: str, units: object = 1, *, namespace: str = "lab", **spec: object) -> str:
    limits = {"memory": "8Gi", "nvidia.com/gpu": units}
    container = {"name": "main", "image": "example.com/main:1", "resources": {"limits": limits}}
    template = {"spec": {"restartPolicy": "Never", "containers": [container], **spec}}
    return document("Job", name, "batch/v1", metadata={"namespace": namespace}, spec={"template": template})


def pool_of(found: Part, name: str) -> Pool:
    (pool,) = (each for each in found.pools if any(member.name == name for member in each.thing.members))
    return pool


def work_of(found: Part, name: str) -> Work:
    (work,) = (each for each in found.work if any(member.name == name for member in each.thing.members))
    return work


def rules(findings: tuple[Finding, ...]) -> set[str]:
    return {each.rule for each in findings}


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_a_workload_leads_over_its_outcome_to_pool_installer_and_config() -> None:
    found = part(job("train"), node("t4", SHARED), policy("whole"), settings(whole=WHOLE, sliced=SLICED))
    (work,), (outcome,), (pool,) = found.work, found.outcomes, found.pools
    (maker,), (config,) = found.makers, found.settings
    assert [way.outcome for way in work.ways] == [outcome.id]
    assert outcome.pools == (pool.thing.id,)
    assert outcome.sure
    assert [grant.given for grant in outcome.grants] == ["time-slicing"]
    (ruling,) = pool.rulings
    assert (ruling.installer, ruling.config, ruling.entry) == (maker.thing.id, config.thing.id, "sliced")
    assert [(each.name, each.config) for each in maker.named] == [("settings", config.thing.id)]
    assert [name for name, _ in config.entries] == ["sliced", "whole"]


def test_a_config_that_is_not_in_the_input_is_named_without_a_thing() -> None:
    (maker,) = part(job("train"), policy("whole")).makers
    assert [(each.name, each.config) for each in maker.named] == [("settings", "")]


def test_nodes_that_only_a_selector_tells_of_are_a_pool_that_nobody_declares() -> None:
    found = part(job("train", nodeSelector={"example.com/pool": "a"}))
    (pool,) = found.pools
    assert (pool.declared, pool.thing.name) == (False, "example.com/pool=a")
    assert not found.outcomes[0].sure


def test_what_nothing_can_take_says_why() -> None:
    found = drawn({"all.yaml": job("train", nodeSelector=T4) + node("t4", {"nvidia.com/gpu.product": "NVIDIA-L4"})})
    work = found.parts[0].work[0]
    assert all(not barred.reason or barred.pools for barred in work.barred)
    assert any("not 'Tesla-T4'" in barred.reason for barred in work.barred)


def test_queues_lead_from_workloads_to_flavors() -> None:
    label = {"kueue.x-k8s.io/queue-name": "team"}
    queued = job("train").replace(
        '"name": "train"', f'"labels": {str(label).replace(chr(39), chr(34))}, "name": "train"'
    )
    kueue = "kueue.x-k8s.io/v1beta1"
    quota = [{"name": "t4", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": 8}]}]
    found = part(
        queued,
        document("LocalQueue", "team", kueue, metadata={"namespace": "lab"}, spec={"clusterQueue": "all"}),
        document("ClusterQueue", "all", kueue, spec={"resourceGroups": [{"flavors": quota}]}),
        document("ResourceFlavor", "t4", kueue, spec={"nodeLabels": T4}),
    )
    (queue,) = found.queues
    assert work_of(found, "train").queue == queue.thing.id
    assert queue.local == ("lab/team",)
    assert queue.quotas == ("8 nvidia.com/gpu of t4",)
    assert queue.pools == (pool_of(found, "t4").thing.id,)


def test_a_pod_with_nothing_but_a_claim_is_in_the_picture() -> None:
    requests = {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}
    found = part(
        document(
            "ResourceClaimTemplate",
            "one",
            "resource.k8s.io/v1",
            metadata={"namespace": "lab"},
            spec={"spec": {"devices": requests}},
        ),
        document(
            "Pod",
            "claims",
            metadata={"namespace": "lab"},
            spec={
                "containers": [{"name": "main", "image": "x", "resources": {"claims": [{"name": "gpu"}]}}],
                "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one"}],
            },
        ),
    )
    (claim,) = found.claims
    assert claim.classes == ("gpu.nvidia.com",)
    assert (found.work[0].asks, found.work[0].claims) == ((), (claim.thing.id,))


# --- findings ---------------------------------------------------------------------------------------------------------


def finding(path: str, line: int, severity: Severity = "error", confidence: Confidence = "high") -> Finding:
    location = Location(path, line, 3, line, 9)
    return Finding("rule", "family", severity, confidence, f"line {line}", location, None, "", "", "")


def test_a_finding_is_about_the_innermost_region() -> None:
    regions = Regions()
    regions.add("object", Location("a", 1, 1, 20, 1))
    regions.add("template", Location("a", 5, 1, 10, 1))
    regions.add("twin", Location("a", 5, 1, 10, 1))
    regions.add("next", Location("a", 20, 1, 30, 1))
    marks, outside = regions.divide([finding("a", each) for each in (2, 6, 12, 25, 40)] + [finding("b", 6)])
    lines = {key: [each.location.line for each in found] for key, found in marks.items()}
    assert lines == {"object": [2, 12], "template": [6], "twin": [6], "next": [25]}
    assert [(each.location.path, each.location.line) for each in outside] == [("a", 40), ("b", 6)]


def test_the_worst_finding_comes_first() -> None:
    regions = Regions()
    regions.add("object", Location("a", 1, 1, 20, 1))
    marks, _ = regions.divide([finding("a", 1, "info"), finding("a", 2), finding("a", 3, "warning")])
    assert [each.severity for each in marks["object"]] == ["error", "warning", "info"]
    assert counts(marks["object"]) == (("error", 1), ("warning", 1), ("info", 1))


def test_findings_stand_on_what_they_are_about() -> None:
    found = part(
        job("half", "0.5"),
        job("train"),
        policy("gone"),
        settings(sliced=SLICED),
        document("ResourceQuota", "gpus", metadata={"namespace": "lab"}, spec={"hard": {"limits.nvidia.com/gpu": 1}}),
    )
    assert "fractional-gpu" in rules(work_of(found, "half").thing.findings)
    assert "fractional-gpu" not in rules(work_of(found, "train").thing.findings)
    assert "gpu-quota-never-enforced" in rules(found.namespaces[0].findings)


def test_every_finding_is_somewhere() -> None:
    found = drawn(
        {
            "a.yaml": job("half", "0.5") + node("t4", SHARED) + policy("gone") + settings(sliced="sharing: 1"),
            "b.yaml": document(
                "ResourceQuota", "q", metadata={"namespace": "x"}, spec={"hard": {"limits.nvidia.com/gpu": 1}}
            ),
        }
    )
    everywhere = {each for part in found.parts for each in part.findings} | set(found.elsewhere)
    assert sum(number for _, number in found.found) == len(everywhere)
    assert {"fractional-gpu", "gpu-quota-never-enforced"} <= rules(tuple(everywhere))
    assert "gpu-quota-never-enforced" in rules(found.elsewhere)


def test_a_finding_about_a_role_is_on_that_role() -> None:
    container = {"name": "pytorch", "image": "example.com/t:1"}
    roles = {
        role: {
            "template": {"spec": {"containers": [{**container, "resources": {"limits": {"nvidia.com/gpu": units}}}]}}
        }
        for role, units in (("Master", 1), ("Worker", "0.5"))
    }
    found = part(document("PyTorchJob", "train", "kubeflow.org/v1", spec={"pytorchReplicaSpecs": roles}))
    by_role = {each.role: rules(each.thing.findings) for each in found.work}
    assert "fractional-gpu" in by_role["worker"]
    assert "fractional-gpu" not in by_role["master"]


def test_a_finding_that_points_into_another_file_is_on_its_object() -> None:
    """As it is with what was rendered: it is about the Deployment, and points into the chart."""
    files = {"a.yaml": job("half", "0.5"), "values.yaml": "a: 1\n"}
    sources = tuple(read_stdin(text, path) for path, text in sorted(files.items()))
    graph = link(Scope("", sources, frozenset(), admission_adds_tolerations=False), HOUSE_LABELS)
    report = lint_sources(Loaded(sources, (), 1, 1), Options(root=Path()), DEFAULTS, graphs=[graph])
    moved = tuple(replace(each, location=Location("values.yaml", 1, 1, 1, 2)) for each in report.findings)
    (found,) = picture(replace(report, findings=moved), [graph], DEFAULTS).parts
    assert "fractional-gpu" in rules(work_of(found, "half").thing.findings)


# --- folding ----------------------------------------------------------------------------------------------------------


def test_nodes_that_are_alike_are_one_pool() -> None:
    found = part(
        job("train"),
        *(node(f"t4-{each}", T4) for each in range(6)),
        node("l4", {"nvidia.com/gpu.product": "NVIDIA-L4"}),
    )
    assert [(each.thing.name, len(each.thing.members)) for each in found.pools if each.declared] == [
        ("l4", 1),
        ("t4-0", 6),
    ]


def test_nodes_that_a_workload_treats_differently_are_not() -> None:
    found = part(
        job("train", nodeSelector={"kubernetes.io/hostname": "t4-3"}), *(node(f"t4-{each}", T4) for each in range(7))
    )
    sizes = {each.thing.name: len(each.thing.members) for each in found.pools if each.declared}
    assert sizes == {"t4-0": 6, "t4-3": 1}


def test_few_alike_things_are_shown_one_by_one() -> None:
    found = part(*(job(f"train-{each}") for each in range(3)), *(node(f"t4-{each}", T4) for each in range(3)))
    assert len(found.work) == 3
    assert len([each for each in found.pools if each.declared]) == 3


def test_workloads_that_are_alike_are_one_and_keep_their_findings() -> None:
    found = part(*(job(f"train-{each}", "0.5") for each in range(5)), job("other"))
    folded = work_of(found, "train-0")
    assert [member.name for member in folded.thing.members] == [f"train-{each}" for each in range(5)]
    assert len([each for each in folded.thing.findings if each.rule == "fractional-gpu"]) == 5
    assert all(len(rules(member.findings) & {"fractional-gpu"}) == 1 for member in folded.thing.members)


def test_another_namespace_or_another_defect_keeps_workloads_apart() -> None:
    found = part(
        *(job(f"a-{each}") for each in range(4)),
        *(job(f"b-{each}", namespace="other") for each in range(4)),
        job("a-4", "0.5"),
    )
    assert sorted(len(each.thing.members) for each in found.work) == [1, 4, 4]


def test_an_overview_has_the_worst_and_says_what_it_lacks() -> None:
    jobs = [job(f"job-{each:03}", each + 1) for each in range(MOST_WORK + 10)]
    nodes = [node(f"n-{each:03}", {**T4, "nvidia.com/gpu.count": str(each + 1)}) for each in range(MOST_POOLS + 5)]
    whole = drawn({"all.yaml": "".join([*jobs, job("zzz", "0.5"), *nodes])})
    (less,) = simplified(whole).parts
    assert len(less.work) == MOST_WORK
    assert len(less.pools) <= MOST_POOLS
    assert work_of(less, "zzz")
    assert less.left_out[0] == "11 workloads"
    assert {pool for each in less.outcomes for pool in each.pools} <= {each.thing.id for each in less.pools}


def test_a_small_picture_is_its_own_overview() -> None:
    whole = drawn({"all.yaml": job("train") + node("t4", T4)})
    assert simplified(whole).parts[0].work == whole.parts[0].work
    assert simplified(whole).parts[0].left_out == ()


# --- what is wanted ---------------------------------------------------------------------------------------------------

TWO = {
    "all.yaml": job("a")
    + job("b", namespace="other", nodeSelector={"x": "y"})
    + node("t4", T4)
    + node("l4", {"x": "y"})
}


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        pytest.param(Selection(), ["a", "b"], id="everything"),
        pytest.param(Selection(namespaces=("oth*",)), ["b"], id="a namespace"),
        pytest.param(Selection(workloads=("Job/a",)), ["a"], id="a workload"),
        pytest.param(Selection(workloads=("lab/*/*",), namespaces=("other",)), [], id="both, which nothing is"),
    ],
)
def test_a_selection_chooses_workloads(selection: Selection, names: list[str]) -> None:
    assert [each.thing.name for found in drawn(TWO, selection).parts for each in found.work] == names


def test_a_selection_leaves_only_what_has_to_do_with_the_workloads() -> None:
    (found,) = drawn(TWO, Selection(workloads=("Job/b",))).parts
    assert [each.thing.name for each in found.pools] == ["l4"]
    assert [each.name for each in found.namespaces] == ["other"]


def test_clusters_are_chosen_by_name() -> None:
    files = {"prod/a.yaml": job("a"), "test/a.yaml": job("a")}
    assert [each.name for each in drawn(files, None, "prod", "test").parts] == ["prod", "test"]
    assert [each.name for each in drawn(files, Selection(clusters=("p*",)), "prod", "test").parts] == ["prod"]
    both = drawn(files, None, "prod", "test").parts
    assert both[0].work[0].thing.id != both[1].work[0].thing.id


# --- ids --------------------------------------------------------------------------------------------------------------


def test_ids_are_made_of_names_and_unique() -> None:
    ids = Ids()
    assert ids.new("work", "", "Lab/Train 1") == "work_lab_train_1"
    assert ids.new("work", "lab", "train-1") == "work_lab_train_1_2"
    assert ids.new("pool", '"];<script>') == "pool_script"
    assert ids.new("pool", "‮\x00") == "pool"


def test_ids_stay_when_something_else_is_added() -> None:
    before = part(job("b"), node("t4", T4))
    after = part(job("a", 2), job("b"), node("a4", {"nvidia.com/gpu.product": "NVIDIA-L4"}), node("t4", T4))
    assert work_of(before, "b").thing.id == work_of(after, "b").thing.id
    assert pool_of(before, "t4").thing.id == pool_of(after, "t4").thing.id
