"""Text as HTML. Everything that a person, a model or a file named goes through ``text``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is whole and safe; made in this package only."""

    markup: str


Cell = str | Html


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name; ``numbers`` are set flush right, ``head`` is what names the row where there is little room."""

    name: str
    numbers: bool = False
    head: bool = False


def text(value: str) -> str:
    """The characters themselves; those that a page cannot hold, or that would turn the direction of what follows, are
    shown as their code."""
    return escape("".join(each if _plain(each) else f"\\u{{{ord(each):04x}}}" for each in value))


def cell(value: Cell) -> str:
    """Markup as it is, anything else as text."""
    return value.markup if isinstance(value, Html) else text(value)


def paragraph(value: Cell, kind: str = "") -> str:
    """A paragraph of this class."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{cell(value)}</p>"


def section(name: str, title: str, *parts: str, source: str = "") -> str:
    """A part of the page with a heading; ``source`` says where its figures come from."""
    said = paragraph(f"Where this comes from: {source}", "source") if source else ""
    return f'<section id="{name}"><h2>{text(title)}</h2>{"".join(parts)}{said}</section>'


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> str:
    """A table that turns into a list of rows where there is little room."""
    head = "".join(f'<th scope="col"{_class(each)}>{text(each.name)}</th>' for each in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td{_class(column)} data-name="{text(column.name)}">{cell(each)}</td>'
            for column, each in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _class(column: Column) -> str:
    kind = "n" if column.numbers else "head" if column.head else ""
    return f' class="{kind}"' if kind else ""


def _plain(character: str) -> bool:
    return character in "\n\t" or character.isprintable()
