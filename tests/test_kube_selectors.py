"""Node selection in three-valued logic."""

from typing import Any

import pytest

from gpulint.kube.selectors import ABSENT, LabelSet, Mismatch, Requirement, matches, pod_placement

KEY = "nvidia.com/gpu-sharing"
FULL = LabelSet.of({KEY: "full", "nvidia.com/gpu.memory": "40960"}, closed=True)
EITHER = LabelSet({KEY: frozenset({"full", "mig"})})
PERHAPS = LabelSet({KEY: frozenset({"full", ABSENT})})
OPEN = LabelSet()
CLOSED = LabelSet(closed=True)
NOT_MIG = LabelSet(excluded={KEY: frozenset({"mig"})})
PRESENT = LabelSet.of({KEY: "${SHARING}"})

REQUIREMENTS: dict[str, tuple[str, list[str], LabelSet, str]] = {
    "In with the value": ("In", ["mig", "full"], FULL, "yes"),
    "In without the value": ("In", ["mig"], FULL, "no"),
    "In of an absent label": ("In", ["mig"], CLOSED, "no"),
    "In of an unknown label": ("In", ["mig"], OPEN, "maybe"),
    "In with one of two possible values": ("In", ["mig"], EITHER, "maybe"),
    "In with all possible values": ("In", ["mig", "full", "mps"], EITHER, "yes"),
    "In where the label may be absent": ("In", ["full"], PERHAPS, "maybe"),
    "In with an excluded value": ("In", ["mig"], NOT_MIG, "no"),
    "In with more than the excluded value": ("In", ["mig", "full"], NOT_MIG, "maybe"),
    "In of a label with a value to be filled in": ("In", ["mig"], PRESENT, "maybe"),
    "NotIn without the value": ("NotIn", ["mig"], FULL, "yes"),
    "NotIn with the value": ("NotIn", ["full"], FULL, "no"),
    "NotIn takes an absent label": ("NotIn", ["full"], CLOSED, "yes"),
    "NotIn with an excluded value": ("NotIn", ["mig"], NOT_MIG, "yes"),
    "NotIn of an unknown label": ("NotIn", ["mig"], OPEN, "maybe"),
    "NotIn with one of two possible values": ("NotIn", ["mig"], EITHER, "maybe"),
    "Exists": ("Exists", [], EITHER, "yes"),
    "Exists of an absent label": ("Exists", [], CLOSED, "no"),
    "Exists of an unknown label": ("Exists", [], NOT_MIG, "maybe"),
    "Exists where the label may be absent": ("Exists", [], PERHAPS, "maybe"),
    "Exists of a label with a value to be filled in": ("Exists", [], PRESENT, "yes"),
    "DoesNotExist": ("DoesNotExist", [], CLOSED, "yes"),
    "DoesNotExist of a label that is there": ("DoesNotExist", [], FULL, "no"),
    "DoesNotExist of a label with a value to be filled in": ("DoesNotExist", [], PRESENT, "no"),
    "DoesNotExist of an unknown label": ("DoesNotExist", [], OPEN, "maybe"),
    "Gt of a word never matches": ("Gt", ["3"], FULL, "no"),
    "Gt of an absent label never matches": ("Gt", ["3"], CLOSED, "no"),
    "Gt of an unknown label": ("Gt", ["3"], OPEN, "maybe"),
    "a value to be filled in": ("In", ["${SHARING}"], FULL, "maybe"),
    "a value to be filled in beside one that matches": ("In", ["$SHARING", "full"], FULL, "yes"),
    "NotIn with a value to be filled in": ("NotIn", ["<sharing>"], FULL, "maybe"),
    "In of an absent label with a value to be filled in": ("In", ["${SHARING}"], CLOSED, "no"),
    "an operator that does not exist": ("Equals", ["full"], FULL, "maybe"),
    "In without values is refused": ("In", [], FULL, "maybe"),
}


@pytest.mark.parametrize(("operator", "values", "labels", "truth"), REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_requirement(operator: str, values: list[str], labels: LabelSet, truth: str) -> None:
    assert matches([Requirement(KEY, operator, tuple(values))], labels) == truth


@pytest.mark.parametrize(
    ("operator", "bound", "truth"),
    [
        ("Gt", "40959", "yes"),
        ("Gt", "40960", "no"),
        ("Lt", "40961", "yes"),
        ("Lt", "40960", "no"),
        ("Gt", "40Gi", "no"),
        ("Gt", "$MIN", "maybe"),
        ("Gt", "-1", "yes"),
    ],
)
def test_comparison_is_of_base_10_integers(operator: str, bound: str, truth: str) -> None:
    assert matches([Requirement("nvidia.com/gpu.memory", operator, (bound,))], FULL) == truth


def values(labels: LabelSet, key: str) -> set[object]:
    return set(labels.possible(key) or ())


def spec(*terms: object, **fields: object) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {**fields, **({"affinity": {"nodeAffinity": required}} if terms else {})}


def expression(key: str, operator: str, *values: str) -> dict[str, object]:
    return {"key": key, "operator": operator, "values": list(values)}


def term(*expressions: object) -> dict[str, object]:
    return {"matchExpressions": list(expressions)}


PLACEMENTS: dict[str, tuple[dict[str, Any], LabelSet, str]] = {
    "nothing is asked": ({}, FULL, "yes"),
    "nodeSelector that matches": ({"nodeSelector": {KEY: "full"}}, FULL, "yes"),
    "nodeSelector that does not": ({"nodeSelector": {KEY: "mig"}}, FULL, "no"),
    "one unknown line of nodeSelector": (
        {"nodeSelector": {KEY: "full", "zone": "a"}},
        LabelSet.of({KEY: "full"}),
        "maybe",
    ),
    "a failing line beats an unknown one": (
        {"nodeSelector": {"zone": "a", KEY: "mig"}},
        LabelSet.of({KEY: "full"}),
        "no",
    ),
    "a boolean in nodeSelector reads as text": (
        {"nodeSelector": {"nvidia.com/gpu.present": True}},
        LabelSet.of({"nvidia.com/gpu.present": "true"}),
        "yes",
    ),
    "terms are ORed": (spec(term(expression(KEY, "In", "mig")), term(expression(KEY, "In", "full"))), FULL, "yes"),
    "expressions are ANDed": (spec(term(expression(KEY, "In", "full"), expression("zone", "Exists"))), FULL, "no"),
    "an empty term matches nothing": (spec({}), FULL, "no"),
    "an empty term beside one that matches": (spec({}, term(expression(KEY, "Exists"))), FULL, "yes"),
    "a term that is open": (
        spec(term(expression(KEY, "In", "mig")), term(expression("zone", "Exists"))),
        LabelSet.of({KEY: "full"}),
        "maybe",
    ),
    "selector and affinity must both hold": (
        spec(term(expression(KEY, "In", "full")), nodeSelector={KEY: "mig"}),
        FULL,
        "no",
    ),
    "preferred affinity never blocks": (
        {
            "affinity": {
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 1, "preference": term(expression(KEY, "In", "mig"))}
                    ]
                }
            }
        },
        FULL,
        "yes",
    ),
    "a node by its name": ({"nodeName": "gpu-1"}, LabelSet.of({}, name="gpu-1"), "yes"),
    "another node by its name": ({"nodeName": "gpu-1"}, LabelSet.of({}, name="gpu-2"), "no"),
    "a node by its name, of a pool": ({"nodeName": "gpu-1"}, FULL, "maybe"),
    "a field of the node": (
        spec({"matchFields": [expression("metadata.name", "In", "gpu-1")]}),
        LabelSet.of({}, name="gpu-2"),
        "no",
    ),
    "a selector to be filled in": ({"nodeSelector": "${SELECTOR}"}, FULL, "maybe"),
    "a key to be filled in": ({"nodeSelector": {"{{ .key }}": "full"}}, FULL, "maybe"),
    "terms to be filled in": (
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": "{{ .terms }}"}
                }
            }
        },
        FULL,
        "maybe",
    ),
    "no terms at all is refused": (
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}},
        FULL,
        "maybe",
    ),
    "malformed parts": ({"nodeSelector": ["a"], "affinity": "b", "tolerations": 3}, FULL, "yes"),
    "a malformed expression": (spec(term("text")), FULL, "maybe"),
}


@pytest.mark.parametrize(("pod", "labels", "truth"), PLACEMENTS.values(), ids=PLACEMENTS)
def test_placement(pod: dict[str, Any], labels: LabelSet, truth: str) -> None:
    match = pod_placement(pod).matches(labels)
    assert match.truth == truth
    assert (match.mismatch is not None) is (truth == "no" and pod != spec({}))
    assert bool(match.unknown) is (truth == "maybe")


def test_a_mismatch_points_at_the_value() -> None:
    by_selector = pod_placement({"nodeSelector": {KEY: "mig"}}).matches(FULL).mismatch
    by_affinity = pod_placement(spec(term(expression("zone", "Exists")), term(expression(KEY, "In", "mig")))).matches(
        FULL
    )
    terms = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    assert by_selector == Mismatch(("nodeSelector", KEY), KEY, "In", ("mig",), ("full",))
    assert by_affinity.mismatch is not None
    assert by_affinity.mismatch.path == (*terms, 0, "matchExpressions", 0, "key")


def test_the_closest_term_says_why() -> None:
    far = term(expression("a", "Exists"), expression("b", "Exists"))
    close = term(expression(KEY, "In", "mig"))
    mismatch = pod_placement(spec(far, close)).matches(FULL).mismatch
    assert mismatch is not None
    assert mismatch.key == KEY
    assert mismatch.path[-2:] == ("values", 0)


SENTENCES = {
    "value": (Mismatch((), KEY, "In", ("full",), ("mig",)), f"{KEY} is 'mig', not 'full'"),
    "values": (Mismatch((), KEY, "In", ("a", "b"), ("c", "d")), f"{KEY} is one of 'c', 'd', not one of 'a', 'b'"),
    "absent": (Mismatch((), KEY, "In", ("full",), ()), f"{KEY} is not set, but must be 'full'"),
    "excluded": (Mismatch((), KEY, "NotIn", ("mig",), ("mig",)), f"{KEY} is 'mig', which is excluded"),
    "must exist": (Mismatch((), KEY, "Exists", (), ()), f"{KEY} is not set"),
    "must not exist": (Mismatch((), KEY, "DoesNotExist", (), ("mig",)), f"{KEY} is 'mig', but must not be set"),
    "too small": (Mismatch((), "m", "Gt", ("40",), ("24",)), "m is '24', not greater than '40'"),
    "name": (Mismatch((), "the node's name", "In", ("a",), ("b",)), "the node's name is 'b', not 'a'"),
}


@pytest.mark.parametrize(("mismatch", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_sentence(mismatch: Mismatch, sentence: str) -> None:
    assert mismatch.sentence == sentence


def test_karpenter_requirements_as_labels() -> None:
    labels = LabelSet.of_requirements(
        [
            expression("family", "In", "g5", "g6"),
            expression("family", "NotIn", "g6"),
            expression("arch", "NotIn", "arm64"),
            expression("zone", "Exists"),
            expression("spot", "DoesNotExist"),
            expression("count", "Gt", "0"),
            expression("size", "In", "${SIZE}"),
            "malformed",
        ]
    )
    assert values(labels, "family") == {"g5"}
    assert values(labels, "spot") == {ABSENT}
    assert labels.excluded["arch"] == {"arm64"}
    assert labels.possible("size") is None
    assert matches([Requirement("zone", "Exists", ())], labels) == "yes"
    assert matches([Requirement("count", "DoesNotExist", ())], labels) == "no"
    assert matches([Requirement("family", "In", ("p5",))], labels) == "no"
    assert matches([Requirement("anything", "In", ("x",))], labels) == "maybe"


def test_the_union_keeps_what_holds_of_both() -> None:
    known = LabelSet.of({"a": "1", "b": "1"}, closed=True, name="one")
    other = LabelSet.of({"a": "2"}, closed=True, name="two").narrowed(Requirement("c", "NotIn", ("x",)))
    both = known.union(other)
    assert values(both, "a") == {"1", "2"}
    assert values(both, "b") == {"1", ABSENT}
    assert both.possible("c") is None
    assert both.excluded["c"] == {"x"}
    assert values(both, "d") == {ABSENT}
    assert both.names == {"one", "two"}
    assert known.union(OPEN).possible("d") is None
    assert known.union(OPEN).names == frozenset()


def test_labels_on_top_replace_what_was_known() -> None:
    labels = FULL.with_labels({KEY: "mig", "new": "${VALUE}"})
    assert values(labels, KEY) == {"mig"}
    assert labels.possible("new") is None
    assert labels.with_labels({KEY: "$X"}).possible(KEY) is None


def test_opening_labels_makes_them_unknown() -> None:
    assert FULL.opened([KEY]).possible(KEY) is None
    assert values(FULL.opened([KEY]), "other") == {ABSENT}
    assert FULL.opened().possible("other") is None
    assert values(FULL.opened(), KEY) == {"full"}


def test_a_label_key_to_be_filled_in_leaves_the_set_open() -> None:
    assert LabelSet.of({"${KEY}": "x"}, closed=True).possible("other") is None


def test_what_placement_holds() -> None:
    placement = pod_placement(
        {
            "runtimeClassName": "nvidia",
            "nodeName": "n",
            "tolerations": [{"operator": "Exists"}],
            "nodeSelector": {"a": 1},
        }
    )
    assert (placement.runtime_class, placement.node_name, len(placement.tolerations)) == ("nvidia", "n", 1)
    assert placement.requirements == (Requirement("a", "In", ("1",), ("nodeSelector", "a")),)
    assert placement.selects
    assert not pod_placement({"tolerations": [{"operator": "Exists"}]}).selects


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ([("Gt", ["2"]), ("In", ["1", "4", "8"])], {"4", "8"}),
        ([("In", ["1", "4", "8"]), ("Lt", ["8"])], {"1", "4"}),
        ([("In", ["1", "4", "8"]), ("Gte", ["4"]), ("Lte", ["4"])], {"4"}),
        ([("In", ["a", "4"]), ("Gt", ["0"])], {"4"}),
        ([("In", ["1", "4"]), ("Gt", ["$N"])], None),
    ],
    ids=["a bound before the values", "and after them", "bounds of Karpenter", "no number", "a placeholder"],
)
def test_bounds_narrow_what_is_listed(requirements: list[tuple[str, list[str]]], expected: set[str] | None) -> None:
    written = [{"key": "n", "operator": operator, "values": values} for operator, values in requirements]
    found = LabelSet.of_requirements(written).possible("n")
    assert (None if found is None else set(found)) == expected
