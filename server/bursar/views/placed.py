"""What was made for one text, shown on a later one until it is made anew: every place moves with the edits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from bursar.domain.text.changed import TextChange
from bursar.views.annotations import Annotations, Card, Hint, Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeHint:
    """A hint and the tokens that it tells, by which small ones are left out."""

    tokens: int
    hint: Hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Everything that is shown on a text, at its places."""

    lenses: tuple[Lens, ...] = ()
    hints: tuple[SizeHint, ...] = ()
    cards: tuple[Card, ...] = ()


NOTHING_PLACED = Placed()


def placed_annotations(placed: Placed, change: TextChange | None, *, min_tokens: int) -> Annotations:
    """The lenses and the hints from ``min_tokens`` up, where they are after the change of the text, if there is one."""
    shown = tuple(each.hint for each in placed.hints if each.tokens >= min_tokens)
    if change is None:
        return Annotations(lenses=placed.lenses, hints=shown)
    return Annotations(
        # Behind the first character: a line that is put before it moves it.
        lenses=tuple(replace(each, line=change.place(each.line, 1)[0]) for each in placed.lenses),
        hints=tuple(_hint(each, change) for each in shown),
    )


def placed_cards(placed: Placed, change: TextChange | None) -> Iterable[Card]:
    """The cards where they are after the change of the text, if there is one."""
    if change is None:
        yield from placed.cards
        return
    for each in placed.cards:
        first = change.place(each.line, 1 if each.character is None else each.character)
        if each.end_character is None:
            yield replace(each, line=first[0], end_line=max(change.place(each.end_line, 0)[0], first[0] + 1))
        elif (last := change.place(each.line, each.end_character))[0] == first[0]:
            yield replace(each, line=first[0], end_line=first[0] + 1, character=first[1], end_character=last[1])


def _hint(hint: Hint, change: TextChange) -> Hint:
    line, character = change.place(hint.line, hint.character)
    return replace(hint, line=line, character=character)
