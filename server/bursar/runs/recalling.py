"""What the model gets back of a result that was left out of its conversation: the journal has it all. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bursar.domain.ports import ToolRefused
from bursar.domain.runs import StepRecord
from bursar.runs.shapes import Shapes, left_out, place_of

MOST_CHARACTERS = 40_000
"""The most that one call gives back: what does not fit is named, so that the next call can ask for it."""
_MOST_LISTED = 30
_RANGE = re.compile(r"\s*([0-9]{1,12})\s*(?:-\s*([0-9]{1,12})\s*)?")


def recalled(given: dict[str, Any], steps: Sequence[StepRecord], shapes: Shapes) -> str | ToolRefused:
    """The lines or characters that were asked for, verbatim behind a line that says which they are.

    Without a range it is all that does not stand in the conversation at its own place.
    """
    item = str(given["item"])
    content = _content(item, steps)
    if content is None:
        return ToolRefused(message=f"There is no item {item!r} to recall. {_what_exists(steps, shapes)}")
    lines = content.split("\n")
    if "characters" in given:
        wanted = _range(str(given["characters"]), len(content))
        if wanted is None:
            return _refused("characters", str(given["characters"]), item, len(content))
        return _characters(item, content, *wanted)
    if "lines" in given:
        wanted = _range(str(given["lines"]), len(lines))
        if wanted is None:
            return _refused("lines", str(given["lines"]), item, len(lines))
        return _lines(item, lines, [wanted])
    gaps = left_out(shapes, item, len(lines))
    if not gaps:
        return ToolRefused(message=f"Nothing of {item} was left out: it stands above in full.")
    return _lines(item, lines, gaps)


def _content(item: str, steps: Sequence[StepRecord]) -> str | None:
    place = place_of(item)
    if place is None or place[1] < 0:
        return None
    step = next((each for each in steps if each.key == item), None)
    if step is None or step.status != "done" or step.result is None:
        return None
    return str(step.result.get("content", ""))


def _lines(item: str, lines: Sequence[str], gaps: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    room = MOST_CHARACTERS
    for number, (first, end) in enumerate(gaps):
        at = first
        while at < end and len(lines[at]) < room:
            room -= len(lines[at]) + 1
            at += 1
        if at > first:
            parts.append(f"[lines {first + 1}-{at} of {len(lines)} of {item}]")
            parts += lines[first:at]
        if at == end:
            continue
        if not parts:
            # Not even one line fits: the first of them is given back in pieces.
            begin = sum(len(each) + 1 for each in lines[:at])
            most = min(len(lines[at]), MOST_CHARACTERS)
            return _characters(item, "\n".join(lines), begin, begin + most)
        rest = [(at, end), *gaps[number + 1 :]]
        asked = ", ".join(f'recall {{"item": "{item}", "lines": "{one + 1}-{last}"}}' for one, last in rest[:5])
        parts.append(f"[the rest did not fit into one answer: {asked}]")
        break
    return "\n".join(parts)


def _characters(item: str, content: str, first: int, end: int) -> str:
    last = min(end, first + MOST_CHARACTERS)
    said = f"[characters {first + 1}-{last} of {len(content)} of {item}]\n{content[first:last]}"
    if last == len(content):
        return said
    then = min(len(content), last + MOST_CHARACTERS)
    return f'{said}\n[it goes on: recall {{"item": "{item}", "characters": "{last + 1}-{then}"}}]'


def _range(text: str, most: int) -> tuple[int, int] | None:
    """From "40-96" or "40", counted from 1 with both ends in it, to an index and its end."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    last = int(found[2] or found[1])
    if not 1 <= first <= min(last, most):
        return None
    return first - 1, min(last, most)


def _refused(what: str, given: str, item: str, most: int) -> ToolRefused:
    return ToolRefused(
        message=f'{what} {given!r} of {item} cannot be recalled: it has {what} 1-{most}; write them like "1-{most}".'
    )


def _what_exists(steps: Sequence[StepRecord], shapes: Shapes) -> str:
    there = {each.key for each in steps}
    items = sorted((each for each in shapes.cut if each in there), key=lambda each: place_of(each) or (0, 0))
    if not items:
        return "Nothing was left out of the results above."
    more = f" and {len(items) - _MOST_LISTED} earlier ones" if len(items) > _MOST_LISTED else ""
    return f"What was left out, whole or in part: {', '.join(items[-_MOST_LISTED:])}{more}."
