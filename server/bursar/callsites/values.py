"""What an expression of the source text is worth as far as the text says it, the same for every language."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

Span: TypeAlias = tuple[int, int]
"""First byte and the byte after the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Anything that only the running program knows; ``parameter`` names one with a literal default, which callers may
    leave as it is or not."""

    span: Span
    parameter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string; between two pieces is a value that only the running program knows."""

    pieces: tuple[str, ...]
    span: Span

    @property
    def whole(self) -> str | None:
        """The string where all of it is written; None where a value is put into it."""
        return self.pieces[0] if len(self.pieces) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A number, true, false or nothing."""

    value: int | float | bool | None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list or a tuple; ``more`` says that there may be others among them."""

    items: tuple[Value, ...]
    more: bool
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Values by name; ``more`` says that there may be other names."""

    entries: tuple[tuple[str, Value], ...]
    more: bool
    span: Span

    def get(self, *names: str) -> Value | None:
        """The value of the first of these names that is there."""
        for name in names:
            for key, value in reversed(self.entries):
                if key == name:
                    return value
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call. ``names`` is the path behind ``receiver``, or behind ``module`` where its root was imported from there.

    For a receiver that the text does not say, ``names`` begins with the names that it is written with.
    """

    names: tuple[str, ...]
    module: str | None
    receiver: Value | None
    args: tuple[Value, ...]
    named: Record
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Piped:
    """What flows from left to right through several steps."""

    steps: tuple[Value, ...]
    span: Span


Value: TypeAlias = Unknown | Text | Plain | Items | Record | Called | Piped

_HOLE = "\ue0ff"
MOST_PARTS = 20_000
"""Characters of a text by a thousand, pieces, items and names above which a value counts as unknown: a few names that
double one another would else fill the memory."""
_MOST_CHARS = 1000 * MOST_PARTS
_FORMAT_FIELD = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
_PERCENT_FIELD = re.compile(r"%%|%(?:\([^)]*\))?[#0\- +]*(?:\*|[0-9]+)?(?:\.(?:\*|[0-9]+))?[diouxXeEfFgGcrsa]")


@dataclass(slots=True)
class Pieces:
    """Collects the pieces of a text."""

    done: list[list[str]] = field(default_factory=lambda: [[]])
    chars: int = 0

    def add(self, text: str) -> None:
        """More of the literal text."""
        self.chars += len(text)
        if self.chars <= _MOST_CHARS:
            self.done[-1].append(text)

    def hole(self) -> None:
        """A value that only the running program knows."""
        if len(self.done) <= MOST_PARTS:
            self.done.append([])

    def join(self, value: Value) -> None:
        """A text, a number that is written out, or else a hole."""
        if isinstance(value, Text):
            self.add(value.pieces[0])
            for piece in value.pieces[1:]:
                self.hole()
                self.add(piece)
        elif isinstance(value, Plain) and type(value.value) is int:
            self.add(str(value.value))
        else:
            self.hole()

    def text(self, span: Span) -> Text | Unknown:
        """What was collected; unknown where that is too much."""
        if self.chars > _MOST_CHARS or len(self.done) > MOST_PARTS:
            return Unknown(span=span)
        return Text(pieces=tuple(map("".join, self.done)), span=span)


def joined(left: Value, right: Value, span: Span) -> Value:
    """Two values with a plus between them: a text where one of them is a text, a list where both are lists."""
    if isinstance(left, Text) or isinstance(right, Text):
        pieces = Pieces()
        pieces.join(left)
        pieces.join(right)
        return pieces.text(span)
    if isinstance(left, Items) and isinstance(right, Items):
        if len(left.items) + len(right.items) > MOST_PARTS:
            return Unknown(span=span)
        return Items(items=left.items + right.items, more=left.more or right.more, span=span)
    if isinstance(left, Items):
        return replace(left, more=True, span=span)
    if isinstance(right, Items):
        return replace(right, more=True, span=span)
    return Unknown(span=span)


def joined_by(separator: Text, items: Items, span: Span) -> Value:
    """The items with the separator between them; unknown where there may be others."""
    if items.more:
        return Unknown(span=span)
    pieces = Pieces()
    for index, each in enumerate(items.items):
        if index:
            pieces.join(separator)
        pieces.join(each)
    return pieces.text(span)


def changed(text: Text, change: Callable[[str], str], span: Span) -> Value:
    """The text after a change that leaves the values in it alone."""
    whole = _HOLE.join(text.pieces)
    if len(whole.split(_HOLE)) != len(text.pieces):
        return Unknown(span=span)
    pieces = tuple(change(whole).split(_HOLE))
    return Text(pieces=pieces, span=span) if len(pieces) == len(text.pieces) else Unknown(span=span)


def dedented(text: Text, span: Span) -> Value:
    """The text without the blanks that all its lines begin with."""
    return changed(text, textwrap.dedent, span)


def stripped(text: Text, side: str, span: Span) -> Value:
    """The text without white space at its ``both``, ``left`` or ``right`` end."""
    kinds: dict[str, Callable[[str], str]] = {"both": str.strip, "left": str.lstrip, "right": str.rstrip}
    return changed(text, kinds[side], span)


def formatted(text: Text, span: Span) -> Text | Unknown:
    """A text with ``{...}`` fields that are filled at run time."""
    return _with_fields(text, _FORMAT_FIELD, {"{{": "{", "}}": "}"}, span)


def percent_formatted(text: Text, span: Span) -> Text | Unknown:
    """A text with ``%s`` fields that are filled at run time."""
    return _with_fields(text, _PERCENT_FIELD, {"%%": "%"}, span)


def as_record(value: Value | None) -> Record | None:
    """The value by its names: a record, or a call that only names its arguments, as constructors of messages do."""
    if isinstance(value, Record):
        return value
    if isinstance(value, Called) and not value.args and value.named.entries:
        return value.named
    return None


def as_json(value: Value) -> str | None:
    """The value as compact JSON, as it travels; None where a part of it is not written."""
    try:
        return json.dumps(_plain(value, [MOST_PARTS]), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return None


def _plain(value: Value, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise ValueError
    if isinstance(value, Text) and value.whole is not None:
        left[0] -= len(value.whole) // 1000
        return value.whole
    if isinstance(value, Plain):
        return value.value
    if isinstance(value, Items) and not value.more:
        return [_plain(each, left) for each in value.items]
    record = as_record(value)
    if record is not None and not record.more:
        return {key: _plain(each, left) for key, each in record.entries}
    raise ValueError


def _with_fields(text: Text, pattern: re.Pattern[str], literal: dict[str, str], span: Span) -> Text | Unknown:
    pieces = Pieces()
    for index, piece in enumerate(text.pieces):
        if index:
            pieces.hole()
        end = 0
        for found in pattern.finditer(piece):
            pieces.add(piece[end : found.start()])
            end = found.end()
            if found.group() in literal:
                pieces.add(literal[found.group()])
            else:
                pieces.hole()
        pieces.add(piece[end:])
    return pieces.text(span)
