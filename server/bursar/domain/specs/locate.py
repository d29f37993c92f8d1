"""Where CommonMark sees list items, headings and verbatim blocks in a text, by line.

Only the block structure is parsed; what a line says is read from the source line itself. A long text is read in
pieces, and what was found in a piece is kept, so that an edit costs the piece that it is in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bursar.domain.text.kept import kept_for_newest

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_DEEPEST_NESTING = 120
"""Blocks nested deeper are not seen: each list takes two levels, and each level several Python frames."""
_LONG_CHARS = 64_000
_PIECE_CHARS = 4_000
_KEPT_CHARS = 12_000_000
"""Of pieces with so many characters what was found is kept: some 5 MB."""
_LINE_END = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItem:
    """A list item whose own text begins on its first line."""

    line: int
    end_line: int
    level: int
    """Grows with each enclosing list; items of one list share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadingLine:
    """A heading outside lists and quotes."""

    line: int
    level: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The blocks of a text that matter to a spec, each in the order of lines."""

    items: tuple[ListItem, ...]
    headings: tuple[HeadingLine, ...]
    verbatim: tuple[tuple[int, int], ...]
    """Line ranges, end exclusive, of code and HTML blocks."""
    indented_code: tuple[tuple[int, int], ...]
    """Those of `verbatim` that are code by indentation alone."""
    fences: tuple[tuple[int, int, str], ...]
    """Those of `verbatim` that are fenced, each with its opening fence."""
    deepest_line: int | None
    """The first line of what is nested too deep to be read; None where everything was."""


def locate(text: str) -> Outline:
    """The outline of `text`, which has no byte order mark."""
    return _outline(text) if len(text) < _LONG_CHARS else outline_by_pieces(text)


def outline_by_pieces(text: str, least_chars: int = _PIECE_CHARS) -> Outline:
    """The same, read in pieces of at least so many characters, of which those that were read before are kept."""
    # Here and not above: few texts are so long.
    from bursar.domain.specs.piecewise import pieces_of, read_pieces

    pieces = pieces_of(_LINE_END.sub("\n", text), least_chars)
    read = list(read_pieces(pieces, _piece_outline, _is_open))
    return Outline(
        items=tuple(
            ListItem(line=line + each.line, end_line=line + each.end_line, level=each.level)
            for line, of in read
            for each in of.items
        ),
        headings=tuple(
            HeadingLine(line=line + each.line, level=each.level, title=each.title)
            for line, of in read
            for each in of.headings
        ),
        verbatim=tuple((line + start, line + end) for line, of in read for start, end in of.verbatim),
        indented_code=tuple((line + start, line + end) for line, of in read for start, end in of.indented_code),
        fences=tuple((line + start, line + end, marks) for line, of in read for start, end, marks in of.fences),
        deepest_line=next((line + of.deepest_line for line, of in read if of.deepest_line is not None), None),
    )


def _is_open(outline: Outline, lines: int) -> bool:
    return any(end >= lines for _, end in outline.verbatim)


@kept_for_newest(_KEPT_CHARS, by_digest=True)
def _piece_outline(text: str) -> Outline:
    return _outline(text)


def _outline(text: str) -> Outline:
    items: list[ListItem] = []
    headings: list[HeadingLine] = []
    verbatim: list[tuple[int, int]] = []
    indented_code: list[tuple[int, int]] = []
    fences: list[tuple[int, int, str]] = []
    deepest_line: int | None = None
    tokens = _parser().parse(text)
    for index, token in enumerate(tokens):
        if token.map is None:
            continue
        start, end = token.map
        if token.level >= _DEEPEST_NESTING - 1 and deepest_line is None:
            deepest_line = start
        if token.type == "list_item_open":
            # The paragraph (or a heading underlined by the next line) must begin on the item's line: an item that
            # begins with a code block, a quote or another list has no text of its own there.
            first = tokens[index + 1]
            has_text = first.type == "paragraph_open" or (first.type == "heading_open" and first.markup in ("-", "="))
            if has_text and first.map is not None and first.map[0] == start:
                items.append(ListItem(line=start, end_line=end, level=token.level))
        elif token.type == "heading_open" and token.level == 0:
            title = " ".join(tokens[index + 1].content.split("\n")).strip()
            headings.append(HeadingLine(line=start, level=int(token.tag[1:]), title=title))
        elif token.type in ("fence", "code_block", "html_block"):
            verbatim.append((start, end))
            if token.type == "code_block":
                indented_code.append((start, end))
            elif token.type == "fence":
                fences.append((start, end, token.markup))
    return Outline(
        items=tuple(items),
        headings=tuple(headings),
        verbatim=tuple(verbatim),
        indented_code=tuple(indented_code),
        fences=tuple(fences),
        deepest_line=deepest_line,
    )


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # Imported at the first spec, not with the package: the import costs more than parsing most specs.
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST_NESTING})
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser
