"""What `frozen` makes behaves as what `@dataclass(frozen=True, slots=True)` makes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import dataclass, field

import pytest

from gpulint.frozen import frozen


@frozen
class Quick:
    """A pair."""

    name: str
    parts: tuple[int, ...] = ()
    notes: dict[str, int] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Standard:
    """A pair."""

    name: str
    parts: tuple[int, ...] = ()
    notes: dict[str, int] = field(default_factory=dict, compare=False, repr=False)


@frozen
class Empty:
    """Nothing."""


def test_fields_defaults_and_text_are_the_same() -> None:
    quick, standard = Quick("a", parts=(1, 2)), Standard("a", parts=(1, 2))
    assert dataclasses.asdict(quick) == dataclasses.asdict(standard)
    assert repr(quick) == repr(standard).replace("Standard", "Quick")
    assert Quick("a").notes is not Quick("a").notes
    assert Quick.__match_args__ == Standard.__match_args__
    assert Quick.__doc__ == "A pair."


def test_equal_where_all_compared_fields_are() -> None:
    assert Quick("a", (1,), {"x": 1}) == Quick("a", (1,), {"y": 2})
    assert hash(Quick("a", (1,))) == hash(Quick("a", (1,)))
    assert Quick("a", (1,)) != Quick("a", (2,))
    other: object = Standard("a")
    assert Quick("a") != other
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())


@pytest.mark.parametrize("made", [Quick("a"), Standard("a")], ids=["quick", "standard"])
def test_nothing_can_be_changed(made: object) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        made.name = "b"  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del made.name  # type: ignore[attr-defined]
    assert not hasattr(made, "__dict__")


def test_wrong_arguments_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Quick()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nmae'"):
        Quick(nmae="a")  # type: ignore[call-arg]


def test_copies() -> None:
    quick = Quick("a", (1,), {"x": 1})
    assert dataclasses.replace(quick, name="b") == Quick("b", (1,))
    for copied in (copy.copy(quick), copy.deepcopy(quick), pickle.loads(pickle.dumps(quick))):  # noqa: S301 - our own
        assert copied == quick
        assert copied.notes == {"x": 1}
