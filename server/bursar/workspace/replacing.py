"""New text in the place of old, in the style of the file: its line ends, its BOM."""

from __future__ import annotations

import re
from collections import Counter

from bursar.domain.ports import ToolRefused

_LINE_END = re.compile(r"\r\n|\n|\r")
_BOM = "\ufeff"
_LINES_NAMED = 10


def replace_once(text: str, old: str, new: str) -> str | ToolRefused:
    """``text`` with ``new`` in the only place where ``old`` stands; a line end in ``old`` matches any kind.

    The message of a refusal goes on after the file's name.
    """
    if not old:
        return ToolRefused(
            message="was not changed: the old text is empty. Give the text to replace, or use write_file"
        )
    if old == new:
        return ToolRefused(message="was not changed: the old and the new text are the same")
    pattern = re.compile(r"(?:\r\n|\n|\r)".join(map(re.escape, _LINE_END.split(old))))
    found = _places(text, pattern)
    if not found:
        return ToolRefused(
            message="was not changed: the old text does not occur in it. Read it again and copy it exactly"
        )
    if len(found) > 1:
        lines = ", ".join(str(_line_of(text, at)) for at, _ in found[:_LINES_NAMED])
        more = " and more" if len(found) > _LINES_NAMED else ""
        return ToolRefused(
            message=f"was not changed: the old text occurs {len(found)} times in it (lines {lines}{more})."
            " Give more of the text around it, so that it occurs once"
        )
    start, end = found[0]
    return text[:start] + _in_style(new, text) + text[end:]


def with_line_ends_of(before: str, text: str) -> str:
    """``text`` with the line ends that ``before`` mostly has, and with a BOM where that has one."""
    styled = _in_style(text, before)
    return _BOM + styled if before.startswith(_BOM) and not styled.startswith(_BOM) else styled


def _in_style(text: str, like: str) -> str:
    ends = Counter(_LINE_END.findall(like))
    if not ends:
        return text
    end = ends.most_common(1)[0][0]
    return _LINE_END.sub(lambda _: end, text) if end != "\n" else text.replace("\r\n", "\n")


def _places(text: str, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    """Where it occurs, overlaps too; bounded, for a text of one repeated character."""
    found: list[tuple[int, int]] = []
    match = pattern.search(text)
    while match is not None and len(found) < 1_000:
        found.append(match.span())
        match = pattern.search(text, match.start() + 1)
    return found


def _line_of(text: str, at: int) -> int:
    return len(_LINE_END.findall(text, 0, at)) + 1
