"""Specs: a `tasks.md` of Kiro or spec-kit as values, and the one edit made to it."""

from bursar.domain.specs.address import (
    TaskAmbiguous,
    TaskNotFound,
    address_of,
    find_task,
    open_tasks,
    title_sha256,
)
from bursar.domain.specs.edit import MarkEdit, tick, tick_edit
from bursar.domain.specs.model import (
    Heading,
    Spec,
    SpecEditRefused,
    SpecFormat,
    SpecProblem,
    SpecTask,
    SpecUnreadable,
    TaskState,
)
from bursar.domain.specs.parse import decode_spec, parse_spec
from bursar.domain.specs.spec_view import spec_to_json

__all__ = [
    "Heading",
    "MarkEdit",
    "Spec",
    "SpecEditRefused",
    "SpecFormat",
    "SpecProblem",
    "SpecTask",
    "SpecUnreadable",
    "TaskAmbiguous",
    "TaskNotFound",
    "TaskState",
    "address_of",
    "decode_spec",
    "find_task",
    "open_tasks",
    "parse_spec",
    "spec_to_json",
    "tick",
    "tick_edit",
    "title_sha256",
]
