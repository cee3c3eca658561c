"""Options of a container's command line, in every way that people write them."""

from __future__ import annotations

import pytest

from gpulint.facts.request.command import Command, command_of
from gpulint.graph.workloads import Workload
from tests.linked import document, linked, only_workload


def workload(**fields: object) -> Workload:
    container = {"name": "c", "image": "example.com/c:1", "resources": {"limits": {"nvidia.com/gpu": 1}}, **fields}
    return only_workload(linked({"a.yaml": document("Pod", "p", spec={"containers": [container]})}))


def command(**fields: object) -> Command:
    found = workload(**fields)
    return command_of(found, found.template.containers[0])


TP = ("--tensor-parallel-size", "-tp")


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"args": ["--tensor-parallel-size", "4"]}, "4"),
        ({"args": ["--tensor-parallel-size=4"]}, "4"),
        ({"args": ["--tensor_parallel_size=4"]}, "4"),
        ({"args": ["-tp", 4]}, "4"),
        ({"args": "serve -tp 4 --port 80"}, "4"),
        ({"command": ["sh", "-c", "exec serve \\\n  --tensor-parallel-size '4' \\\n  --port 80"]}, "4"),
        ({"command": ["sh", "-c", 'serve --tensor-parallel-size="4"; echo done']}, "4"),
        ({"args": ["-tp", "$(TP)"], "env": [{"name": "TP", "value": "4"}]}, "4"),
        ({"args": ["serve -tp ${TP}"], "env": [{"name": "TP", "value": "4"}]}, "4"),
        ({"args": ["serve --tensor-parallel-size=$TP x"], "env": [{"name": "TP", "value": "4"}]}, "4"),
    ],
    ids=["two words", "one", "underscores", "number", "string", "script", "quotes", "variable", "braces", "shell"],
)
def test_a_value_is_read_in_every_spelling(fields: dict[str, object], value: str) -> None:
    (option,) = command(**fields).options(*TP)
    assert (option.value, option.known, option.number) == (value, True, int(value))


@pytest.mark.parametrize(
    "fields",
    [
        {"args": ["-tp", "$(TP)"]},
        {"args": ["-tp", "$(TP)"], "env": [{"name": "TP", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]},
        {"args": ["serve -tp ${TP:-4}"]},
        {"args": ["serve -tp $(nvidia-smi -L | wc -l)"]},
        {"args": ["-tp", "{{ tp }}"]},
    ],
    ids=["no variable", "from elsewhere", "default", "substitution", "template"],
)
def test_a_value_that_is_filled_in_later_is_not_known(fields: dict[str, object]) -> None:
    (option,) = command(**fields).options(*TP)
    assert (option.known, option.number) == (False, -1)


def test_comments_of_scripts_are_no_options() -> None:
    assert command(args=["# was -tp 8\nserve -tp 4 # not -tp 2"]).options("-tp")[0].value == "4"
    assert len(command(args=["# was -tp 8\nserve -tp 4 # not -tp 2"]).options("-tp")) == 1


def test_an_option_without_a_value_is_there() -> None:
    found = command(args=["--headless", "--port", "80"])
    assert found.has("--headless")
    assert found.options("--headless")[0].value == ""
    assert not found.has("--head")


@pytest.mark.parametrize(
    ("args", "open_"),
    [
        (["--model", "$(MODEL)"], False),
        (["serve", "$MODEL", "--port", "80"], False),
        (["serve $MODEL --port 80"], False),
        (["$(EXTRA_ARGS)"], True),
        (["--trust-remote-code", "$(EXTRA_ARGS)"], True),
        (['exec "$@"'], True),
        (["serve --port 80 ${OPTS[@]}"], True),
        (["--model", "{{ .Values.args }}"], True),
        (["--name=$(POD)"], False),
    ],
)
def test_arguments_that_may_hold_any_option(args: list[str], open_: bool) -> None:
    assert command(args=args).open is open_


def test_the_place_is_that_of_the_value() -> None:
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - name: c\n      args:\n"
    text += "        - |\n          serve a \\\n            --tp 16\n        - --pp=2\n"
    text += "      resources: {limits: {nvidia.com/gpu: 1}}\n"
    found = only_workload(linked({"a.yaml": text}))
    read = command_of(found, found.template.containers[0])
    places = [read.options(name)[0].place for name in ("--tp", "--pp")]
    assert [text[slice(*place.span())] for place in places] == ["16", "2"]


def test_no_command_at_all() -> None:
    assert command() == Command(())
    assert not command().open
