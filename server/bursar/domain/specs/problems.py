"""What is odd about a spec, said so that its author can act on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bursar.domain.specs.grammar import (
    has_empty_checkbox,
    has_id_before_checkbox,
    read_check_line,
    read_priority_line,
    read_task_line,
)
from bursar.domain.specs.locate import Outline
from bursar.domain.specs.model import Heading, SpecProblem, SpecTask


def find_problems(
    lines: Sequence[str], outline: Outline, tasks: Sequence[SpecTask], headings: Sequence[Heading]
) -> tuple[SpecProblem, ...]:
    """The problems of a spec in the order of their lines."""
    if not any(line.strip() for line in lines):
        return (
            SpecProblem(line=0, code="empty", message="This tasks.md is empty; write a task such as '- [ ] 1. Title'."),
        )
    problems = [
        *_odd_items(lines, outline),
        *_checkboxes_in_headings(headings),
        *_checkboxes_in_code(lines, outline),
        *_unreadable_checks(lines),
        *_unreadable_priorities(lines),
        *_repeated_ids(tasks),
        *_odd_tasks(tasks),
        *_parents_ahead_of_children(tasks),
    ]
    if not tasks:
        message = "There is no task here; a task is a list item that begins with a checkbox, such as '- [ ] 1. Title'."
        problems.append(SpecProblem(line=0, code="no-tasks", message=message))
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.code)))


def _odd_items(lines: Sequence[str], outline: Outline) -> Iterator[SpecProblem]:
    for item in outline.items:
        line = lines[item.line]
        if has_empty_checkbox(line):
            message = "This checkbox does not hold exactly one character, so it is no task; write '[ ]' or '[x]'."
            yield SpecProblem(line=item.line, code="malformed-checkbox", message=message)
        elif has_id_before_checkbox(line) and read_task_line(line) is None:
            message = "The number stands before the checkbox, so this is no task; write '- [ ] 1. Title'."
            yield SpecProblem(line=item.line, code="id-before-checkbox", message=message)


def _checkboxes_in_headings(headings: Sequence[Heading]) -> Iterator[SpecProblem]:
    for heading in headings:
        if read_task_line(heading.title) or read_task_line(f"- {heading.title}"):
            message = "This checkbox stands in a heading, so it is no task; make the line a list item to run it."
            yield SpecProblem(line=heading.line, code="checkbox-in-heading", message=message)


def _checkboxes_in_code(lines: Sequence[str], outline: Outline) -> Iterator[SpecProblem]:
    for start, end in outline.indented_code:
        for number in range(start, end):
            if read_task_line(lines[number]) is not None:
                message = (
                    "This checkbox is indented so far that it is code and no task; indent it by two spaces a level."
                )
                yield SpecProblem(line=number, code="checkbox-in-code", message=message)
                break
    for start, end, markup in outline.fences:
        is_closed = end > start + 1 and lines[end - 1].strip(" \t>").startswith(markup)
        count = sum(read_task_line(line) is not None for line in lines[start:end])
        if not is_closed and count:
            message = f"This code block is never closed and swallows {count} checkbox lines; close it with '{markup}'."
            yield SpecProblem(line=start, code="unclosed-fence", message=message)
    if outline.deepest_line is not None:
        message = "Lists are nested too deep from here on and are not read; use fewer levels."
        yield SpecProblem(line=outline.deepest_line, code="too-deep", message=message)


def _unreadable_checks(lines: Sequence[str]) -> Iterator[SpecProblem]:
    for number, line in enumerate(lines):
        if read_check_line(line) == "unreadable":
            message = (
                "This check cannot be read, so it is not run; write it as '_Check: `pytest -q tests`_' or "
                "'_Check: requirement 1.2_'."
            )
            yield SpecProblem(line=number, code="unreadable-check", message=message)


def _unreadable_priorities(lines: Sequence[str]) -> Iterator[SpecProblem]:
    for number, line in enumerate(lines):
        if read_priority_line(line) == "unreadable":
            message = "This priority is none, so the task keeps its place; write '_Priority: high_', normal or low."
            yield SpecProblem(line=number, code="unreadable-priority", message=message)


def _repeated_ids(tasks: Sequence[SpecTask]) -> Iterator[SpecProblem]:
    first: dict[str, SpecTask] = {}
    for task in tasks:
        if task.id is None:
            continue
        earlier = first.setdefault(task.id, task)
        if earlier is not task:
            message = (
                f"The id {task.id} is already used on line {earlier.line + 1}; "
                f"address this task as @{task.line + 1}, or give it an id of its own."
            )
            yield SpecProblem(line=task.line, code="duplicate-id", message=message)


def _odd_tasks(tasks: Sequence[SpecTask]) -> Iterator[SpecProblem]:
    ids_are_used = any(task.id is not None for task in tasks)
    for task in tasks:
        if not task.title:
            message = "This task has no title, so an agent would not know what to do; write one after the checkbox."
            yield SpecProblem(line=task.line, code="empty-title", message=message)
        if task.id is None and ids_are_used:
            message = f"This task has no id; address it as @{task.line + 1}, or number it like the others."
            yield SpecProblem(line=task.line, code="missing-id", message=message)
        if task.state == "other":
            message = (
                f"The mark '{task.mark}' has no fixed meaning here, so the task is not run; write '[ ]' to have it run."
            )
            yield SpecProblem(line=task.line, code="unknown-mark", message=message)


def _parents_ahead_of_children(tasks: Sequence[SpecTask]) -> Iterator[SpecProblem]:
    open_children: dict[int, SpecTask] = {}
    for task in tasks:
        if task.parent is not None and task.is_open and not task.optional:
            open_children.setdefault(task.parent, task)
    for index, child in open_children.items():
        parent = tasks[index]
        if parent.state == "done":
            message = (
                f"This task is marked done, but its task on line {child.line + 1} is not; "
                "finish that one or set this mark back to '[ ]'."
            )
            yield SpecProblem(line=parent.line, code="parent-done-child-open", message=message)
