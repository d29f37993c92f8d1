"""Where a long text can be cut so that what is read of its pieces is what is read of the whole.

A heading with number signs at the start of a line, behind an empty line, begins anew at the outermost level: it ends
paragraphs, lists and quotes, whatever they are. Only a fence, or HTML that waits for its end, goes on across it; such
a piece reaches its last line, which is empty, and is read together with those behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_CUT = re.compile(r"\n[ \t]*\n(?=#{1,6}[ \t])")

_Read = TypeVar("_Read")


def pieces_of(text: str, least_chars: int) -> list[str]:
    """The text, whose line ends are LF, cut before headings; each piece but the last at least so long."""
    pieces, start = [], 0
    for each in _CUT.finditer(text):
        if each.end() - start >= least_chars:
            pieces.append(text[start : each.end()])
            start = each.end()
    return [*pieces, text[start:]]


def read_pieces(
    pieces: Sequence[str], read: Callable[[str], _Read], is_open: Callable[[_Read, int], bool]
) -> Iterator[tuple[int, _Read]]:
    """What is read of each piece, with the line that it begins on; ``is_open`` says whether it goes on in the next one.

    Where it does, twice as many are taken together each time: what never ends is not read anew for every piece.
    """
    at = line = 0
    while at < len(pieces):
        taken = 1
        while True:
            piece = "".join(pieces[at : at + taken])
            found, lines = read(piece), piece.count("\n")
            if at + taken >= len(pieces) or not is_open(found, lines):
                break
            taken *= 2
        yield line, found
        at, line = at + taken, line + lines
