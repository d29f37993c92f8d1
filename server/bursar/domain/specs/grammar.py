"""The line grammar of tasks: checkboxes, ids, markers and requirement lines, for Kiro, spec-kit and cc-sdd."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Literal, TypeAlias

Priority: TypeAlias = Literal["high", "normal", "low"]

_ITEM = r"(?P<lead>[\s>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)+)"
# A letter or digit in brackets is a label or a footnote ("- [P] tasks = ..."): marks are x, X, a space and signs.
_MARK = r"\[(?P<mark>[ xX]|[^\w\s\[\]\\])\]"
_CHECKBOX = re.compile(rf"{_ITEM}{_MARK}(?P<star>\\?\*(?!\*))?(?=\s|$)(?P<rest>.*)", re.DOTALL)
_EMPTY_BOX = re.compile(rf"{_ITEM}\[(?:[ \t]{{2,}})?\](?:\s|$)")
_ID_BEFORE_BOX = re.compile(rf"{_ITEM}\**\d+(?:\.\d+)*[a-z]?\.?\**[ \t]+\[[ xX~-]\](?:\s|$)")

_NUMBER = r"\d+(?:\.\d+)*[a-z]?"
_TASK_ID = rf"(?P<id>T\d+[a-z]?|{_NUMBER})"
_PLAIN_ID = re.compile(rf"(?P<word>Task\s+)?{_TASK_ID}(?P<star>\\?\*(?!\*))?(?P<end>[.:：)]?)(?=\s|$)")
_BOLD_ID = re.compile(rf"(?P<bold>\*\*|__)(?:Task\s+)?{_TASK_ID}[.:：]?(?P=bold)\s*[.:：]?(?=\s|$)")
_BOLD_TITLE = re.compile(rf"(?P<bold>\*\*)(?:Task\s+)?{_TASK_ID}[.:：]?\s+(?=\S.*\*\*)")
_MARKER = re.compile(r"\s*(?:(?P<parallel>\[P\]|\(P\))|\[(?P<story>US\d+)\])(?=\s|$)")

_REQUIREMENT = (
    r"requirements?|reqs?|requisitos?|requisit[io]|exigences?|anforderung(?:en)?|требовани[ея]"
    r"|要件|要求|需求|关联需求|요구\s?사항"
)
_VALIDATES = r"validates?|validated|valida(?:r|n)?|valide|validiert|验证|驗證|検証|검증"
_CHECK = r"\s*(?:[-*+]\s+)?(?P<mark>_|\*\*|\*|__)Check:\s*"
_CHECK_LINE = re.compile(rf"{_CHECK}`(?P<argv>[^`]*)`\s*(?P=mark)\s*")
_CHECK_ID = r"(?:[A-Za-z]{1,6}-?)?\d+(?:\.\d+)*[a-z]?"
_REQUIREMENT_CHECK = re.compile(rf"{_CHECK}[Rr]equirements?(?![A-Za-z])(?P<value>.*)", re.DOTALL)
_REQUIREMENT_CHECK_VALUE = re.compile(
    rf"\s+(?P<ids>{_CHECK_ID}(?:\s*,\s*{_CHECK_ID})*)(?:\s+with\s+`(?P<argv>[^`]*)`)?"
)
_PRIORITY_LINE = re.compile(
    r"\s*(?:[-*+]\s+)?(?P<mark>_|\*\*|\*|__)Priority(?::(?P=mark)|:)\s*(?P<value>.*?)\s*(?P=mark)?\s*", re.DOTALL
)
_PRIORITIES: dict[str, Priority] = {"high": "high", "normal": "normal", "low": "low"}
_EMPHASIS = r"(?P<mark>_|\*\*|\*|__)"
_REFS_LINE = re.compile(
    rf"\s*(?:[-*+]\s+)?{_EMPHASIS}(?:(?P<refs>{_REQUIREMENT})|(?P<validates>{_VALIDATES}))(?P=mark)?\s*[:：]"
    r"(?:\*\*|__|[*_])?(?P<value>.*)",
    re.IGNORECASE | re.DOTALL,
)
_REF = re.compile(
    r"(?<![A-Za-z0-9_.])(?:[A-Za-z]{1,6}-?)?\d+(?:\.\d+)*[a-z]?(?:\s?[-–~〜]\s?\d+(?:\.\d+)*)?(?![A-Za-z0-9_])"
)
_NOT_TEXT = re.compile(rf"(?:{_REQUIREMENT}|[\s,;、，；&]|\band\b)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLine:
    """A task line taken apart."""

    id: str | None
    id_is_bare_number: bool
    """The id is a number with neither a dot nor a word beside it, so it may as well be a count."""
    title: str
    title_with_id: str
    """The title if that number is a count."""
    mark: str
    mark_start: int
    optional: bool
    parallel: bool
    story: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefsLine:
    """A line that names requirements."""

    validates: bool
    raw: str
    ids: tuple[str, ...]
    free_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCheck:
    """What says whether a task is done: a command that succeeds, or the tests that name these requirements.

    With ``requirements`` the ``command`` is what runs their tests, and empty where the user's own setting says it.
    """

    command: tuple[str, ...]
    requirements: tuple[str, ...] = ()


def read_task_line(line: str) -> TaskLine | None:
    """The task line `line`, a list item without its line end, taken apart; None if it begins with no checkbox."""
    box = _CHECKBOX.match(line)
    if box is None:
        return None
    text = box["rest"].strip()
    optional = box["star"] is not None
    task_id: str | None = None
    bare = False
    rest = text
    if found := _PLAIN_ID.match(text):
        task_id = found["id"]
        optional = optional or found["star"] is not None
        bare = task_id.isdecimal() and not (found["word"] or found["star"] or found["end"])
        rest = text[found.end() :]
    elif found := _BOLD_ID.match(text):
        task_id, rest = found["id"], text[found.end() :]
    elif found := _BOLD_TITLE.match(text):
        task_id, rest = found["id"], found["bold"] + text[found.end() :]
    rest, parallel, story = _take_markers(rest)
    return TaskLine(
        id=task_id,
        id_is_bare_number=bare,
        title=rest.strip(),
        title_with_id=_take_markers(text)[0].strip(),
        mark=box["mark"],
        mark_start=box.start("mark"),
        optional=optional,
        parallel=parallel,
        story=story,
    )


def read_refs_line(line: str) -> RefsLine | None:
    """The requirement line `line` taken apart; None if it is none."""
    # Cheap test first: most lines of a spec name no requirement, and the pattern has many words.
    if ":" not in line and "：" not in line:
        return None
    found = _REFS_LINE.match(line)
    if found is None:
        return None
    # Cut by hand: a lazy group before an optional end takes quadratic time on a long line of dots.
    raw = found["value"].strip().rstrip(". \t").removesuffix(found["mark"]).strip()
    left_over = _NOT_TEXT.sub("", _REF.sub("", raw))
    return RefsLine(
        validates=found["validates"] is not None,
        raw=raw,
        ids=tuple(_REF.findall(raw)),
        free_text=bool(left_over),
    )


def read_check_line(line: str) -> TaskCheck | Literal["unreadable"] | None:
    """The check of a line such as ``- _Check: `pytest -q tests/test_rates.py`_`` or ``- _Check: requirement 1.2_``.

    None if the line is no check. It is unreadable where the words between the backticks are no list of arguments, or
    where no ids of requirements follow.
    """
    # Cheap test first: hardly any line is a check.
    if "Check:" not in line:
        return None
    if found := _CHECK_LINE.fullmatch(line):
        command = _arguments(found["argv"])
        return TaskCheck(command=command) if command else "unreadable"
    found = _REQUIREMENT_CHECK.fullmatch(line)
    if found is None:
        return None
    # Cut by hand, as above.
    value = _REQUIREMENT_CHECK_VALUE.fullmatch(found["value"].rstrip().removesuffix(found["mark"]).rstrip())
    if value is None:
        return "unreadable"
    command = _arguments(value["argv"] or "")
    if value["argv"] is not None and not command:
        return "unreadable"
    ids = tuple(each.strip() for each in value["ids"].split(","))
    return TaskCheck(command=command, requirements=ids)


def read_priority_line(line: str) -> Priority | Literal["unreadable"] | None:
    """The priority of a line such as ``- _Priority: high_``; None if the line names none."""
    # Cheap test first: hardly any line does.
    if "Priority:" not in line:
        return None
    found = _PRIORITY_LINE.fullmatch(line)
    return None if found is None else _PRIORITIES.get(found["value"].lower(), "unreadable")


def has_empty_checkbox(line: str) -> bool:
    """Whether `line`, a list item, begins with brackets that hold no single mark."""
    return _EMPTY_BOX.match(line) is not None


def has_id_before_checkbox(line: str) -> bool:
    """Whether `line`, a list item, has its number before the checkbox and so is no task."""
    return _ID_BEFORE_BOX.match(line) is not None


def parent_id_of(task_id: str) -> str | None:
    """The id without its last part; a letter at the end is a part (`7.4b` is below `7.4`); None if nothing is left."""
    if task_id[0] == "T":
        return None
    if task_id[-1].isalpha():
        return task_id[:-1]
    head, _, _ = task_id.rpartition(".")
    return head or None


def _arguments(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return ()


def _take_markers(text: str) -> tuple[str, bool, str | None]:
    parallel = False
    story: str | None = None
    while found := _MARKER.match(text):
        parallel = parallel or found["parallel"] is not None
        story = story or found["story"]
        text = text[found.end() :]
    return text, parallel, story
