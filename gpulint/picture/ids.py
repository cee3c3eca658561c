"""Ids from names: the same as long as the names are, and safe in every format."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_OTHERS = re.compile(r"[^a-z0-9]+")
_LONGEST = 60


@dataclass(slots=True)
class Ids:
    """Hands out ids of ASCII letters, digits and underscores, each once."""

    _taken: set[str] = field(default_factory=set)

    def new(self, *words: str) -> str:
        """From a word for the sort of thing, which begins it, and names of any kind."""
        slug = "_".join(filter(None, (_OTHERS.sub("_", word.lower()).strip("_") for word in words)))[:_LONGEST]
        number, found = 1, slug
        while found in self._taken:
            number += 1
            found = f"{slug}_{number}"
        self._taken.add(found)
        return found
