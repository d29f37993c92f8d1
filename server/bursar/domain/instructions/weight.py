"""What the files that a file takes in add to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.instructions.references import imports_in

MOST_HOPS = 5
"""How far Claude Code and Gemini CLI follow an import in an imported file."""
_MOST_FILES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """An included file: its own tokens, and those of all that comes in with it, each file once."""

    path: str
    tokens: int
    total_tokens: int
    files: tuple[str, ...] = ()
    """What it takes in itself, at any distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a file takes in: each file that it names, and all of them together, each once."""

    by_path: Mapping[str, Weight] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    tokens: int = 0
    own_tokens: Mapping[str, int] = field(default_factory=dict)
    """Those of each of ``files`` by itself."""
    looked_at: frozenset[str] = frozenset()
    """Every path that was looked for, those that are not there among them: a change of one changes the result."""


NOTHING_INCLUDED = Weights()


def weigh(file: InstructionFile, read: Callable[[str], str | None], tokens: Callable[[str], int]) -> Weights:
    """The weight of every file that this one takes in. ``read`` gives None for what is not there to be read.

    A file that is named twice, or by itself, counts once; imports of imported files are followed where the format does.
    """
    named = list(dict.fromkeys(each.path for each in file.references if each.path not in (None, file.path)))
    if not named:
        return NOTHING_INCLUDED
    texts: dict[str, str | None] = {}
    counts: dict[str, int] = {}

    def text_of(path: str) -> str | None:
        if path not in texts:
            texts[path] = read(path) if len(texts) < _MOST_FILES else None
        return texts[path]

    def sum_of(paths: tuple[str, ...]) -> int:
        for path in paths:
            if path not in counts:
                counts[path] = tokens(texts[path] or "")
        return sum(counts[path] for path in paths)

    hops = MOST_HOPS if file.kind == "agents" else 1
    by_path = {}
    for path in named:
        if path is not None and text_of(path) is not None:
            reached = _reached(path, file.path, hops, text_of)
            by_path[path] = Weight(path=path, tokens=sum_of((path,)), total_tokens=sum_of(reached), files=reached[1:])
    every = tuple(dict.fromkeys(each for weight in by_path.values() for each in (weight.path, *weight.files)))
    tokens_together = sum_of(every)
    return Weights(
        by_path=by_path,
        files=every,
        tokens=tokens_together,
        own_tokens={each: counts[each] for each in every},
        looked_at=frozenset(texts),
    )


def _reached(path: str, root: str, hops: int, text_of: Callable[[str], str | None]) -> tuple[str, ...]:
    """This file and what it takes in, the nearest first, at most so many hops from the file that was begun with."""
    found, ring = {path: None}, [path]
    for _ in range(hops - 1):
        further: list[str] = []
        for each in ring:
            if each.endswith(".md"):
                further += [target for target in imports_in(each, text_of(each) or "") if target is not None]
        ring = [
            each for each in dict.fromkeys(further) if each not in found and each != root and text_of(each) is not None
        ]
        if not ring:
            break
        found.update(dict.fromkeys(ring))
    return tuple(found)
