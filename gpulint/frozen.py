"""Frozen dataclasses with slots that are quick to define.

`dataclasses` writes and compiles six methods for each class, which for some three hundred of them is a third of the
time of a small run. All of them but `__init__` can be shared, and that one is only wanted where there is an instance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def frozen(cls: type[_T]) -> type[_T]:
    """What `@dataclass(frozen=True, slots=True)` makes, for classes without a dataclass among their bases."""
    documented = cls.__doc__
    if documented is None:
        cls.__doc__ = f"{cls.__name__}()"  # else `dataclasses` writes down the signature, which takes long to find out
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    made.__dataclass_params__.frozen = True
    fields = dataclasses.fields(made)
    made.__init__ = _first_init(made)
    made.__setattr__, made.__delattr__ = _refuse_set, _refuse_delete
    made.__getstate__, made.__setstate__ = _state, _restore
    compared = tuple(each.name for each in fields if each.compare)
    made.__eq__, made.__hash__ = _comparing(attrgetter(*compared) if compared else _nothing)
    if "__repr__" not in vars(made):
        made.__repr__ = _shown
    result: type[_T] = made
    return result


def _first_init(cls: Any) -> Callable[..., None]:
    """An `__init__` that writes the real one when the first instance is made."""

    def first(self: object, *args: object, **kwargs: object) -> None:
        if cls.__init__ is first:
            cls.__init__ = _init(cls)
        cls.__init__(self, *args, **kwargs)

    return first


def _init(cls: Any) -> Callable[..., None]:
    names: dict[str, object] = {}
    parameters, lines = [], []
    for each in dataclasses.fields(cls):
        names[f"_set_{each.name}"] = vars(cls)[each.name].__set__  # of the slot: what is frozen is set by nobody else
        value = each.name
        if each.default_factory is not dataclasses.MISSING:
            names[f"_new_{each.name}"] = each.default_factory
            parameters.append(f"{each.name}=_new_{each.name}")
            value = f"_new_{each.name}() if {each.name} is _new_{each.name} else {each.name}"
        elif each.default is not dataclasses.MISSING:
            names[f"_default_{each.name}"] = each.default
            parameters.append(f"{each.name}=_default_{each.name}")
        else:
            parameters.append(each.name)
        lines.append(f"  _set_{each.name}(self, {value})")
    text = f"def __init__(self, {', '.join(parameters)}):\n" + "\n".join(lines or ["  pass"])
    exec(text, names)  # noqa: S102 - as `dataclasses` does; the names are those of fields
    made: Any = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    result: Callable[..., None] = made
    return result


def _comparing(key: Callable[[Any], object]) -> tuple[Callable[[Any, object], bool], Callable[[Any], int]]:
    def equal(self: Any, other: object) -> bool:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(key(self))

    return equal, hashed


def _nothing(_self: object) -> tuple[()]:
    return ()


def _refuse_set(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _shown(self: Any) -> str:
    values = (f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(values)})"


def _state(self: Any) -> list[object]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _restore(self: Any, state: list[object]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
