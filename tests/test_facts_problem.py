"""Facts about what cannot be read: YAML, and configurations inside ConfigMaps and on their own."""

from __future__ import annotations

import pytest

from gpulint.facts.input.problem import Problem, config_problems, yaml_problems
from tests.linked import SLICED, document, linked, policy, settings


def in_yaml(text: str) -> list[Problem]:
    graph = linked({"all.yaml": text})
    return list(yaml_problems("", graph.scope.sources))


def in_configs(**files: str) -> list[Problem]:
    return list(config_problems(linked({f"{name}.yaml": text for name, text in files.items()})))


def config_map(value: str, *, name: str = "slices", key: str = "any") -> str:
    """A ConfigMap written as people write it, so that lines can be told."""
    lines = "".join(f"    {line}\n" for line in value.strip("\n").split("\n"))
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  {key}: |\n{lines}"


def line(problem: Problem) -> int:
    return problem.place.location().line


def test_a_broken_document_does_not_hide_its_neighbours() -> None:
    broken = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: gpu\nspec: [\n---\n"
    twice = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: gpu-2\n  name: gpu-3\n"
    first, second = in_yaml(broken + twice)
    assert (first.kind, first.subject) == ("syntax", "Pod gpu")
    assert (second.kind, line(second)) == ("duplicate-key", 11)


def test_the_first_of_two_keys_is_told() -> None:
    (problem,) = in_yaml("apiVersion: v1\nkind: Pod\nmetadata:\n  name: gpu\n  labels: {a: b}\n  name: gpu\n")
    assert (line(problem), problem.other_place.location().line) == (6, 4)
    assert problem.message == "the key 'name' occurs twice in this mapping; the first one is lost"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("apiVersion: v1\nkind: Pod\nmetadata:\n  {{ .gpu }}\n", id="a template"),
        pytest.param("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  name: b\n", id="nothing to do with GPUs"),
        pytest.param(document("Pod", "gpu"), id="correct"),
    ],
)
def test_what_is_no_problem(text: str) -> None:
    assert in_yaml(text) == []


def test_what_the_device_plugin_refuses_is_told_inside_the_value() -> None:
    (problem,) = in_configs(one=config_map(SLICED.replace("replicas: 4", "replicas: 1")))
    assert (problem.reader, problem.kind, problem.subject) == ("device-plugin", "refused", "'any' of ConfigMap slices")
    assert problem.place.field() == "data.any.sharing.timeSlicing.resources[0].replicas"
    assert line(problem) == 12


@pytest.mark.parametrize(
    ("value", "wired"),
    [
        pytest.param("sharing:\n  timeSlicing:\n   - nvidia.com/gpu\n  y: [", False, id="it says what it is"),
        pytest.param("mig-configs:\n  all: [\n", False, id="it says that it is a mig-parted file"),
        pytest.param("# nvidia\nversion: v1\nflags: {", True, id="a policy names it"),
    ],
)
def test_a_value_that_is_no_yaml(value: str, wired: bool) -> None:
    files = {"map": config_map(value, name="settings"), **({"policy": policy("any")} if wired else {})}
    (problem,) = in_configs(**files)
    assert (problem.reader, problem.kind, problem.subject) == ("yaml", "syntax", "'any' of ConfigMap settings")
    assert problem.place.field() == "data.any"
    assert line(problem) > 6


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("nvidia-smi: { -q", id="nobody reads it as YAML"),
        pytest.param("sharing:\n  timeSlicing:\n  {{- range .gpus }}\n  x", id="a template"),
    ],
)
def test_values_that_are_not_judged(value: str) -> None:
    assert in_configs(one=config_map(value)) == []


def test_a_key_that_comes_twice_inside_a_value() -> None:
    (problem,) = in_configs(one=config_map(SLICED + "        replicas: 6\n"))
    assert (problem.reader, problem.kind, line(problem)) == ("yaml", "duplicate-key", 13)
    assert problem.other_place.location().line == 12


def test_another_config_map_may_have_the_name_that_a_policy_names() -> None:
    assert in_configs(policy=policy("any"), map=settings(run="echo nvidia", options="threads: 4\n")) == []


def test_a_named_config_map_is_a_configuration_even_when_it_hardly_looks_like_one() -> None:
    (problem,) = in_configs(policy=policy("any"), map=settings(any="version: v1\nsharring: {}  # of GPUs\n"))
    assert (problem.reader, problem.kind, problem.suggestion) == ("device-plugin", "ignored", "sharing")


def test_files_of_their_own() -> None:
    plugin = (
        "version: v1\nsharing:\n  timeSlicing:\n    resources:\n      - name: nvidia.com/gpu\n        replicas: 0\n"
    )
    mig = "version: v1\nmig-configs:\n  all:\n    - devices: all\n      mig-enabled: sometimes\n"
    first, second = sorted(in_configs(mig=mig, plugin=plugin), key=lambda each: each.reader)
    assert (first.reader, first.subject, line(first)) == ("device-plugin", "file plugin.yaml", 6)
    assert (second.reader, second.subject, line(second)) == ("mig-parted", "file mig.yaml", 5)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('config: |\n  version: v1\n  sharing: {timeSlicing: {replicas: 4}}\nversion: "2"\n', id="values"),
        pytest.param("version: 2\nservices:\n  gpu: {replicas: 1}\n", id="a compose file"),
    ],
)
def test_files_of_other_programs(text: str) -> None:
    assert in_configs(one=text) == []


@pytest.mark.parametrize(("image", "kinds"), [("k8s-device-plugin", ["ignored"]), ("our-device-plugin", [])])
def test_a_fork_of_the_plugin_may_read_more(image: str, kinds: list[str]) -> None:
    text = SLICED.strip().replace("timeSlicing:", "timeSlicing:\n    memoryGB: 4")
    lines = "".join(f"      {line}\n" for line in text.splitlines())
    values = f"image:\n  repository: example.com/{image}\nconfig:\n  map:\n    any: |\n{lines}"
    assert [each.kind for each in config_problems(linked({"values.yaml": values}))] == kinds
