"""``bursar spec show`` and ``bursar spec tick``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from bursar.commandline.output import FINE, result, result_json
from bursar.domain.errors import BadInput, Refused
from bursar.domain.ports import EditPlan, ToolRefused
from bursar.domain.specs import (
    Spec,
    SpecEditRefused,
    SpecTask,
    SpecUnreadable,
    TaskAmbiguous,
    TaskNotFound,
    address_of,
    decode_spec,
    find_task,
    parse_spec,
    spec_to_json,
    tick,
)
from bursar.runs.prepare import sha256_bytes
from bursar.wiring import App, workspace_root


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSpec:
    """A tasks file as read from the disk: ``path`` is relative to ``root`` with forward slashes."""

    root: Path
    path: str
    data: bytes
    text: str
    spec: Spec


def open_spec(app: App, given: str) -> OpenedSpec:
    """Read a tasks file, or the one in a folder. Raises BadInput for what is missing, unreadable or no text."""
    path = Path(given)
    if path.is_dir():
        path = path / "tasks.md"
    if not path.exists():
        raise BadInput(f"there is no tasks file at {path}: give the path of a tasks.md or of its folder")
    root = workspace_root(path)
    relative = path.resolve().relative_to(root).as_posix()
    data = app.files(root).read_bytes(relative)
    if isinstance(data, ToolRefused):
        raise BadInput(f"{path}: {data.message}")
    try:
        text = decode_spec(data)
    except SpecUnreadable as error:
        raise BadInput(f"{path}: {error}") from error
    return OpenedSpec(root=root, path=relative, data=data, text=text, spec=parse_spec(text, path_hint=relative))


def pick_task(opened: OpenedSpec, address: str) -> SpecTask:
    """The task at an address. Raises BadInput that lists what could be meant."""
    found = find_task(opened.spec, address)
    if isinstance(found, TaskNotFound):
        known = ", ".join(address_of(opened.spec, each) for each in opened.spec.tasks[:20])
        raise BadInput(f"{opened.path} has no task '{address}': it has {known or 'no tasks at all'}")
    if isinstance(found, TaskAmbiguous):
        raise BadInput(f"'{address}' is not unique in {opened.path}: say which, {', '.join(found.choices)}")
    return found


def show(app: App, args: argparse.Namespace) -> int:
    """Print the spec's tasks."""
    opened = open_spec(app, args.path)
    if args.json:
        result_json(spec_to_json(opened.spec))
        return FINE
    marks = {"todo": " ", "done": "x", "in_progress": "-", "queued": "~", "other": "?"}
    for task in opened.spec.tasks:
        star = "*" if task.optional else " "
        priority = f" ({task.priority})" if task.priority else ""
        result(f"{'  ' * task.depth}[{marks[task.state]}]{star} {address_of(opened.spec, task)} {task.title}{priority}")
    for problem in opened.spec.problems:
        result(f"line {problem.line + 1}: {problem.message} ({problem.code})")
    return FINE


def tick_command(app: App, args: argparse.Namespace) -> int:
    """Set the mark of one task, and nothing else in the file."""
    opened = open_spec(app, args.path)
    task = pick_task(opened, args.task)
    try:
        after = tick(opened.data, task, args.state)
    except SpecEditRefused as error:
        raise BadInput(f"{opened.path}: {error}") from error
    if after != opened.data:
        plan = EditPlan(
            path=opened.path,
            sha256_before=sha256_bytes(opened.data),
            sha256_after=sha256_bytes(after),
            text_after=after.decode("utf-8"),
            in_editor=False,
        )
        refused = app.files(opened.root).apply(plan)
        if refused is not None:
            raise Refused(f"{opened.path}: {refused.message}")
    if args.json:
        result_json({"path": opened.path, "task": args.task, "state": args.state, "changed": after != opened.data})
    else:
        result(f"{opened.path}: task {args.task} is {args.state}" + ("" if after != opened.data else " already"))
    return FINE
