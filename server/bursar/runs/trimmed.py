"""What a request's trims are, and how their shapes stand in the policy's prompt. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.context.decision import Excerpt, Terms
from bursar.domain.context.decision import Shape as WindowShape
from bursar.runs.shapes import Ends, Shape

_LEAST_OF_WINDOW = 2_000
_SHARE_OF_WINDOW = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Trim:
    """One item's new shape. ``tokens`` are our counts of it before and after; ``is_new``: it was never sent before."""

    item: str
    shape: Shape
    why: str
    tokens_before: int
    tokens_after: int
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """What changes with a request. ``rewritten_tokens`` lie behind the first change of what was sent before.

    ``over_tokens`` is by how much the prompt is still larger than the window takes: no further result can go.
    """

    trims: tuple[Trim, ...]
    prompt_tokens: int
    rewritten_tokens: int = 0
    over_tokens: int = 0


def most_tokens(terms: Terms) -> int:
    """What a single result takes of the window at most."""
    return max(min(_LEAST_OF_WINDOW, terms.window_tokens // 2), terms.window_tokens // _SHARE_OF_WINDOW)


def gaps_of(shape: Excerpt, lines: int) -> list[tuple[int, int]]:
    """The ranges of lines that an excerpt of so many lines leaves out."""
    gaps, at = [], 0
    for first, end in (*shape.kept, (lines, lines)):
        if first > at:
            gaps.append((at, first))
        at = end
    return gaps


def as_window_has_it(shape: Shape | None) -> WindowShape:
    """What is cut by its characters was so before the policy saw it: there that is all of it."""
    if shape is None or isinstance(shape, Ends):
        return "full"
    if not shape.kept and not shape.pointers:
        return "stub"
    return Excerpt(kept=shape.kept, pointers=len(shape.pointers))
