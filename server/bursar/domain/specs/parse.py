"""From the text of a `tasks.md` to a `Spec`: never raises, whatever the text is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bursar.domain.specs.grammar import (
    Priority,
    RefsLine,
    TaskCheck,
    TaskLine,
    parent_id_of,
    read_check_line,
    read_priority_line,
    read_refs_line,
    read_task_line,
)
from bursar.domain.specs.locate import ListItem, Outline, locate
from bursar.domain.specs.model import Heading, LineEnd, Spec, SpecFormat, SpecTask, SpecUnreadable, TaskState
from bursar.domain.specs.problems import find_problems
from bursar.domain.specs.waves import read_waves
from bursar.domain.text import split_lines
from bursar.domain.text.kept import kept_for_newest

_BOM = "\ufeff"
_KIRO_STATES: dict[str, TaskState] = {" ": "todo", "x": "done", "X": "done", "-": "in_progress", "~": "queued"}
_SPECKIT_STATES: dict[str, TaskState] = {" ": "todo", "x": "done", "X": "done"}
_SPECKIT_ID = re.compile(r"T\d+[a-z]?")
_SPECKIT_PATH = re.compile(r"(?:^|/)(?:\.specify/|specs/\d{3}-)")
_LINE_ENDS = re.compile(r"\r\n|\n|\r")


def decode_spec(data: bytes) -> str:
    """The text of `data`, a byte order mark kept as U+FEFF; raises SpecUnreadable if it is not a text in UTF-8."""
    at = data.find(b"\0")
    if at >= 0:
        raise SpecUnreadable(
            f"This is a binary file (a zero byte at offset {at}), not a tasks.md; choose a text file in UTF-8."
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecUnreadable(
            f"The file is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start} cannot be read; "
            "save it as UTF-8 and try again."
        ) from error


def parse_spec(text: str, *, path_hint: str = "") -> Spec:
    """The spec that `text` holds. The format follows from the content; `path_hint` decides only where that is even."""
    return _parse(text, path_hint)


# Lens, hints, diagnostics and a tick ask for the same text one after another.
@kept_for_newest()
def _parse(text: str, path_hint: str) -> Spec:
    has_bom = text.startswith(_BOM)
    body = text.removeprefix(_BOM)
    lines = split_lines(body)
    outline = locate(body)
    drafts = _number_drafts(_draft_tasks(lines, outline))
    spec_format = _recognise(drafts, lines, path_hint)
    _attach_refs(drafts, lines, outline)
    tasks = _finish(drafts, lines, outline, spec_format, bom_length=len(text) - len(body))
    headings = _headings(outline, len(lines))
    return Spec(
        format=spec_format,
        tasks=tasks,
        headings=headings,
        problems=find_problems(lines, outline, tasks, headings),
        line_count=len(lines),
        line_end=_line_end_of(body),
        has_bom=has_bom,
        has_final_newline=body.endswith(("\n", "\r")),
        waves=read_waves(lines),
        done_mark="X" if sum(1 if task.mark == "X" else -(task.mark == "x") for task in tasks) > 0 else "x",
    )


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A task while its file is being read."""

    item: ListItem
    read: TaskLine
    indent: int
    enclosing: tuple[int, ...]
    id: str | None = None
    title: str = ""
    refs_lines: list[RefsLine] = field(default_factory=list)
    check: TaskCheck | None = None
    priority: Priority | None = None


def _draft_tasks(lines: Sequence[str], outline: Outline) -> list[_Draft]:
    drafts: list[_Draft] = []
    for item in outline.items:
        read = read_task_line(lines[item.line])
        if read is None:
            continue
        # Items come in document order, so the items that enclose this one form a chain from the last draft back.
        enclosing: tuple[int, ...] = ()
        if drafts:
            chain = (*drafts[-1].enclosing, len(drafts) - 1)
            enclosing = tuple(index for index in chain if drafts[index].item.end_line > item.line)
            enclosing = tuple(index for index in enclosing if drafts[index].item.level < item.level)
        drafts.append(_Draft(item=item, read=read, indent=_indent_of(lines[item.line]), enclosing=enclosing))
    return drafts


def _number_drafts(drafts: list[_Draft]) -> list[_Draft]:
    # "6 windows are open" begins with a count, "6 Open the windows" with an id. A bare number is believed where the
    # file numbers its tasks, that is at least half of them.
    numbered = sum(draft.read.id is not None for draft in drafts)
    for draft in drafts:
        if draft.read.id_is_bare_number and numbered * 2 < len(drafts):
            draft.title = draft.read.title_with_id
        else:
            draft.id, draft.title = draft.read.id, draft.read.title
    return drafts


def _recognise(drafts: Sequence[_Draft], lines: Sequence[str], path_hint: str) -> SpecFormat:
    speckit = sum(draft.id is not None and _SPECKIT_ID.fullmatch(draft.id) is not None for draft in drafts)
    kiro = sum(draft.id is not None for draft in drafts) - speckit
    if speckit == kiro:
        speckit = sum(draft.read.story is not None for draft in drafts)
        kiro = sum(read_refs_line(line) is not None for line in lines)
        kiro += sum(draft.read.mark in "-~" or draft.read.optional for draft in drafts)
    if speckit == kiro:
        return "speckit" if _SPECKIT_PATH.search(path_hint.replace("\\", "/")) else "kiro"
    return "speckit" if speckit > kiro else "kiro"


def _attach_refs(drafts: Sequence[_Draft], lines: Sequence[str], outline: Outline) -> None:
    """Give each requirement, check or priority line to the innermost task that is indented less than the line."""
    in_verbatim = _membership(outline.verbatim)
    heading_lines = {heading.line for heading in outline.headings}
    by_line = {draft.item.line: draft for draft in drafts}
    open_tasks: list[_Draft] = []
    for number, line in enumerate(lines):
        if number in heading_lines:
            open_tasks.clear()
        elif (draft := by_line.get(number)) is not None:
            while open_tasks and open_tasks[-1].indent >= draft.indent:
                open_tasks.pop()
            open_tasks.append(draft)
        elif open_tasks and not in_verbatim(number):
            refs, check, priority = read_refs_line(line), read_check_line(line), read_priority_line(line)
            if refs is None and check is None and priority is None:
                continue
            indent = _indent_of(line)
            owner = next((task for task in reversed(open_tasks) if task.indent < indent), None)
            if owner is not None and refs is not None:
                owner.refs_lines.append(refs)
            elif owner is not None and isinstance(check, TaskCheck):
                owner.check = owner.check or check
            elif owner is not None and priority is not None and priority != "unreadable":
                owner.priority = owner.priority or priority


def _finish(
    drafts: Sequence[_Draft], lines: Sequence[str], outline: Outline, spec_format: SpecFormat, *, bom_length: int
) -> tuple[SpecTask, ...]:
    states = _KIRO_STATES if spec_format == "kiro" else _SPECKIT_STATES
    last_with_id: dict[str, int] = {}
    tasks: list[SpecTask] = []
    headings = iter([*outline.headings, None])
    heading = next(headings)
    section: str | None = None
    for index, draft in enumerate(drafts):
        line = draft.item.line
        while heading is not None and heading.line < line:
            section, heading = heading.title, next(headings)
        next_task_line = drafts[index + 1].item.line if index + 1 < len(drafts) else len(lines)
        parent_id = parent_id_of(draft.id) if draft.id else None
        parent_by_id = last_with_id.get(parent_id) if parent_id else None
        parent_by_indent = draft.enclosing[-1] if draft.enclosing else None
        mark_start = draft.read.mark_start + (bom_length if line == 0 else 0)
        requirements = [refs for refs in draft.refs_lines if not refs.validates]
        validations = [refs for refs in draft.refs_lines if refs.validates]
        tasks.append(
            SpecTask(
                index=index,
                id=draft.id,
                title=draft.title,
                mark=draft.read.mark,
                state=states.get(draft.read.mark, "other"),
                optional=draft.read.optional,
                parallel=draft.read.parallel,
                story=draft.read.story,
                section=section,
                depth=len(draft.enclosing),
                parent=parent_by_id if parent_by_id is not None else parent_by_indent,
                parent_by_id=parent_by_id,
                parent_by_indent=parent_by_indent,
                line=line,
                end_line=_without_blank_end(lines, line, min(draft.item.end_line, next_task_line)),
                mark_start=mark_start,
                mark_end=mark_start + 1,
                refs=tuple(ref for refs in requirements for ref in refs.ids),
                refs_raw=tuple(refs.raw for refs in requirements),
                refs_free_text=any(refs.free_text for refs in requirements),
                validates=tuple(ref for refs in validations for ref in refs.ids),
                validates_raw=tuple(refs.raw for refs in validations),
                check=draft.check,
                priority=draft.priority,
            )
        )
        if draft.id:
            last_with_id[draft.id] = index
    return tuple(tasks)


def _headings(outline: Outline, line_count: int) -> tuple[Heading, ...]:
    ends = [line_count] * len(outline.headings)
    unfinished: list[int] = []
    for index, heading in enumerate(outline.headings):
        while unfinished and outline.headings[unfinished[-1]].level >= heading.level:
            ends[unfinished.pop()] = heading.line
        unfinished.append(index)
    return tuple(
        Heading(line=heading.line, level=heading.level, title=heading.title, end_line=end)
        for heading, end in zip(outline.headings, ends, strict=True)
    )


def _line_end_of(text: str) -> LineEnd:
    names: dict[str, LineEnd] = {"\n": "lf", "\r\n": "crlf", "\r": "cr"}
    most_common = Counter(_LINE_ENDS.findall(text)).most_common(1)
    return names[most_common[0][0]] if most_common else "lf"


def _without_blank_end(lines: Sequence[str], start: int, end: int) -> int:
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return end


def _indent_of(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip(" "))


def _membership(ranges: Sequence[tuple[int, int]]) -> Callable[[int], bool]:
    inside = {line for start, end in ranges for line in range(start, end)}
    return inside.__contains__
