"""Where CommonMark sees list items, headings and verbatim blocks in a text, by line.

Only the block structure is parsed; what a line says is read from the source line itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_DEEPEST_NESTING = 120
"""Blocks nested deeper are not seen: each list takes two levels, and each level several Python frames."""


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
