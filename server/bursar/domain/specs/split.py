"""Sub-tasks for a task: what a model proposed, read strictly, and put below the task byte-exact."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bursar.domain.safety.show import unseen
from bursar.domain.specs.edit import same_task
from bursar.domain.specs.grammar import TaskCheck, read_check_line, read_refs_line
from bursar.domain.specs.model import Spec, SpecEditRefused, SpecTask
from bursar.domain.specs.parse import parse_spec
from bursar.domain.tasks import tasks_below
from bursar.domain.text import split_lines, split_lines_keeping_ends

FEWEST, MOST = 2, 8
LONGEST_TITLE_CHARS = 200

_OWN_NUMBER = re.compile(r"\**(?:T\d+[a-z]?|\d+(?:\.\d+)+[a-z]?\.?|\d+[.:)]|Task\s+\d+)(?:\s|$)", re.IGNORECASE)
_LEAD = re.compile(r"(?P<indent>[ \t]*)(?P<bullet>[-*+]|\d{1,9}[.)])(?P<gap>[ \t]+)\[")
_SPECKIT_ID = re.compile(r"T(?P<number>\d+)(?P<letter>[a-z]?)")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The titles of the proposed sub-tasks, in their order."""

    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoProposal:
    """An answer that is not in the form that was asked for; ``why`` is a sentence without its end."""

    why: str


def read_proposal(answer: str) -> Proposal | NoProposal:
    """The proposal in an answer: nothing but ``- TITLE`` lines, from 2 to 8 of them."""
    titles: list[str] = []
    for number, line in enumerate(split_lines(answer.strip()), start=1):
        if not line.startswith("- "):
            return NoProposal(why=f"line {number} does not begin with '- '")
        title = line[2:].strip()
        wrong = _wrong_title(title)
        if wrong is not None:
            return NoProposal(why=f"line {number} {wrong}")
        titles.append(title)
    if not FEWEST <= len(titles) <= MOST:
        return NoProposal(why=f"it has {len(titles)} sub-tasks, and {FEWEST} to {MOST} were asked for")
    if len(set(titles)) < len(titles):
        return NoProposal(why="it has the same sub-task twice")
    return Proposal(titles=tuple(titles))


def split_text(text: str, task: SpecTask, titles: Sequence[str], *, path_hint: str = "") -> str:
    """``text`` with sub-tasks of these titles below ``task``, and every other byte as it was.

    They get the next free ids below the task's own, its requirement lines and its optional mark; its check goes to the
    last of them. Raises SpecEditRefused where the line no longer holds the task, and where the file would not read as
    meant afterwards: every task as before, and exactly these ones more, below their parent.
    """
    spec = parse_spec(text, path_hint=path_hint)
    parent = same_task(spec, task)
    lines = split_lines_keeping_ends(text)
    below = tasks_below(spec, parent)
    if any(each.is_open and not each.optional for each in below):
        raise SpecEditRefused(f"The task '{parent.title}' has open sub-tasks already; split one of those. {_NOTHING}")
    ids = _new_ids(spec, parent, len(titles), lines)
    block = _block(spec, parent, titles, ids, lines)
    at = max([parent.end_line, *(each.end_line for each in below)])
    end = _line_end(lines, parent.line, spec)
    if at == len(lines) or (at == len(lines) - 1 and not lines[-1]):
        head = "".join(lines[:at])
        if head.endswith(("\n", "\r")):
            after = head + end.join(block) + end + "".join(lines[at:])
        else:
            after = head + end + end.join(block)
    else:
        after = "".join(lines[:at]) + "".join(f"{each}{end}" for each in block) + "".join(lines[at:])
    _check(spec, parent, parse_spec(after, path_hint=path_hint), tuple(zip(ids, titles, strict=True)))
    return after


def _wrong_title(title: str) -> str | None:
    if not title:
        return "has no title"
    if len(title) > LONGEST_TITLE_CHARS:
        return f"is longer than {LONGEST_TITLE_CHARS} characters"
    if any(unseen(each) for each in title):
        return "holds a character that cannot be seen"
    if title.startswith("["):
        return "begins with a bracket"
    if _OWN_NUMBER.match(title):
        return "begins with a number of its own"
    return None


def _new_ids(spec: Spec, parent: SpecTask, number: int, lines: Sequence[str]) -> list[str | None]:
    """Free ids for new tasks below ``parent``, in the style of the file; none where it has none."""
    if parent.id is None:
        return [None] * number
    used = {each.id for each in spec.tasks}
    if speckit := _SPECKIT_ID.fullmatch(parent.id):
        own = [f"{parent.id}{letter}" for letter in _LETTERS]
        free = [each for each in own if each not in used]
        if not speckit["letter"] and len(free) >= number:
            return list(free[:number])
        found = [_SPECKIT_ID.fullmatch(each) for each in used if each]
        last = max(int(each["number"]) for each in found if each)
        return [f"T{last + each:0{len(speckit['number'])}d}" for each in range(1, number + 1)]
    if parent.id[-1].isalpha():
        raise SpecEditRefused(
            f"The id {parent.id} ends with a letter, so sub-tasks of it can have no ids; number it anew. {_NOTHING}"
        )
    prefix = f"{parent.id}."
    parts = [
        each.removeprefix(prefix).split(".")[0].rstrip(_LETTERS) for each in used if each and each.startswith(prefix)
    ]
    first = max([int(each) for each in parts if each.isdecimal()], default=0) + 1
    return [f"{prefix}{each}" for each in range(first, first + number)]


def _block(
    spec: Spec, parent: SpecTask, titles: Sequence[str], ids: Sequence[str | None], lines: Sequence[str]
) -> list[str]:
    lead = _LEAD.match(lines[parent.line].removeprefix("\ufeff"))
    if lead is None:
        raise SpecEditRefused(
            f"The task '{parent.title}' stands inside a quote or behind another list mark, where sub-tasks cannot be "
            f"put; write them by hand. {_NOTHING}"
        )
    indent = lead["indent"] + _deeper(spec, parent, lines, lead)
    bullet = lead["bullet"] if lead["bullet"] in "-*+" else "-"
    star = "*" if parent.optional else ""
    story = f"[{parent.story}] " if parent.story else ""
    dot = "." if _ids_end_with_a_dot(spec, lines) and parent.id and parent.id[0] != "T" else ""
    refs = [each.strip() for each in _own(parent, lines) if read_refs_line(each) is not None]
    checks = [each.strip() for each in _own(parent, lines) if isinstance(read_check_line(each), TaskCheck)]
    block = []
    for number, (task_id, title) in enumerate(zip(ids, titles, strict=True), start=1):
        name = "" if task_id is None else f"{task_id}{dot} "
        block.append(f"{indent}{bullet} [ ]{star} {name}{story}{title}")
        inner = f"{indent}  "
        block += [f"{inner}{each}" for each in (*refs, *(checks[:1] if number == len(titles) else ()))]
    return block


def _own(parent: SpecTask, lines: Sequence[str]) -> Iterator[str]:
    return (each.rstrip("\r\n") for each in lines[parent.line + 1 : parent.end_line])


def _deeper(spec: Spec, parent: SpecTask, lines: Sequence[str], lead: re.Match[str]) -> str:
    """How much further than the task its sub-tasks are indented: as others in the file, else as its own text."""
    for child in sorted(spec.tasks, key=lambda each: each.parent != parent.index):
        if child.parent is None or spec.tasks[child.parent].depth != parent.depth:
            continue
        above = _LEAD.match(lines[spec.tasks[child.parent].line].removeprefix("\ufeff"))
        own = _LEAD.match(lines[child.line])
        if above and own and own["indent"].startswith(above["indent"]):
            return own["indent"][len(above["indent"]) :]
    return " " * len(lead["bullet"] + lead["gap"])


def _ids_end_with_a_dot(spec: Spec, lines: Sequence[str]) -> bool:
    dotted = [each for each in spec.tasks if each.id and "." in each.id]
    return 2 * sum(f"{each.id}." in lines[each.line] for each in dotted) > len(dotted)


def _line_end(lines: Sequence[str], number: int, spec: Spec) -> str:
    line = lines[number]
    return line[len(line.rstrip("\r\n")) :] or {"lf": "\n", "crlf": "\r\n", "cr": "\r"}[spec.line_end]


def _check(spec: Spec, parent: SpecTask, after: Spec, wanted: Sequence[tuple[str | None, str]]) -> None:
    """Raises SpecEditRefused unless ``after`` is ``spec`` with just these tasks more, below ``parent``."""
    known = {_name(each) for each in spec.tasks}
    new = [each for each in after.tasks if _name(each) not in known]
    old = [each for each in after.tasks if _name(each) in known]
    same = [_facts(spec, each) for each in spec.tasks] == [_facts(after, each) for each in old]
    above = next((each for each in old if each.line == parent.line), None)
    placed = above is not None and all(
        (each.parent, each.state, each.optional, each.refs) == (above.index, "todo", parent.optional, parent.refs)
        for each in new
    )
    named = [_name(each) for each in new] == list(wanted)
    if not (same and placed and named and after.format == spec.format):
        raise SpecEditRefused(
            f"With these sub-tasks below '{parent.title}' the file would not read as meant; write them by hand. "
            f"{_NOTHING}"
        )


def _name(task: SpecTask) -> tuple[str | None, str]:
    return task.id, task.title


def _facts(spec: Spec, task: SpecTask) -> tuple[object, ...]:
    above = None if task.parent is None else _name(spec.tasks[task.parent])
    return (_name(task), task.mark, task.optional, task.refs, task.check, task.priority, task.depth, above)


_NOTHING = "Nothing was changed."
