"""The starter file, the settings in force, the schema of the configuration, and the commands that show them."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

import gpulint.config
from gpulint.cli import main
from gpulint.config import CLASSES, COMPONENTS, FAIL_ON, SPACES, STRATEGIES, Config, parse
from gpulint.config_text import STARTER, effective

SCHEMA = json.loads(Path(gpulint.config.__file__).with_name("config.schema.json").read_text(encoding="utf-8"))
FULL = """\
select = ["sharing", "mig-*"]
ignore = ["notebook-on-full-gpu"]
extend-select = ["input"]
exclude = ["**/charts/**"]
respect-gitignore = false
rules-folders = ["policy/gpu"]
fail-on = "warning"
min-severity = "warning"
min-confidence = "low"
pedantic = true
baseline = "known.json"
tenant-label = "team"
max-time-slices = 4

[severity]
many-time-slices = "error"

[[cluster]]
name = "prod"
paths = ["clusters/prod"]
complete = ["limits", "nodes"]
admission-adds-tolerations = true

[[ignore-findings]]
rule = "missing-limit-range"
paths = ["sandbox/**"]
object = "Namespace/playground"
until = 2030-01-31
reason = 'said "no"'

[[render]]
chart = "deploy"
values = ["prod.yaml"]
set = { "gpu.count" = "2" }
release = "llm"
namespace = "alpha"

[labels]
"example.com/gpu" = { shared = "time-slicing" }

[workload-class]
"research/Job/*" = "batch"

[versions]
kubernetes = "1.34"
"""


def uncommented(text: str) -> str:
    return re.sub(r"(?m)^# (?=[\[a-z\"])(?!gpulint:)", "", text)


def plain(text: str) -> object:
    return json.loads(json.dumps(tomllib.loads(text), default=str))


def test_the_starter_changes_nothing() -> None:
    config = parse(STARTER, "gpulint.toml")
    assert replace(config, file="", text="") == Config()


def test_every_line_of_the_starter_is_a_setting_when_uncommented() -> None:
    config = parse(uncommented(STARTER).replace('nodes = ["inventory/prod-nodes.yaml"]', ""), "gpulint.toml")
    assert config.clusters[0].name == "prod"
    assert config.versions == {"kubernetes": "1.34", "gpu-operator": "26.7"}


def test_the_starter_names_every_setting() -> None:
    words = {"clusters": "cluster", "renders": "render"}
    settings = {words.get(each.name, each.name).replace("_", "-") for each in fields(Config)} - {"file", "text"}
    named = set(re.findall(r"(?m)^# (?:\[+)?([a-z-]+)", STARTER))
    assert settings <= named


@pytest.mark.parametrize(
    "text", ["", FULL, "render = true\n", uncommented(STARTER)], ids=["none", "full", "render", "starter"]
)
def test_the_effective_settings_can_be_read_again(text: str) -> None:
    config = parse(text, "gpulint.toml")
    again = parse(effective(config), "gpulint.toml")
    assert replace(again, text="") == replace(config, text="")


@pytest.mark.parametrize("text", [FULL, "render = true\n", uncommented(STARTER), effective(Config())])
def test_the_schema_takes_what_is_right(text: str) -> None:
    jsonschema.validate(plain(text), SCHEMA, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    "text",
    [
        "unknown = 1",
        'fail-on = "high"',
        "max-time-slices = 0",
        "[[cluster]]\npaths = []",
        '[[cluster]]\nname = "a"\ncomplete = ["pods"]',
        '[[ignore-findings]]\nrule = "x"\nobject = "Pod"',
        '[[render]]\nchart = "a"\noverlay = "b"',
        '[labels]\n"a/b" = { c = "d" }',
        '[workload-class]\n"*" = "other"',
        '[versions]\nkubernetes = "latest"',
        '[versions]\ndocker = "1.0"',
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(text), SCHEMA, format_checker=jsonschema.FormatChecker())
    with pytest.raises(gpulint.config.InvalidConfigError):
        parse(text, "gpulint.toml")


def test_the_schema_has_the_words_of_the_reader() -> None:
    properties = SCHEMA["properties"]
    assert properties["fail-on"]["enum"] == list(FAIL_ON)
    assert properties["cluster"]["items"]["properties"]["complete"]["items"]["enum"] == list(SPACES)
    assert properties["labels"]["additionalProperties"]["additionalProperties"]["enum"] == list(STRATEGIES)
    assert properties["workload-class"]["additionalProperties"]["enum"] == list(CLASSES)
    assert list(properties["versions"]["properties"]) == list(COMPONENTS)
    words = {"clusters": "cluster", "renders": "render"}
    settings = {words.get(each.name, each.name).replace("_", "-") for each in fields(Config)} - {"file", "text"}
    assert set(properties) == settings


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_init_replaces_nothing_unasked(folder: Path) -> None:
    assert run("config", "init")[0] == 0
    assert (folder / "gpulint.toml").read_text(encoding="utf-8") == STARTER
    assert run("config", "init")[0] == 2
    assert run("config", "init", "--force")[0] == 0


def test_show_prints_what_is_in_force(folder: Path) -> None:
    (folder / "gpulint.toml").write_text('fail-on = "info"\n')
    code, text = run("config", "show")
    assert (code, tomllib.loads(text)["fail-on"]) == (0, "info")


def test_validate_tells_every_mistake(folder: Path) -> None:
    assert run("config", "validate")[0] == 0
    (folder / "gpulint.toml").write_text('fail-on = "hard"\nsecret = 1\n')
    code, text = run("config", "validate")
    assert (code, text.count("gpulint.toml:")) == (2, 2)
    (folder / "gpulint.toml").write_text('ignore = ["mig-profil-unknown"]\n')
    assert "did you mean 'mig-profile-unknown'" in run("config", "validate")[1]
    (folder / "gpulint.toml").write_text('baseline = "gone.json"\n')
    assert run("config", "validate")[0] == 2


def test_a_baseline_of_the_configuration_counts(folder: Path) -> None:
    container = "{name: c, resources: {limits: {nvidia.com/gpu: 0.5}}}"
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{container}]}}\n"
    (folder / "pod.yaml").write_text(pod)
    run("check", "--write-baseline", "known.json")
    assert run("check")[0] == 1
    (folder / "gpulint.toml").write_text('baseline = "known.json"\n')
    assert run("check")[0] == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    code, text = run("completion", shell)
    assert (code, "_GPULINT_COMPLETE" in text) == (0, True)


def test_rules_are_completed() -> None:
    environment = {"_GPULINT_COMPLETE": "bash_complete", "COMP_WORDS": "gpulint explain mig-pro", "COMP_CWORD": "2"}
    result = CliRunner().invoke(main, [], env=environment, prog_name="gpulint")
    assert "plain,mig-profile-unknown" in result.output.split("\n")


RULE = """\
id: own-rule
title: A pod has a name that is not allowed
family: house
severity: warning
confidence: high
since: "1"
for: workload
when: workload.owner.name == 'forbidden'
at: workload.place
message: "{workload.owner.label}"
why: Because.
fix: Another name.
references: []
examples:
  - name: the name
    bad: &pod |
      apiVersion: v1
      kind: Pod
      metadata:
        name: forbidden  # finding
      spec:
        containers:
          - name: c
            resources: {limits: {nvidia.com/gpu: 1}}
  - name: another
    good: |
      apiVersion: v1
      kind: Pod
      metadata:
        name: allowed
      spec:
        containers:
          - name: c
            resources: {limits: {nvidia.com/gpu: 1}}
"""


def test_the_examples_of_own_rules_are_run(folder: Path) -> None:
    file = folder / "policy" / "house" / "own-rule.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(RULE)
    code, text = run("test-rules", "policy")
    assert (code, text.split("\n")[-2]) == (0, "2 of 2 examples of 1 rules passed")
    file.write_text(RULE.replace("'forbidden'", "'allowed'"))
    code, text = run("test-rules", "policy")
    assert (code, text.count("failed:")) == (1, 2)
    assert "manifests.yaml:4: expected 1 finding, got 0" in text
    file.write_text(RULE.replace("workload.owner.name", "workload.owner.nam"))
    assert run("test-rules", "policy")[0] == 2
