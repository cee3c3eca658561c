"""The configuration: where it is found, what it holds, and every mistake at once."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest

from gpulint.config import (
    DEFAULTS,
    HOUSE_LABELS,
    Cluster,
    Config,
    IgnoredFindings,
    InvalidConfigError,
    Render,
    check_names,
    find,
    load,
    matches,
    parse,
    selected,
    unknown_name,
)

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """\
select = ["ALL"]
ignore = ["notebook-on-full-gpu"]
extend-select = ["mig-*"]
exclude = ["**/charts/**/templates/**"]
respect-gitignore = false
rules-folders = ["policy/gpu"]
fail-on = "warning"
min-severity = "warning"
min-confidence = "low"
pedantic = true
baseline = "gpulint-baseline.json"
tenant-label = "example.org/team"
max-time-slices = 6

[severity]
training-on-shared-gpu = "error"

[[cluster]]
name = "prod"
paths = ["clusters/prod", "base"]
nodes = ["inventory/prod-nodes.yaml"]
complete = ["limits", "quotas"]
admission-adds-tolerations = true

[[cluster]]
name = "dev"

[[ignore-findings]]
rule = "missing-limit-range"
paths = ["sandbox/**"]
object = "Namespace/playground"
until = 2027-01-31
reason = "retired in January"

[[render]]
chart = "deploy/chart"
values = ["deploy/values-prod.yaml"]
set = { "gpu.count" = "2" }
release = "llm"
namespace = "tenant-alpha"

[labels]
"example.org/gpu-mode" = { whole = "none", cut = "mig" }

[workload-class]
"research/Job/prepare-*" = "batch"

[versions]
kubernetes = "v1.34"
gpu-operator = "26.7"
device-plugin = "0.20.1"
"""


def test_every_setting() -> None:
    assert parse(EVERYTHING, "gpulint.toml") == Config(
        file="gpulint.toml",
        select=("ALL",),
        ignore=("notebook-on-full-gpu",),
        extend_select=("mig-*",),
        exclude=("**/charts/**/templates/**",),
        respect_gitignore=False,
        rules_folders=("policy/gpu",),
        fail_on="warning",
        min_severity="warning",
        min_confidence="low",
        pedantic=True,
        baseline="gpulint-baseline.json",
        tenant_label="example.org/team",
        max_time_slices=6,
        severity={"training-on-shared-gpu": "error"},
        clusters=(
            Cluster(
                "prod",
                ("clusters/prod", "base"),
                ("inventory/prod-nodes.yaml",),
                ("limits", "quotas"),
                admission_adds_tolerations=True,
            ),
            Cluster("dev"),
        ),
        ignore_findings=(
            IgnoredFindings(
                "missing-limit-range",
                ("sandbox/**",),
                "Namespace/playground",
                datetime.date(2027, 1, 31),
                "retired in January",
            ),
        ),
        renders=(
            Render(
                chart="deploy/chart",
                values=("deploy/values-prod.yaml",),
                set={"gpu.count": "2"},
                release="llm",
                namespace="tenant-alpha",
            ),
        ),
        labels={**HOUSE_LABELS, "example.org/gpu-mode": {"whole": "none", "cut": "mig"}},
        workload_class={"research/Job/prepare-*": "batch"},
        versions={"kubernetes": "1.34", "gpu-operator": "26.7", "device-plugin": "0.20.1"},
    )


def test_line_of_an_ignored_finding() -> None:
    (ignored,) = parse(EVERYTHING, "gpulint.toml").ignore_findings
    assert EVERYTHING.split("\n")[ignored.line - 1] == "[[ignore-findings]]"


def test_empty_file_is_the_defaults() -> None:
    assert parse("", "") == DEFAULTS
    meanings = {"full": "none", "mig": "mig", "mps": "mps", "time-slicing": "time-slicing"}
    assert DEFAULTS.labels["nvidia.com/gpu-sharing"] == meanings


def test_render_may_be_a_switch() -> None:
    config = parse("render = true", "gpulint.toml")
    assert (config.render, config.renders) == (True, ())


def test_house_label_can_be_redefined() -> None:
    config = parse('[labels]\n"nvidia.com/gpu-sharing" = { mps = "mps" }\n', "gpulint.toml")
    assert config.labels == {"nvidia.com/gpu-sharing": {"mps": "mps"}}


def test_section_of_a_pyproject() -> None:
    text = '[project]\nname = "x"\n[tool.gpulint]\npedantic = true\n[tool.gpulint.severity]\na = "info"\n'
    config = parse(text, "sub/pyproject.toml")
    assert (config.pedantic, config.severity) == (True, {"a": "info"})


MISTAKES = {
    "an unknown key": ('selekt = ["ALL"]', ["1: 'selekt': unknown key; did you mean 'select'?"]),
    "an unknown table": ("[severities]\na = 'info'", ["1: 'severities': unknown key; did you mean 'severity'?"]),
    "an unknown key of a cluster": (
        '[[cluster]]\nname = "a"\n[[cluster]]\nname = "b"\npath = ["x"]',
        ["5: 'cluster[1].path': unknown key; did you mean 'paths'?"],
    ),
    "a list that is a string": ('select = "ALL"', ["1: 'select': must be a list of strings, not 'ALL'"]),
    "a list of numbers": ("ignore = [1]", ["1: 'ignore': must be a list of strings, not a list"]),
    "a bound that is none": ("max-time-slices = 0", ["1: 'max-time-slices': must be a number of at least 1, not 0"]),
    "a boolean that is a string": ('pedantic = "yes"', ["1: 'pedantic': must be true or false, not 'yes'"]),
    "a choice that is none": (
        'fail-on = "warn"',
        ["1: 'fail-on': must be one of 'error', 'warning', 'info', 'never', not 'warn'; did you mean 'warning'?"],
    ),
    "a severity that is none": (
        '[severity]\na = "fatal"',
        ["2: 'severity.a': must be one of 'error', 'warning', 'info', not 'fatal'"],
    ),
    "a space that is none": (
        '[[cluster]]\nname = "a"\ncomplete = ["limit"]',
        [
            (
                "3: 'cluster[0].complete': must be one of 'claims', 'device-classes', 'device-plugin-configs', "
                "'installers', 'limits', 'mig-configs', 'namespaces', 'nodes', 'queues', 'quotas', 'runtime-classes', "
                "not 'limit'; did you mean 'limits'?"
            )
        ],
    ),
    "a cluster without a name": ("[[cluster]]\npaths = []", ["1: 'cluster[0].name': is missing"]),
    "two clusters of one name": (
        '[[cluster]]\nname = "a"\n[[cluster]]\nname = "a"',
        ["4: 'cluster[1].name': there is already a cluster 'a'"],
    ),
    "one table where several may stand": (
        '[cluster]\nname = "a"',
        ["1: 'cluster': must be a list of tables, [[cluster]], not a table"],
    ),
    "a date in quotes": (
        '[[ignore-findings]]\nrule = "a"\nuntil = "2027-01-31"',
        [
            "3: 'ignore-findings[0].until': must be a date such as 2027-01-31, without quotes, not '2027-01-31'",
        ],
    ),
    "a date with a time": (
        '[[ignore-findings]]\nrule = "a"\nuntil = 2027-01-31T00:00:00Z',
        [
            (
                "3: 'ignore-findings[0].until': must be a date such as 2027-01-31, without quotes, "
                "not 2027-01-31 00:00:00+00:00"
            )
        ],
    ),
    "an object without a kind": (
        '[[ignore-findings]]\nrule = "a"\nobject = "playground"',
        ["3: 'ignore-findings[0].object': wanted is 'Kind/name' or 'Kind/namespace/name'"],
    ),
    "findings of no rule": ('[[ignore-findings]]\nreason = "x"', ["1: 'ignore-findings[0].rule': is missing"]),
    "neither chart nor overlay": (
        '[[render]]\nrelease = "a"',
        ["1: 'render[0]': wanted is either 'chart' or 'overlay'"],
    ),
    "a strategy that is none": (
        '[labels]\n"a.b/c" = { x = "shared" }',
        ["2: 'labels.\"a.b/c\".x': must be one of 'none', 'time-slicing', 'mps', 'mig', not 'shared'"],
    ),
    "a class that is none": (
        '[workload-class]\n"*/Job/*" = "job"',
        [
            (
                "2: 'workload-class.\"*/Job/*\"': must be one of 'training', 'inference', 'interactive', 'batch', "
                "'system', not 'job'"
            )
        ],
    ),
    "a version that is none": (
        '[versions]\nkubernetes = "latest"',
        ["2: 'versions.kubernetes': 'latest' is no version such as '1.34' or '0.20.1'"],
    ),
    "a version that is a number": (
        "[versions]\nkubernetes = 1.34",
        ["2: 'versions.kubernetes': must be a string, not 1.34"],
    ),
    "a component that is none": (
        '[versions]\nk8s-device-plugin = "0.20"',
        ["2: 'versions.k8s-device-plugin': unknown key; did you mean 'device-plugin'?"],
    ),
    "several mistakes": (
        "pedantic = 1\nrender = 2",
        ["1: 'pedantic': must be true or false, not 1", "2: 'render': must be true or false, not 2"],
    ),
    "no TOML": ("select = [", ["1: invalid value (at end of document)"]),
    "no TOML, further down": ("a = 1\nb = \n", ["2: invalid value (at line 2, column 5)"]),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake(text: str, expected: list[str]) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        parse(text, "gpulint.toml")
    assert [str(error) for error in raised.value.errors] == [f"gpulint.toml:{line}" for line in expected]


def test_mistake_in_a_pyproject_has_its_line() -> None:
    with pytest.raises(InvalidConfigError, match=r"^pyproject.toml:4: 'pedantc': unknown key; did you mean 'pedantic'"):
        parse("[tool.other]\npedantc = 1\n[tool.gpulint]\npedantc = true\n", "pyproject.toml")


# -- Finding it


def files(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("_toml", ".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_nearest_file_wins(tmp_path: Path) -> None:
    files(tmp_path, gpulint_toml="", a__gpulint_toml="", a__b__x_toml="")
    assert find(tmp_path / "a/b", tmp_path) == tmp_path / "a/gpulint.toml"
    assert find(tmp_path / "a/b/x.toml", tmp_path) == tmp_path / "a/gpulint.toml"


def test_nothing_is_looked_for_above_the_repository(tmp_path: Path) -> None:
    files(tmp_path, gpulint_toml="", repository__a__x_toml="")
    (tmp_path / "repository/.git").mkdir()
    assert find(tmp_path / "repository/a") is None


def test_outside_of_a_repository_only_the_folder_itself_counts(tmp_path: Path) -> None:
    files(tmp_path, gpulint_toml="", a__x_toml="")
    assert find(tmp_path / "a") is None
    assert find(tmp_path) == tmp_path / "gpulint.toml"


def test_own_file_before_pyproject(tmp_path: Path) -> None:
    files(tmp_path, gpulint_toml="", pyproject_toml="[tool.gpulint]")
    assert find(tmp_path) == tmp_path / "gpulint.toml"


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("[tool.gpulint]\n", True),
        ("tool.gpulint.pedantic = true\n", True),
        ("[project]\nname = 'x'\n", False),
        ("[project]\ndependencies = ['gpulint']\n", False),
        ("[tool.gpulint]\nx = [\n", True),
        ("[project\n# gpulint\n", False),
    ],
)
def test_pyproject_counts_when_it_has_the_section(tmp_path: Path, text: str, counts: bool) -> None:
    files(tmp_path, pyproject_toml=text)
    assert find(tmp_path) == (tmp_path / "pyproject.toml" if counts else None)


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "gpulint.toml"
    path.write_bytes("\ufeffpedantic = true\r\n".encode())
    config = load(path)
    assert (config.pedantic, config.file) == (True, path.as_posix())
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(InvalidConfigError, match=r"gpulint\.toml:1: not encoded as UTF-8"):
        load(path)


# -- Naming rules

SELECTIONS: dict[str, tuple[list[str], list[str], list[str], bool]] = {
    "everything": (["ALL"], [], [], True),
    "nothing": ([], [], [], False),
    "its id": (["mig-profile-unknown"], [], [], True),
    "its family": (["mig"], [], [], True),
    "a glob": (["mig-*"], [], [], True),
    "another rule": (["mig-profile"], [], [], False),
    "another family": (["sharing"], [], [], False),
    "ignored by id": (["ALL"], ["mig-profile-unknown"], [], False),
    "ignored by family": (["ALL"], ["mig"], [], False),
    "ignored by glob": (["mig"], ["*-unknown"], [], False),
    "an id beats an ignored family": (["mig-profile-unknown"], ["mig"], [], True),
    "of equals ignore wins": (["mig"], ["mig"], [], False),
    "extended by id": (["sharing"], [], ["mig-profile-unknown"], True),
    "an extension beats an ignored family": (["ALL"], ["mig"], ["mig-profile-*"], True),
    "everything ignored": (["ALL"], ["ALL"], [], False),
}


@pytest.mark.parametrize(("select", "ignore", "extend", "expected"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_selected(select: list[str], ignore: list[str], extend: list[str], expected: bool) -> None:
    assert selected("mig-profile-unknown", "mig", select, ignore, extend) is expected


def test_matches() -> None:
    assert matches("*", "a-rule", "mig")
    assert not matches("MIG", "a-rule", "mig")


RULES = {"training-on-shared-gpu": "sharing", "mig-profile-unknown": "mig"}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("training-on-shared-gpu", ""),
        ("mig", ""),
        ("*gpu*", ""),
        ("ALL", ""),
        (
            "training-on-shared-gpus",
            "there is no rule or family 'training-on-shared-gpus'; did you mean 'training-on-shared-gpu'?",
        ),
        ("all", "there is no rule or family 'all'"),
        ("migs", "there is no rule or family 'migs'; did you mean 'mig'?"),
        ("x-*", "'x-*' matches no rule"),
    ],
)
def test_unknown_name(pattern: str, message: str) -> None:
    assert unknown_name(pattern, RULES) == message


def test_names_of_rules_are_checked() -> None:
    text = """\
select = ["ALL", "sharing"]
ignore = ["shring"]

[severity]
mig-profile-unkown = "info"

[[ignore-findings]]
rule = "mig-*"
[[ignore-findings]]
rule = "nodes-*"
"""
    assert [str(error) for error in check_names(parse(text, "gpulint.toml"), RULES)] == [
        "gpulint.toml:2: 'ignore': there is no rule or family 'shring'; did you mean 'sharing'?",
        (
            "gpulint.toml:5: 'severity.mig-profile-unkown': there is no rule 'mig-profile-unkown'; "
            "did you mean 'mig-profile-unknown'?"
        ),
        "gpulint.toml:10: 'ignore-findings[1].rule': 'nodes-*' matches no rule",
    ]
    assert check_names(DEFAULTS, {}) == []


def test_name_that_was_in_no_file() -> None:
    (error,) = check_names(Config(select=("shring",)), RULES)
    assert str(error) == "'select': there is no rule or family 'shring'; did you mean 'sharing'?"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match=r"gpulint\.toml:1: cannot be read: no such file"):
        load(tmp_path / "gpulint.toml")
    path = tmp_path / "gpulint.toml"
    path.write_text('[[cluster]]\nname = "prod"\nnodes = ["here.yaml", "gone.yaml"]\n')
    (tmp_path / "here.yaml").touch()
    with pytest.raises(InvalidConfigError) as caught:
        load(path)
    assert [(each.line, each.key, each.message) for each in caught.value.errors] == [
        (3, "cluster[0].nodes", "there is no file 'gone.yaml'")
    ]
