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
from bursar.domain.specs.grammar import TaskCheck
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
from bursar.domain.specs.requirement_tests import is_test_file, requirements_named
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
    "TaskCheck",
    "TaskNotFound",
    "TaskState",
    "address_of",
    "decode_spec",
    "find_task",
    "is_test_file",
    "open_tasks",
    "parse_spec",
    "requirements_named",
    "spec_to_json",
    "tick",
    "tick_edit",
    "title_sha256",
]
