"""How large the parts of a file are: a hint behind the first line of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bursar.domain.instructions import Part
from bursar.views.annotations import Hint
from bursar.views.figures import plural

_SHOWN = frozenset({"heading", "task", "block", "message"})


def size_hints(
    end_of: Callable[[int], int], counted: Iterable[tuple[Part, int]], *, encoding: str, min_tokens: int = 0
) -> tuple[Hint, ...]:
    """The parts' tokens, from ``min_tokens`` up; where two parts begin on a line, those of the last one.

    ``end_of`` says where what is written on a line ends.
    """
    by_line = {part.line: tokens for part, tokens in counted if part.kind in _SHOWN and tokens >= min_tokens}
    return tuple(_hint(line, end_of(line), tokens, encoding) for line, tokens in sorted(by_line.items()))


def _hint(line: int, character: int, tokens: int, encoding: str) -> Hint:
    return Hint(
        line=line,
        character=character,
        label=plural(tokens, "token"),
        tooltip=f"{plural(tokens, 'token')} in this part of the file, counted under {encoding}",
    )
