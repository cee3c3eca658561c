"""Comments, annotations and configuration that silence findings, and those that silence nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from gpulint.config import DEFAULTS, Config, parse
from gpulint.finding import ObjectRef
from gpulint.manifest import Manifest, Place, manifests
from gpulint.source import Path, Source, read_stdin
from gpulint.suppression import Coverage, Suppressions, fingerprint, today

RULES = {"a-rule": "sharing", "b-rule": "sharing", "c-rule": "mig", "unused-suppression": "input"}
TODAY = date(2026, 6, 15)

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: train
spec:
  containers:
    - name: main
      image: "x # gpulint: ignore"
      resources:
        limits:
          nvidia.com/gpu: 8
    - name: side
      resources:
        limits:
          nvidia.com/gpu: 1
"""
GPUS = ("spec", "containers", 0, "resources", "limits", "nvidia.com/gpu")
SIDE = ("spec", "containers", 1, "resources", "limits", "nvidia.com/gpu")


def collect(source: Source, config: Config = DEFAULTS) -> tuple[Suppressions, list[Manifest]]:
    objects = [manifest for document in source.documents() for manifest in manifests(document)]
    return Suppressions.of([source], objects, rules=RULES, today=TODAY, config=config), objects


def silent(
    text: str, path: Path, rule: str = "a-rule", inner: Path | None = None, index: int = 0, config: Config = DEFAULTS
) -> str:
    """Origin and reason of what silences a finding of the rule at a path of an object; empty when nothing does."""
    suppressions, objects = collect(read_stdin(text, "jobs/train.yaml"), config)
    manifest = objects[index]
    place = Place(manifest.document, (*manifest.root, *path), () if inner is None else (inner,))
    found = suppressions.silences(rule, place, manifest)
    return f"{found.origin}: {found.reason}" if found else ""


def unused(text: str, config: Config = DEFAULTS, ran: tuple[str, ...] = ("a-rule", "b-rule", "c-rule")) -> list[str]:
    """What is unused when the input has no findings at all."""
    suppressions, _ = collect(read_stdin(text, "jobs/train.yaml"), config)
    return [f"{u.location.path}:{u.location.line}:{u.location.column}: {u.message}" for u in suppressions.unused(ran)]


def commented(line: str, comment: str, *, above: bool = False) -> str:
    """The pod with a comment at the end of a line, or above it."""
    assert POD.count(f"{line}\n") >= 1
    indent = line[: len(line) - len(line.lstrip())]
    new = f"{indent}{comment}\n{line}\n" if above else f"{line} {comment}\n"
    return POD.replace(f"{line}\n", new, 1)


LINE = "          nvidia.com/gpu: 8"

REACH = {
    "on the line": (commented(LINE, "# gpulint: ignore[a-rule] tried it"), True),
    "on the line above": (commented(LINE, "# gpulint: ignore[a-rule] tried it", above=True), True),
    "above, behind another comment": (
        commented(LINE, "# gpulint: ignore[a-rule] tried it\n# one more word", above=True),
        True,
    ),
    "above, behind a blank line": (commented(LINE, "# gpulint: ignore[a-rule] tried it\n", above=True), False),
    "on the key of the block": (commented("        limits:", "# gpulint: ignore[a-rule] tried it"), True),
    "above the key of the block": (
        commented("      resources:", "# gpulint: ignore[a-rule] tried it", above=True),
        True,
    ),
    "on the first line of the list item": (commented("    - name: main", "# gpulint: ignore[a-rule] tried it"), True),
    "on the key of the list": (commented("  containers:", "# gpulint: ignore[a-rule] tried it"), True),
    "on the first line of the document": (commented("apiVersion: v1", "# gpulint: ignore[a-rule] tried it"), True),
    "above the document": ("# gpulint: ignore[a-rule] tried it\n" + POD, True),
    "above the document, after other comments": ("# Copyright\n# gpulint: ignore[a-rule] tried it\n" + POD, True),
    "behind the separator": ("--- # gpulint: ignore[a-rule] tried it\n" + POD, True),
    "on another list item": (commented("    - name: side", "# gpulint: ignore[a-rule] tried it"), False),
    "on a sibling": (commented("kind: Pod", "# gpulint: ignore[a-rule] tried it"), False),
    "at the end of the line above": (commented("        limits:", "# gpulint: ignore[b-rule]"), False),
    "on another document": ("apiVersion: v1 # gpulint: ignore[a-rule]\nkind: X\n---\n" + POD, False),
    "in another comment": (commented(LINE, "# because # gpulint: ignore[a-rule] tried it"), True),
    "before another comment": (commented(LINE, "# gpulint: ignore[a-rule] tried it # finding"), True),
    "without blanks": (commented(LINE, "#gpulint:ignore[a-rule]tried it"), True),
    "several rules": (commented(LINE, "# gpulint: ignore[b-rule, a-rule] tried it"), True),
    "separated by blanks": (commented(LINE, "# gpulint: ignore[ b-rule a-rule ]: tried it"), True),
    "a family": (commented(LINE, "# gpulint: ignore[sharing] -- tried it"), True),
    "another family": (commented(LINE, "# gpulint: ignore[mig] tried it"), False),
    "a glob": (commented(LINE, "# gpulint: ignore[a-*] tried it"), True),
    "a star": (commented(LINE, "# gpulint: ignore[*] tried it"), True),
    "no rule at all": (commented(LINE, "# gpulint: ignore tried it"), True),
    "the file": (POD + "# gpulint: ignore-file[a-rule] tried it\n", True),
    "the file, every rule": ("# gpulint: ignore-file tried it\n" + POD, True),
    "the file, another rule": ("# gpulint: ignore-file[b-rule] tried it\n" + POD, False),
    "the file, from another document": (POD + "---\n# gpulint: ignore-file[a-rule] tried it\nkind: X\n", True),
    "a word that is none": (commented(LINE, "# gpulint: ignored[a-rule] tried it"), False),
    "behind no blank": (POD.replace("gpu: 8", "gpu: 8#gpulint:ignore"), False),
    "Windows line ends": (commented(LINE, "# gpulint: ignore[a-rule] tried it").replace("\n", "\r\n"), True),
}  # fmt: skip


@pytest.mark.parametrize(("text", "reached"), REACH.values(), ids=REACH.keys())
def test_comment(text: str, reached: bool) -> None:
    index = 1 if "kind: X\n---" in text else 0
    assert silent(text, GPUS, index=index) == ("inline: tried it" if reached else "")


def test_comment_in_a_string_is_none() -> None:
    assert silent(POD, ("spec", "containers", 0, "image")) == ""
    assert unused(POD) == []
    assert unused("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: '{x: 1} # gpulint: ignore[a-rule]'\n") == []


def test_comment_reaches_an_absent_field_through_its_parent() -> None:
    text = commented("    - name: main", "# gpulint: ignore[a-rule] as meant")
    assert silent(text, ("spec", "containers", 0, "env", 3)) == "inline: as meant"
    assert silent(text, SIDE) == ""


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: plugin}
data:
  config.yaml: |
    version: v1
    sharing:
      timeSlicing:
        resources:
          # gpulint: ignore[a-rule] on purpose
          - name: nvidia.com/gpu
            replicas: 4
          - name: nvidia.com/other
            replicas: 4
  script.sh: |
    # gpulint: ignore[b-rule]
    echo done
"""


def test_comment_inside_a_config_file() -> None:
    data: Path = ("data", "config.yaml")
    inner: Path = ("sharing", "timeSlicing", "resources")
    assert silent(CONFIG_MAP, data, inner=(*inner, 0, "replicas")) == "inline: on purpose"
    assert silent(CONFIG_MAP, data, inner=(*inner, 1, "replicas")) == ""
    assert silent(CONFIG_MAP, data) == ""


def test_comment_on_the_entry_reaches_the_whole_config_file() -> None:
    text = CONFIG_MAP.replace("config.yaml: |", "config.yaml: | # gpulint: ignore[a-rule] old")
    inner: Path = ("sharing", "timeSlicing", "resources", 1, "replicas")
    assert silent(text, ("data", "config.yaml"), inner=inner) == "inline: old"


def test_comment_in_a_script_is_none() -> None:
    assert unused(CONFIG_MAP, ran=("b-rule",)) == []


def test_comment_in_a_broken_document_works_and_is_not_called_unused() -> None:
    source = read_stdin("kind: Pod # gpulint: ignore[a-rule] half done\nspec: [\n", "x.yaml")
    suppressions = Suppressions.of([source], [], rules=RULES, today=TODAY)
    assert suppressions.unused(["a-rule"]) == ()
    assert suppressions.silences("a-rule", Place(source.documents()[0], ()), None) is not None


def test_comment_in_a_template_is_not_called_unused() -> None:
    source = read_stdin("kind: Pod\nspec: {{ .Values.spec }} # gpulint: ignore[a-rule]\n", "x.yaml")
    assert Suppressions.of([source], [], rules=RULES, today=TODAY).unused(["a-rule"]) == ()


def test_thousands_of_comments() -> None:
    text = (
        "# gpulint: ignore[a-rule]\n" * 20_000
        + POD
        + "".join(f"k{i}: 'x' # gpulint: ignore[b-rule]\n" for i in range(20_000))
    )
    assert silent(text, GPUS) == "inline: "


JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: train
  annotations: {%s}
spec:
  parallelism: 2
  template:
    metadata:
      annotations: {%s}
    spec:
      restartPolicy: Never
"""
TEMPLATE: Path = ("spec", "template", "spec", "restartPolicy")
PARALLELISM: Path = ("spec", "parallelism")


@pytest.mark.parametrize(
    ("on_object", "on_template", "path", "origin"),
    [
        ("gpulint.dev/ignore: a-rule", "", PARALLELISM, "annotation: "),
        ("gpulint.dev/ignore: a-rule", "", TEMPLATE, "annotation: "),
        ("", "gpulint.dev/ignore: a-rule", TEMPLATE, "annotation: "),
        ("", "gpulint.dev/ignore: a-rule", PARALLELISM, ""),
        ('gpulint.dev/ignore: "b-rule, sharing"', "", PARALLELISM, "annotation: "),
        ('gpulint.dev/ignore: "*"', "", PARALLELISM, "annotation: "),
        ("gpulint.dev/ignore: b-rule", "", PARALLELISM, ""),
    ],
)
def test_annotation(on_object: str, on_template: str, path: Path, origin: str) -> None:
    assert silent(JOB % (on_object, on_template), path) == origin


def test_annotation_on_a_member_of_a_list_reaches_only_that() -> None:
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: p%s}, spec: {x: 1}}"
    text = (
        f"apiVersion: v1\nkind: List\nitems:\n- {pod % ', annotations: {gpulint.dev/ignore: a-rule}'}\n- {pod % ''}\n"
    )
    assert silent(text, ("spec", "x"), index=0) == "annotation: "
    assert silent(text, ("spec", "x"), index=1) == ""


def test_annotation_reaches_what_is_said_of_the_object_elsewhere() -> None:
    source = read_stdin(JOB % ("gpulint.dev/ignore: a-rule", "gpulint.dev/ignore: b-rule") + "---\n" + POD, "x.yaml")
    suppressions, (job, pod) = collect(source)
    assert suppressions.silences("a-rule", pod.place("spec"), job) is not None
    assert suppressions.silences("b-rule", pod.place("spec"), job) is None
    assert suppressions.silences("a-rule", pod.place("spec"), pod) is None


ENTRIES = {
    "the rule": ('rule = "a-rule"', True),
    "a family": ('rule = "sharing"', True),
    "everything": ('rule = "ALL"', True),
    "another rule": ('rule = "b-rule"', False),
    "its folder": ('rule = "a-rule"\npaths = ["jobs/"]', True),
    "a glob": ('rule = "a-rule"\npaths = ["**/train.*"]', True),
    "another folder": ('rule = "a-rule"\npaths = ["sandbox/**"]', False),
    "the object": ('rule = "a-rule"\nobject = "Pod/train"', True),
    "the object, any namespace": ('rule = "a-rule"\nobject = "Pod/*/train"', True),
    "objects": ('rule = "a-rule"\nobject = "*/tr*"', True),
    "an object of another namespace": ('rule = "a-rule"\nobject = "Pod/other/train"', False),
    "another object": ('rule = "a-rule"\nobject = "Pod/serve"', False),
    "path and object, one of them another": ('rule = "a-rule"\npaths = ["jobs"]\nobject = "Job/train"', False),
    "until tomorrow": ('rule = "a-rule"\nuntil = 2026-06-16', True),
    "until today": ('rule = "a-rule"\nuntil = 2026-06-15', True),
    "until yesterday": ('rule = "a-rule"\nuntil = 2026-06-14', False),
}


@pytest.mark.parametrize(("entry", "reached"), ENTRIES.values(), ids=ENTRIES.keys())
def test_configuration(entry: str, reached: bool) -> None:
    config = parse(f'[[ignore-findings]]\n{entry}\nreason = "agreed"\n', "gpulint.toml")
    assert silent(POD, GPUS, config=config) == ("configuration: agreed" if reached else "")


def test_entry_for_an_object_does_not_reach_what_has_none() -> None:
    config = parse('[[ignore-findings]]\nrule = "a-rule"\nobject = "*/*"\n', "gpulint.toml")
    suppressions, (pod,) = collect(read_stdin(POD, "x.yaml"), config)
    assert suppressions.silences("a-rule", pod.place("spec"), None) is None


def test_comment_before_annotation_before_configuration() -> None:
    config = parse('[[ignore-findings]]\nrule = "a-rule"\n', "gpulint.toml")
    annotated = JOB % ("gpulint.dev/ignore: a-rule", "")
    assert silent(annotated, PARALLELISM, config=config) == "annotation: "
    assert silent("# gpulint: ignore\n" + annotated, PARALLELISM, config=config) == "inline: "


# -- What silences nothing


def test_what_was_used_is_not_reported() -> None:
    config = parse('[[ignore-findings]]\nrule = "a-rule"\n', "gpulint.toml")
    text = "# gpulint: ignore-file[a-rule]\n" + commented(LINE, "# gpulint: ignore[a-rule]")
    suppressions, (pod,) = collect(read_stdin(text, "x.yaml"), config)
    assert len(suppressions.unused(["a-rule"])) == 3
    assert suppressions.silences("a-rule", pod.place(*GPUS), pod) is not None
    assert suppressions.unused(["a-rule"]) == ()


UNUSED = {
    "a rule": ("# gpulint: ignore[a-rule] x\n", ["1:1: the suppression of 'a-rule' silences nothing"]),
    "one of two rules did not run": (
        "# gpulint: ignore[a-rule, c-rule]\n",
        ["1:1: the suppression of 'a-rule' silences nothing"],
    ),
    "a family": ("# gpulint: ignore[sharing]\n", ["1:1: the suppression of 'sharing' silences nothing"]),
    "a family that did not run": ("# gpulint: ignore[mig]\n", []),
    "every rule": ("# gpulint: ignore\n", ["1:1: the suppression silences nothing"]),
    "the rule that reports this": ("# gpulint: ignore[unused-suppression]\n", []),
    "a rule that does not exist": (
        "# gpulint: ignore[a-rul]\n",
        ["1:1: there is no rule or family 'a-rul'; did you mean 'a-rule'?"],
    ),
    "no rule in the brackets": ("# gpulint: ignore[ ] x\n", ["1:1: '[]' names no rule"]),
    "an open bracket": (
        "# gpulint: ignore[a-rule x\n",
        ["1:1: cannot read 'ignore[a-rule x', wanted is 'ignore[rule] reason' or 'ignore-file[rule] reason'"],
    ),
    "a misspelt word": (
        "# gpulint: ignroe[a-rule]\n",
        [
            (
                "1:1: cannot read 'ignroe[a-rule]', wanted is 'ignore[rule] reason' or 'ignore-file[rule] reason'; "
                "did you mean 'ignore'?"
            )
        ],
    ),
    "forgotten brackets": (
        "# gpulint: ignore b-rule\n",
        ["1:1: this silences every rule; write 'ignore[b-rule]'"],
    ),
    "the file": ("# gpulint: ignore-file[a-rule]\n", ["1:1: the suppression of 'a-rule' silences nothing"]),
    "talk about the tool": ("# see gpulint.dev; gpulint finds this\n", []),
}


@pytest.mark.parametrize(("comment", "expected"), UNUSED.values(), ids=UNUSED.keys())
def test_unused_comment(comment: str, expected: list[str]) -> None:
    found = unused(comment + POD, ran=("a-rule", "b-rule", "unused-suppression"))
    assert found == [f"jobs/train.yaml:{line}" for line in expected]


def test_unused_annotation() -> None:
    text = JOB % ("gpulint.dev/ignore: a-rule", "gpulint.dev/ignore: ''")
    assert unused(text) == [
        "jobs/train.yaml:5:37: the suppression of 'a-rule' silences nothing",
        "jobs/train.yaml:10:41: 'gpulint.dev/ignore' names no rule",
    ]


def test_unused_and_ended_entries() -> None:
    text = '[[ignore-findings]]\nrule = "a-rule"\n\n[[ignore-findings]]\nrule = "b-rule"\nuntil = 2026-01-31\n'
    assert unused(POD, parse(text, "gpulint.toml")) == [
        "gpulint.toml:1:1: the suppression of 'a-rule' silences nothing",
        "gpulint.toml:4:1: the suppression of 'b-rule' ended on 2026-01-31",
    ]


@pytest.mark.parametrize(
    ("coverage", "lines"),
    [
        ("all", ["gpulint.toml:1", "gpulint.toml:3", "x.yaml:1", "x.yaml:2"]),
        ("folders", ["gpulint.toml:3", "x.yaml:1", "x.yaml:2"]),
        ("part", ["gpulint.toml:3", "x.yaml:2"]),
    ],
)
def test_what_may_be_of_use_to_a_run_that_reads_more(coverage: Coverage, lines: list[str]) -> None:
    text = '[[ignore-findings]]\nrule = "a-rule"\n[[ignore-findings]]\nrule = "b-rule"\nuntil = 2026-01-31\n'
    comments = "# gpulint: ignore-file[a-rule]\n# gpulint: ignore-file[a-rul]\n"
    suppressions, _ = collect(read_stdin(comments + POD, "x.yaml"), parse(text, "gpulint.toml"))
    found = suppressions.unused(["a-rule", "b-rule"], coverage)
    assert [f"{each.location.path}:{each.location.line}" for each in found] == lines


# -- The date, and what a finding is


def test_today() -> None:
    assert today({"SOURCE_DATE_EPOCH": "1700000000"}) == date(2023, 11, 14)
    before = datetime.now(UTC).date()
    assert before <= today({}) <= datetime.now(UTC).date()
    with pytest.raises(ValueError, match="must be a number of seconds, not 'now'"):
        today({"SOURCE_DATE_EPOCH": "now"})


def test_fingerprint_is_stable() -> None:
    subject = ObjectRef("batch", "v1", "Job", "research", "train")
    assert fingerprint("a-rule", subject, "spec.x", "4") == "39711f634d307af60f9bd469e99be285"


def test_fingerprint_tells_findings_apart() -> None:
    subject = ObjectRef("batch", "v1", "Job", "research", "train")
    base = ("a-rule", subject, "spec.x", "4", 0)
    others = [
        ("b-rule", subject, "spec.x", "4", 0),
        ("a-rule", None, "spec.x", "4", 0),
        ("a-rule", ObjectRef("batch", "v1", "Job", "", "train"), "spec.x", "4", 0),
        ("a-rule", subject, "spec.y", "4", 0),
        ("a-rule", subject, "spec.x", "5", 0),
        ("a-rule", subject, "spec.x", "4", 1),
    ]
    assert len({fingerprint(*parts) for parts in [base, *others]}) == 7
    newer = ObjectRef("batch", "v2", "Job", "research", "train")
    assert fingerprint("a-rule", newer, "spec.x", "4") == fingerprint(*base)
