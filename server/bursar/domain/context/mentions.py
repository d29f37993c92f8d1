"""What a text names literally: paths of the workspace, and identifiers that its code defines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bursar.domain.context.terms import is_compound

_CHUNK = re.compile(r"[\w.@+/\\-]+")
_LONGEST_PATH = 300
_QUOTED = re.compile(r"`([^`\n]{1,200})`")
_NAME = re.compile(r"[^\W\d]\w*")
_CALLED = re.compile(r"\b([^\W\d]\w*)\(")
_LEAST_NAME = 3


@dataclass(frozen=True, slots=True)
class PathBook:
    """The paths of a workspace, by their last parts."""

    paths: frozenset[str]
    by_name: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @staticmethod
    def of(paths: Iterable[str]) -> PathBook:
        """Made once for many questions."""
        known = frozenset(paths)
        found: dict[str, list[str]] = {}
        for path in sorted(known):
            name = path.rpartition("/")[2]
            stem = name.rpartition(".")[0] or name
            for each in {name, stem}:
                found.setdefault(each, []).append(path)
        return PathBook(known, {name: tuple(paths) for name, paths in found.items()})

    def meant(self, written: str) -> tuple[str, ...]:
        """The files that a written path can mean: by its whole, by its last parts, or as a module's dotted name."""
        plain = written.replace("\\", "/").rstrip("/").removeprefix("./").lstrip("/")
        found = self._ending(plain)
        if not found and "/" not in plain and "." in plain:
            found = self._ending(plain.replace(".", "/"))
        return found

    def _ending(self, plain: str) -> tuple[str, ...]:
        if plain in self.paths:
            return (plain,)
        name = plain.rpartition("/")[2]
        ends = f"/{plain}"
        return tuple(
            path
            for path in self.by_name.get(name, ())
            if f"/{path}".endswith(ends) or f"/{_without_ending(path)}".endswith(ends)
        )


def named_paths(text: str, book: PathBook) -> dict[str, float]:
    """The files whose path the text names; 1 where no other file can be meant, and a share of it else."""
    found: dict[str, float] = {}
    for written in dict.fromkeys(_CHUNK.findall(text)):
        if len(written) > _LONGEST_PATH or not any(each in written for each in "./\\"):
            continue
        meant = book.meant(written.rstrip("."))
        for path in meant:
            found[path] = max(found.get(path, 0.0), 1 / len(meant))
    return found


def named_identifiers(text: str) -> tuple[str, ...]:
    """The names in a text that can only be identifiers, or are written as such, in their order."""
    quoted = [name for each in _QUOTED.findall(text) for name in _NAME.findall(each)]
    compound = [each for each in _NAME.findall(text) if is_compound(each)]
    return tuple(
        dict.fromkeys(each for each in (*quoted, *_CALLED.findall(text), *compound) if len(each) >= _LEAST_NAME)
    )


def _without_ending(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"
