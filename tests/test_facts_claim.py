"""Facts about claims: what they name, how they are shared, and what the driver is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from gpulint.config import Config
from gpulint.facts.dra.claim import asked_twice, missing_targets, pod_claims
from gpulint.facts.dra.parameters import device_configs, parameter_problems, selector_facts
from gpulint.facts.dra.shape import claim_shapes
from gpulint.facts.owner import Owners
from gpulint.graph import Graph
from tests.linked import document, linked

GROUP = "resource.k8s.io"


def template(name: str, device_class: str = "gpu.nvidia.com", **devices: object) -> str:
    requests = [{"name": "any", "exactly": {"deviceClassName": device_class}}]
    spec = {"spec": {"devices": {"requests": requests, **devices}}}
    return document("ResourceClaimTemplate", name, f"{GROUP}/v1", spec=spec)


def pod(target: str, *, used: Sequence[str] = ("card",), kind: str = "resourceClaimTemplateName") -> str:
    container = {"name": "app", "image": "a", "resources": {"claims": [{"name": name} for name in used]}}
    return document("Pod", "app", spec={"containers": [container], "resourceClaims": [{"name": "card", kind: target}]})


def sharing(strategy: str) -> list[Mapping[str, object]]:
    parameters = {"apiVersion": "resource.nvidia.com/v1beta1", "kind": "GpuConfig", "sharing": {"strategy": strategy}}
    return [{"opaque": {"driver": "gpu.nvidia.com", "parameters": parameters}}]


def missing(graph: Graph) -> list[tuple[str, str, str]]:
    return [(each.what, each.name, each.confidence) for each in missing_targets(graph, Owners({}))]


# --- what is not there ------------------------------------------------------------------------------------------------

CHART = {"chart/Chart.yaml": "name: x\n", "chart/templates/claims.yaml": "kind: ResourceClaimTemplate\n{{ x }}\n"}
MISSING: dict[str, tuple[dict[str, str], Sequence[str], list[tuple[str, str, str]]]] = {
    "nothing of the kind in the input": ({"a.yaml": pod("t")}, (), []),
    "others of the kind are": ({"a.yaml": pod("t") + template("other")}, (), [("template", "t", "medium")]),
    "all of them are": ({"a.yaml": pod("t")}, ("claims",), [("template", "t", "high")]),
    "only claims are, and a template is named": (
        {"a.yaml": pod("t") + document("ResourceClaim", "c", f"{GROUP}/v1")},
        (),
        [("template", "t", "low")],
    ),
    "a name with a variable may be any": ({"a.yaml": pod("t") + template("${APP}-gpu")}, (), []),
    "a variable is named": ({"a.yaml": pod("${CLAIM}") + template("other")}, (), []),
    "nearly what a compute domain makes": (
        {
            "a.yaml": pod("chanel")
            + document(
                "ComputeDomain",
                "d",
                "resource.nvidia.com/v1beta1",
                spec={"channel": {"resourceClaimTemplate": {"name": "channel"}}},
            )
        },
        (),
        [("template", "chanel", "medium")],
    ),
    "a class of another driver": ({"a.yaml": template("t", "gpu.example.com")}, (), []),
    "beside classes of the input": (
        {"a.yaml": template("t", "gpu.example.com") + document("DeviceClass", "rdma", f"{GROUP}/v1")},
        (),
        [("device-class", "gpu.example.com", "low")],
    ),
    "all classes are in the input": (
        {"a.yaml": template("t", "gpu.example.com")},
        ("device-classes",),
        [("device-class", "gpu.example.com", "high")],
    ),
    "NVIDIA's classes are there all the same": ({"a.yaml": template("t", "mig.nvidia.com")}, ("device-classes",), []),
    "a container's claim": ({"a.yaml": pod("t", used=("card", "cart")) + template("t")}, (), [
        ("pod-claim", "cart", "high")
    ]),
    "a patch may declare it": (
        {
            "a.yaml": pod("t", used=("other",)) + template("t"),
            "kustomization.yaml": "kind: Kustomization\nresources: [a.yaml]\npatches:\n"
            "- patch: '[{op: add, path: /spec/resourceClaims/-, value: {name: other}}]'\n",
        },
        (),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING)
def test_how_sure_it_is_that_something_is_missing(case: str) -> None:
    files, complete, wanted = MISSING[case]

    assert missing(linked(files, complete=complete)) == wanted


def test_pods_of_unknown_kinds_are_judged_with_less_certainty() -> None:
    spec = {"containers": [{"name": "gpu", "resources": {"claims": [{"name": "card"}]}}]}
    graph = linked({"a.yaml": document("Robot", "r", "example.com/v1", spec={"pod": {"spec": spec}})})

    assert missing(graph) == [("pod-claim", "card", "medium")]


# --- who has it -------------------------------------------------------------------------------------------------------


def test_a_claim_is_used_by_as_many_containers_as_list_it() -> None:
    graph = linked({"a.yaml": pod("t", used=("card", "card")) + template("t", config=sharing("MPS"))})

    (fact,) = pod_claims(graph, Owners({}))

    assert (fact.users, fact.shared, fact.strategy) == (1, True, "MPS")


SHARED = {
    "by its name": (template("shared-card"), "shared-card", True),
    "by the class": (
        template("t", "own")
        + document("DeviceClass", "own", f"{GROUP}/v1", spec={"config": sharing("TimeSlicing"), "selectors": [
            {"cel": {"expression": "device.driver == 'gpu.nvidia.com'"}}
        ]}),
        "t",
        True,
    ),
    "by parameters of another driver, whatever they say": (
        template("t", config=[{"opaque": {"driver": "gpu.example.com", "parameters": {}}}]), "t", True
    ),
    "by nothing": (template("t"), "t", False),
}  # fmt: skip


@pytest.mark.parametrize("case", SHARED)
def test_what_says_that_several_pods_are_to_have_it(case: str) -> None:
    text, target, shared = SHARED[case]

    (fact,) = pod_claims(linked({"a.yaml": text + pod(target)}), Owners({}))

    assert fact.shared == shared


TWICE = {
    "a GPU": (1, template("t"), 1),
    "none": (0, template("t"), 0),
    "of another vendor": (1, template("t", "gpu.example.com"), 0),
}


@pytest.mark.parametrize("case", TWICE)
def test_a_gpu_by_name_and_by_claim(case: str) -> None:
    units, text, count = TWICE[case]
    resources = {"claims": [{"name": "card"}], "limits": {"nvidia.com/gpu": units}}
    spec = {
        "containers": [{"name": "app", "resources": resources}],
        "resourceClaims": [{"name": "card", "resourceClaimTemplateName": "t"}],
    }
    graph = linked({"a.yaml": text + document("Pod", "app", spec=spec)})

    assert len(list(asked_twice(graph, Owners({})))) == count


# --- versions ---------------------------------------------------------------------------------------------------------

VERSIONS = {
    "the newest serves what is stable": ("v1", "", []),
    "and betas": ("v1beta1", "", []),
    "no alphas": ("v1alpha3", "", ["medium"]),
    "unless it is old": ("v1alpha3", "1.33", []),
    "which has nothing stable": ("v1", "1.33", ["high"]),
    "a version that is not known": ("v2", "", []),
}


@pytest.mark.parametrize("case", VERSIONS)
def test_versions_that_a_release_serves(case: str) -> None:
    version, release, wanted = VERSIONS[case]
    requests = [{"name": "any", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]
    if version in {"v1beta1", "v1alpha3"}:
        requests = [{"name": "any", "deviceClassName": "gpu.nvidia.com"}]
    graph = linked(
        {"a.yaml": document("ResourceClaim", "c", f"{GROUP}/{version}", spec={"devices": {"requests": requests}})}
    )
    config = Config(versions={"kubernetes": release} if release else {})

    assert [each.confidence for each in claim_shapes(graph, config)] == wanted


def test_source_in_pods_is_right_for_a_cluster_that_is_old() -> None:
    entry = {"name": "card", "source": {"resourceClaimName": "c"}}
    graph = linked({"a.yaml": document("Pod", "gpu", spec={"containers": [{"name": "a"}], "resourceClaims": [entry]})})

    assert [each.suggestion for each in claim_shapes(graph, Config())] == ["resourceClaimName"]
    assert not list(claim_shapes(graph, Config(versions={"kubernetes": "1.30"})))


# --- the driver -------------------------------------------------------------------------------------------------------


def release(**values: object) -> str:
    chart = {"spec": {"chart": "nvidia-dra-driver-gpu"}}
    return document("HelmRelease", "dra", "helm.toolkit.fluxcd.io/v2", spec={"chart": chart, "values": values})


GATES: dict[str, tuple[dict[str, str], str]] = {
    "no driver": ({}, "unknown"),
    "its defaults": ({"d.yaml": release()}, "unset"),
    "off": ({"d.yaml": release(featureGates={"MPSSupport": False})}, "off"),
    "on": ({"d.yaml": release(featureGates={"MPSSupport": True})}, "on"),
    "on in one of two clusters": (
        {"a/d.yaml": release(), "b/d.yaml": release(featureGates={"MPSSupport": True})}, "on"
    ),
    "filled in": ({"d.yaml": release(featureGates={"MPSSupport": "${MPS}"})}, "on"),
    "a script names it": (
        {"d.yaml": release(), "up.sh": "kubectl label nodes a b=c\nhelm upgrade --set featureGates.MPSSupport=true\n"},
        "unknown",
    ),
    "the operator's cluster": (
        {"g.yaml": document("GPUCluster", "g", "nvidia.com/v1alpha1", spec={"draDriver": {}})}, "unset"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GATES)
def test_whether_a_feature_gate_is_on(case: str) -> None:
    files, state = GATES[case]

    (fact,) = device_configs(linked({"t.yaml": template("t", config=sharing("MPS")), **files}))

    assert (fact.gate, fact.gate_state) == ("MPSSupport", state)


def test_a_problem_stands_where_the_parameters_are() -> None:
    (problem,) = parameter_problems(linked({"t.yaml": template("t", config=sharing("mps"))}))

    assert problem.reader == "dra-driver"
    assert problem.place.field() == "spec.spec.devices.config[0].opaque.parameters.sharing.strategy"


def test_the_token_is_found_in_a_text_over_several_lines() -> None:
    text = template("t").replace('"deviceClassName"', '"selectors": [{"cel": {"expression": @}}], "deviceClassName"')
    expression = "device.attributes['gpu.nvidia.com'].type == 'gpu'\\n&& device.attributes['gpu.nvidia.com'].index == 0"
    graph = linked({"t.yaml": text.replace("@", f'"{expression}"')})

    (fact,) = selector_facts(graph, Config())
    start, end = fact.place.span()

    assert fact.place.document.source.text[start:end] == "index"
    assert fact.place.document.source.text[:start].endswith("['gpu.nvidia.com'].")
