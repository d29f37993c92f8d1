"""Requirements that no task names, and tasks that name no requirement; only where a spec names them at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.company import folder_of
from bursar.domain.rules.lines import lines_of
from bursar.domain.rules.rule import Example, Found, Place, Reading, Rule, Surroundings
from bursar.domain.specs import Spec, SpecTask, parse_spec

LEAST_NAMED = 3
LEAST_PERCENT = 60
_WORD = r"(?:requirement|req|requisito|exigence|anforderung|требование|要件|要求|需求|요구\s?사항)"
_HEADING = re.compile(rf"(?i)[ ]{{0,3}}#{{1,6}}[ \t]+{_WORD}[ \t]*#?(?P<id>(?:[A-Z]{{1,4}}-?)?\d+)(?![\d.])")
_BOLD = re.compile(r"[ \t]*[-*+][ \t]+\*\*(?P<id>(?:FR|NFR|REQ|SC|R)-?\d+[a-z]?)\*\*[:：]?")
_LIST_ID = re.compile(r"(?P<id>(?:FR|NFR|REQ|R)-?\d+[a-z]?)")
_RANGE = re.compile(r"\s?[-–~〜]\s?(?=\d)")
_ALL = re.compile(r"(?i)\ball\b|全部|すべて|全て|todos|todas|alle|tous|모든|各")
_NO_REQUIREMENT = re.compile(
    r"(?i)checkpoint|check point|检查点|チェックポイント|punto de control|verif|validat|setup|set up|initiali[sz]e"
    r"|scaffold|final|clean ?up|review|document|readme|release|commit|regression|tests? (?:still )?pass|run all"
)
_NOT_YET = re.compile(r"(?i)backlog|future|later|optional|nice to have|out of scope|可选|未来|后续")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A requirement with its id and where it is."""

    id: str
    line: int
    character: int
    end_character: int


def check_uncovered(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """Requirements of this document that no task of its spec names."""
    if file.kind not in ("requirements", "spec"):
        return
    requirements = requirements_in(file)
    tasks = _tasks_beside(file, around) if requirements else None
    if tasks is None:
        return
    spec = parse_spec(tasks.text, path_hint=tasks.path)
    named = _named(spec)
    ids = {each.id.casefold() for each in requirements}
    if named is None or len(named & ids) < min(LEAST_NAMED, len(ids)) or len(named & ids) * 100 < len(ids) * 50:
        return
    for each in requirements:
        if each.id.casefold() not in named:
            yield Found(
                line=each.line,
                character=each.character,
                end_line=each.line,
                end_character=each.end_character,
                code="uncovered-requirement",
                message=(
                    f"No task in {tasks.path} names requirement {each.id}, so nobody will build it: add a task for it, "
                    "or its id to the task that does it"
                ),
                related=(Place(path=tasks.path, line=0, message="the tasks of this spec"),),
            )


def check_tasks(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """Open tasks that name no requirement, in a tasks file where most do."""
    if file.kind != "tasks":
        return
    spec = parse_spec(file.text, path_hint=file.path)
    parents = {each.parent for each in spec.tasks}
    leaves = [each for each in spec.tasks if each.index not in parents]
    bare = [each for each in leaves if not _has_refs(spec, each)]
    if len(leaves) - len(bare) < LEAST_NAMED or (len(leaves) - len(bare)) * 100 < len(leaves) * LEAST_PERCENT:
        return
    lines = lines_of(file).lines
    for each in bare:
        if not each.is_open or each.optional or _NO_REQUIREMENT.search(each.title):
            continue
        if each.section is not None and _NOT_YET.search(each.section):
            continue
        line = lines[each.line]
        address = f"Task {each.id}" if each.id else "This task"
        yield Found(
            line=each.line,
            character=len(line) - len(line.lstrip("\ufeff \t")),
            end_line=each.line,
            end_character=len(line.rstrip()),
            code="task-without-requirement",
            message=(
                f"{address} names no requirement, as {len(leaves) - len(bare)} of the {len(leaves)} tasks here do: add "
                "`_Requirements: .._`, so that the agent knows what it is for, or remove the task"
            ),
        )


def requirements_in(file: InstructionFile) -> list[Requirement]:
    """The requirements of a document, by headings (``Requirement 3``) or bold ids (``**FR-003**``)."""
    found = []
    for at, line in lines_of(file).prose:
        match = _HEADING.match(line) or _BOLD.match(line)
        if match:
            start = len(line) - len(line.lstrip())
            end = len(line.rstrip()) if line.lstrip().startswith("#") else match.end()
            found.append(Requirement(id=match["id"], line=at, character=start, end_character=end))
    ids = [each.id.casefold() for each in found]
    return [each for at, each in enumerate(found) if each.id.casefold() not in ids[:at]]


def _tasks_beside(file: InstructionFile, around: Surroundings) -> InstructionFile | None:
    folder = folder_of(file.path)
    return next((each for each in around.files() if each.kind == "tasks" and folder_of(each.path) == folder), None)


def _named(spec: Spec) -> frozenset[str] | None:
    """The ids that tasks name, each with those it is a part of; None where a task names all in words."""
    named: set[str] = set()
    for task in spec.tasks:
        if any(_ALL.search(raw) for raw in (*task.refs_raw, *task.validates_raw)):
            return None
        for ref in (*task.refs, *task.validates):
            named |= _with_parts(ref.casefold())
        named |= {match["id"].casefold() for match in _LIST_ID.finditer(task.title)}
    return frozenset(named)


def _with_parts(ref: str) -> set[str]:
    first, *rest = _RANGE.split(ref, maxsplit=1)
    ids = {first, first.split(".")[0]}
    if rest and first.split(".")[0].isdecimal() and rest[0].split(".")[0].isdecimal():
        if "." in first:
            ids.add(rest[0].split(".")[0])
        else:
            ids |= {str(each) for each in range(int(first), min(int(rest[0]), int(first) + 200) + 1)}
    return ids


def _has_refs(spec: Spec, task: SpecTask) -> bool:
    """Whether the task or one that it is a part of names a requirement."""
    at: SpecTask | None = task
    while at is not None:
        if at.refs or at.validates or at.refs_raw or at.validates_raw or _LIST_ID.search(at.title):
            return True
        at = None if at.parent is None else spec.tasks[at.parent]
    return False


_REQUIREMENTS = (
    "# Requirements\n\n### Requirement 1: Rates\n\n1. THE system SHALL keep rates.\n\n### Requirement 2: History\n\n"
    "1. THE system SHALL keep old rates.\n\n### Requirement 3: Export\n\n1. THE system SHALL write CSV.\n\n"
    "### Requirement 4: Login\n\n1. THE system SHALL ask who it is.\n"
)
_TASKS = (
    "# Tasks\n\n- [ ] 1. Keep rates\n  - _Requirements: 1.1_\n- [ ] 2. Keep old rates\n  - _Requirements: 2.1_\n"
    "- [ ] 3. Write CSV\n  - _Requirements: 3.1_\n"
)
_FOLDER = ".kiro/specs/rates"

UNCOVERED_REQUIREMENT = Rule(
    code="uncovered-requirement",
    title="A requirement without a task",
    severity="warning",
    scope="workspace",
    finds=(
        "Requirements (headings such as `Requirement 4`, or `**FR-004**`) that no task of the `tasks.md` beside them "
        "names, where tasks name at least half of them. Not found where a task names all of them in words."
    ),
    why="Agents work through the tasks: what none of them names is not built, which is seen when all else is paid.",
    remedy="Add a task for the requirement, or its id to the `_Requirements: .._` line of the task that does it.",
    bad=Example(files=((f"{_FOLDER}/requirements.md", _REQUIREMENTS), (f"{_FOLDER}/tasks.md", _TASKS))),
    good=Example(
        files=(
            (f"{_FOLDER}/requirements.md", _REQUIREMENTS),
            (f"{_FOLDER}/tasks.md", f"{_TASKS}- [ ] 4. Ask who it is\n  - _Requirements: 4.1_\n"),
        )
    ),
    reading=Reading(
        read=6,
        right=6,
        on="2026-11-21",
        note="These are all there were.",
    ),
    check=check_uncovered,
)

TASK_WITHOUT_REQUIREMENT = Rule(
    code="task-without-requirement",
    title="A task without a requirement",
    severity="information",
    scope="file",
    finds=(
        f"Open tasks that name no requirement, and whose parents name none, where {LEAST_PERCENT} % of the tasks of "
        "the file do. Not found: optional tasks, and those that stand for no requirement by their title "
        "(checkpoints, set-up, documentation, a last test run) or their section (a backlog)."
    ),
    why="The agent gets the task without what it is for, and builds more, or other things, than were asked for.",
    remedy="Add a `_Requirements: .._` line to the task, or remove it.",
    bad=Example(files=((f"{_FOLDER}/tasks.md", f"{_TASKS}- [ ] 4. Add a dark mode\n  - Two themes\n"),)),
    good=Example(files=((f"{_FOLDER}/tasks.md", f"{_TASKS}- [ ] 4. Ask who it is\n  - _Requirements: 4.1_\n"),)),
    reading=Reading(
        read=3,
        right=3,
        on="2026-11-21",
        note=(
            "The corpus has none among its open tasks; these are done ones, read as if they were open. All there were."
        ),
    ),
    check=check_tasks,
)
