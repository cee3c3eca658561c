"""How many pods a template makes: the factors of a layout, worked out for one object."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

from gpulint.frozen import frozen
from gpulint.kube.layout import Factor
from gpulint.kube.paths import Bindings, Pattern, bound, expand, value_at
from gpulint.kube.tree import Path, get, integer, mapping, sequence, text
from gpulint.untrusted import number

_SCALED: Path = ("spec", "replicas")
"""What the scale subresource of nearly every kind sets."""


@frozen
class Count:
    """A number of pods; None where the manifest cannot tell."""

    now: int | None
    """That exist at once."""
    most: int | None
    """That may exist at once, as far as the object itself says."""
    per_replica: int | None
    """For each replica of the object, by which autoscalers count; None where it has none."""
    path: Path | None
    """Where the first factor is written."""


UNKNOWN = Count(None, None, None, None)
ONE = Count(1, 1, None, None)


def count(
    factors: Sequence[Factor] | None, root: Mapping[str, object], bindings: Bindings, outer: Count = ONE
) -> Count:
    """The product of the factors, `outer` times."""
    if factors is None:
        return UNKNOWN
    amounts = [_Amount(factor, root, bindings) for factor in factors]
    written = [path for amount in amounts for path in amount.written]
    scaled = [each for each, amount in enumerate(amounts) if _SCALED in amount.paths]
    others = [amount.now for each, amount in enumerate(amounts) if each not in scaled]
    return Count(
        now=_product([outer.now, *(amount.now for amount in amounts)]),
        most=_product([outer.most, *(amount.most for amount in amounts)]),
        per_replica=_product(others) if scaled else None,
        path=written[0] if written else None,
    )


def total(factors: Sequence[Factor], root: Mapping[str, object], bindings: Bindings, outer: Count = ONE) -> int | None:
    """The product of the factors, `outer` times; None without any."""
    return count(factors, root, bindings, outer).now if factors else None


def _product(amounts: Iterable[int | None]) -> int | None:
    """None when one is not known, unless another is zero."""
    amounts = list(amounts)
    known = [amount for amount in amounts if amount is not None]
    product = functools.reduce(int.__mul__, known, 1)
    return product if len(known) == len(amounts) or product == 0 else None


class _Amount:
    """One factor."""

    def __init__(self, factor: Factor, root: Mapping[str, object], bindings: Bindings) -> None:
        self._factor, self._root, self._bindings = factor, root, bindings
        self.paths = [path for path in self._paths() if path is not None]
        self.written = [path for path in self.paths if get(root, path) is not None]
        counts = factor.only is None or factor.only.holds(root, bindings)
        zero = any(each.holds(root, bindings) for each in factor.zero_if)
        self.now = 1 if not counts else 0 if zero else self._adjusted(self._value())
        self.most = 1 if not counts else 0 if zero else self._most()

    def _paths(self) -> Iterable[Path | None]:
        member = self._factor.member
        if member is None:
            yield from (bound(each, self._root, self._bindings) for each in self._factor.at)
            return
        name = text(value_at(member.name, self._root, self._bindings))
        for path, _ in expand((*member.members, "*"), self._root):
            each = mapping(get(self._root, path))
            if name and name in map(text, sequence(each.get(member.lists))):
                inside = (bound(pattern, each, ()) for pattern in self._factor.at)
                yield from ((*path, *below) for below in inside if below is not None)

    def _value(self) -> int | None:
        if not self.written:
            return self._factor.default
        value = _whole(self._root, self.written[0])
        if self._factor.over is None or self.written[0] != bound(self._factor.at[0], self._root, self._bindings):
            return value
        divisor = self._at(self._factor.over)
        by = 1 if divisor is None else integer(divisor)
        return None if value is None or by is None else value // max(by, 1)

    def _adjusted(self, amount: int | None) -> int | None:
        """Between its bounds, less what is subtracted."""
        for pattern, choose in ((self._factor.at_most, min), (self._factor.at_least, max)):
            value = self._at(pattern)
            if value is not None and amount is not None:
                bound_ = integer(value)
                amount = choose(amount, bound_) if bound_ is not None else None
        if amount is None:
            return None
        subtracts = self._factor.unless_absent is None or self._at(self._factor.unless_absent) is not None
        return max(amount - self._factor.minus, 0) if subtracts else max(amount, 0)

    def _most(self) -> int | None:
        factor = self._factor
        scales = factor.most is not None and (
            factor.most_if is None or factor.most_if.holds(self._root, self._bindings)
        )
        path = bound(factor.most, self._root, self._bindings) if factor.most is not None and scales else None
        if path is None or (factor.most_fixed and get(self._root, path) is None):
            return self.now
        most = factor.most_default if get(self._root, path) is None else _whole(self._root, path)
        if most is None or (most == 0 and "annotations" in path):  # Knative takes 0 for no bound
            return None
        return max(most - factor.minus, self.now or 0)

    def _at(self, pattern: Pattern | None) -> object:
        return value_at(pattern, self._root, self._bindings) if pattern is not None else None


def _whole(root: object, path: Path) -> int | None:
    """A whole number; annotations hold it as text."""
    value = get(root, path)
    if "annotations" in path and isinstance(value, str) and value.isdecimal():
        return number(value)
    return integer(value)
