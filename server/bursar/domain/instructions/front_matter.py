"""The few lines of settings above a file's text, between two lines of dashes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

_KEY = re.compile(r"([A-Za-z_][\w.-]*)\s*:(?:\s+(.*)|\s*)\Z", re.ASCII)
_ITEM = re.compile(r"\s*-\s+(.*)\Z")
_COMMENT = re.compile(r"\s#.*\Z")
_MOST_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """What stands there: each key with its values, one for a plain value, several for a list."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    end_line: int = 0
    """Exclusive; 0 where the file has none."""

    def one(self, key: str) -> str | None:
        """The value of a key, the first of a list; None where the key is missing or says nothing."""
        return next((each for each in self.values.get(key, ()) if each), None)

    def says(self, key: str, value: str) -> bool:
        """Whether the key has this value, whatever its case."""
        found = self.one(key)
        return found is not None and found.lower() == value.lower()


NONE = FrontMatter()


def read_front_matter(lines: Sequence[str]) -> FrontMatter:
    """The front matter that the lines begin with. Reads keys, plain values and flat lists, and passes over the rest."""
    if not lines or lines[0].removeprefix("\ufeff").rstrip() != "---":
        return NONE
    end = next((at for at, each in enumerate(lines[1:_MOST_LINES], 1) if each.rstrip() in ("---", "...")), None)
    if end is None:
        return NONE
    values: dict[str, tuple[str, ...]] = {}
    key = None
    for line in lines[1:end]:
        if (found := _KEY.match(line)) is not None:
            key = found[1]
            values[key] = _values(found[2] or "")
        elif key is not None and (item := _ITEM.match(line)) is not None:
            values[key] = (*values[key], *(_plain(each) for each in (item[1],)))
    return FrontMatter(values=MappingProxyType(values), end_line=end + 1)


def _values(text: str) -> tuple[str, ...]:
    text = text.strip()
    if text.startswith("["):
        inner = text[1:].partition("]")[0]
        return tuple(_plain(each) for each in inner.split(",") if each.strip())
    return (_plain(text),) if text else ()


def _plain(text: str) -> str:
    text = text.strip()
    for quote in ('"', "'"):
        if text.startswith(quote):
            return text[1:].partition(quote)[0]
    return _COMMENT.sub("", text).strip()
