"""What was made for one text, shown on a later one until it is made anew: every place moves with the edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bursar.domain.drift import drift
from bursar.views.annotations import Annotations, Card, Hint, Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeHint:
    """A hint and the tokens that it tells, by which small ones are left out."""

    tokens: int
    hint: Hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Everything that is shown on a text, at its places."""

    text: str
    lenses: tuple[Lens, ...] = ()
    hints: tuple[SizeHint, ...] = ()
    cards: tuple[Card, ...] = ()


NOTHING_PLACED = Placed(text="")


def placed_annotations(placed: Placed, text: str, *, min_tokens: int) -> Annotations:
    """The lenses and the hints from ``min_tokens`` up, at their places in ``text``."""
    shown = tuple(each.hint for each in placed.hints if each.tokens >= min_tokens)
    if text == placed.text:
        return Annotations(lenses=placed.lenses, hints=shown)
    moved = drift(placed.text, text)
    return Annotations(
        # Behind the first character: a line that is put before it moves it.
        lenses=tuple(replace(each, line=moved(each.line, 1)[0]) for each in placed.lenses),
        hints=tuple(_hint(each, moved) for each in shown),
    )


def placed_cards(placed: Placed, text: str) -> Iterable[Card]:
    """The cards at their places in ``text``."""
    moved = drift(placed.text, text)
    for each in placed.cards:
        first = moved(each.line, 1 if each.character is None else each.character)
        if each.end_character is None:
            yield replace(each, line=first[0], end_line=max(moved(each.end_line, 0)[0], first[0] + 1))
        elif (last := moved(each.line, each.end_character))[0] == first[0]:
            yield replace(each, line=first[0], end_line=first[0] + 1, character=first[1], end_character=last[1])


def _hint(hint: Hint, moved: Callable[[int, int], tuple[int, int]]) -> Hint:
    line, character = moved(hint.line, hint.character)
    return replace(hint, line=line, character=character)
