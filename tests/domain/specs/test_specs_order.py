"""The order in which open tasks are run: the file's own dependency graph first, then the file."""

from __future__ import annotations

import json

import pytest
from spec_corpus import CORPUS

from bursar.domain.specs import find_task, open_tasks, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.domain.specs.order import in_turn, priority_of

TASKS = """\
# Plan

- [ ] 1. Group
  - [ ] 1.1 One
  - [ ] 1.2 Two
- [ ] 2. Checkpoint
- [ ] 3. Group
  - [ ] 3.1 Three
  - [ ]* 3.2 Optional
  - [ ] 3.3 Four
- [ ] 4. Last
"""


def order(graph: str, tasks: str = TASKS) -> list[str | None]:
    return [each.id for each in open_tasks(parse_spec(tasks + graph))]


def graph(*waves: list[str]) -> str:
    body = json.dumps({"waves": [{"id": number, "tasks": each} for number, each in enumerate(waves)]}, indent=2)
    return f"\n## Task Dependency Graph\n\nSome words.\n\n```json\n{body}\n```\n\n## Notes\n"


IN_FILE = ["1.1", "1.2", "2", "3.1", "3.3", "4", "3.2"]


def test_without_a_graph_the_file_is_the_order() -> None:
    assert order("") == IN_FILE


def test_waves_come_before_the_file_and_a_checkpoint_after_all_before_it() -> None:
    assert order(graph(["3.3"], ["1.2", "3.2"], ["1.1"], ["3.1", "4"])) == [
        "3.3",
        "1.2",
        "1.1",
        "2",
        "3.1",
        "4",
        "3.2",
    ]


def test_a_wave_of_parents_is_one_of_what_is_below_them() -> None:
    assert order(graph(["3"], ["1"], ["2"], ["4"])) == ["3.1", "3.3", "1.1", "1.2", "2", "4", "3.2"]


@pytest.mark.parametrize(
    "text",
    [
        "\n## Task Dependency Graph\n\n```json\n{not json\n```\n",
        "\n## Task Dependency Graph\n\n```json\n[1, 2]\n```\n",
        '\n## Task Dependency Graph\n\n```json\n{"waves": {"a": 1}}\n```\n',
        '\n## Task Dependency Graph\n\n```json\n{"waves": [3, {"tasks": "4"}, {"tasks": [4, null]}]}\n```\n',
        '\n## Task Dependency Graph\n\n## Other\n\n```json\n{"waves": [{"tasks": ["4"]}]}\n```\n',
        '\n## Task Dependency Graph\n\n```json\n{"waves": [{"tasks": ["4"]}]}\n',
        "\n## Task Dependency Graph\n\n```json\n" + "[" * 100_000 + "\n```\n",
        graph(["99"], []),
    ],
)
def test_a_graph_that_cannot_be_read_or_names_nobody_changes_nothing(text: str) -> None:
    assert order(text) == IN_FILE


def test_the_graphs_of_real_specs_are_read_and_kept_to() -> None:
    """Each names tasks of its file, and with all marks open no task comes before one of an earlier wave."""
    read = 0
    for path in sorted(CORPUS.glob("*/*/tasks.md")):
        spec = parse_spec(path.read_bytes().decode().replace("[x]", "[ ]"), path_hint=str(path))
        read += bool(spec.waves)
        known = {each.id for each in spec.tasks}
        assert {name for names in spec.waves for name in names} <= known, path
        turn = {name: number for number, names in enumerate(spec.waves) for name in names}
        waves = [turn[each.id] for each in open_tasks(spec) if each.id in turn and not each.optional]
        assert waves == sorted(waves), path
    assert read == 6


def with_priorities(**priorities: str) -> str:
    """The tasks with a priority line below each that is named, as ``t1_2="high"`` names 1.2."""
    lines = []
    for line in TASKS.splitlines():
        lines.append(line)
        for name, value in priorities.items():
            task_id = name.removeprefix("t").replace("_", ".")
            if f"] {task_id} " in line or f"] {task_id}. " in line:
                lines.append(f"{line[: len(line) - len(line.lstrip())]}  - _Priority: {value}_")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("priorities", "waves", "expected"),
    [
        ({}, "", IN_FILE),
        ({"t4": "high"}, "", ["4", "1.1", "1.2", "2", "3.1", "3.3", "3.2"]),
        ({"t1_1": "low"}, "", ["1.2", "2", "3.1", "3.3", "4", "1.1", "3.2"]),
        ({"t3": "high"}, "", ["3.1", "3.3", "1.1", "1.2", "2", "4", "3.2"]),
        ({"t3": "high", "t3_1": "low"}, "", ["3.3", "1.1", "1.2", "2", "4", "3.1", "3.2"]),
        ({"t3": "low", "t3_3": "normal"}, "", ["1.1", "1.2", "2", "3.3", "4", "3.1", "3.2"]),
        ({"t3_2": "high"}, "", IN_FILE),
        ({"t1_1": "normal", "t4": "High"}, "", ["4", "1.1", "1.2", "2", "3.1", "3.3", "3.2"]),
        ({"t4": "urgent"}, "", IN_FILE),
        ({"t4": "high"}, graph(["1", "2"], ["3", "4"]), ["1.1", "1.2", "2", "4", "3.1", "3.3", "3.2"]),
        (
            {"t1_2": "high", "t3_3": "high"},
            graph(["1"], ["2", "3"], ["4"]),
            ["1.2", "1.1", "3.3", "2", "3.1", "4", "3.2"],
        ),
    ],
)
def test_priorities_decide_among_the_tasks_that_are_ready(
    priorities: dict[str, str], waves: str, expected: list[str]
) -> None:
    assert order(waves, with_priorities(**priorities)) == expected


@pytest.mark.parametrize(
    ("first", "priorities", "waves", "expected"),
    [
        (["4"], {}, "", ["4", "1.1", "1.2", "2", "3.1", "3.3"]),
        (["3"], {}, "", ["3.1", "3.3", "1.1", "1.2", "2", "4"]),
        (["4", "2"], {}, "", ["2", "4", "1.1", "1.2", "3.1", "3.3"]),
        (["4"], {"t2": "high", "t4": "low"}, "", ["4", "2", "1.1", "1.2", "3.1", "3.3"]),
        (["4"], {}, graph(["1", "2"], ["3", "4"]), ["1.1", "1.2", "2", "4", "3.1", "3.3"]),
    ],
)
def test_what_is_wanted_first_is_first_among_those_that_are_ready(
    first: list[str], priorities: dict[str, str], waves: str, expected: list[str]
) -> None:
    spec = parse_spec(with_priorities(**priorities) + waves)
    wanted = [find_task(spec, each) for each in first]
    indices = frozenset(each.index for each in wanted if isinstance(each, SpecTask))
    assert len(indices) == len(first)
    required = [each for each in open_tasks(spec) if not each.optional]
    assert [each.id for each in in_turn(spec, required, first=indices)] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("_Priority: high_", "high"),
        ("- _Priority: low_", "low"),
        ("- **Priority:** high", "high"),
        ("- **Priority: High**", "high"),
        ("- *Priority: normal*", "normal"),
        ("- _Priority: 1_", None),
        ("- Priority: high", None),
        ("- Write the _Priority: high_ line", None),
    ],
)
def test_a_priority_is_a_line_of_its_own(line: str, expected: str | None) -> None:
    spec = parse_spec(f"- [ ] 1. a\n  {line}\n")
    assert spec.tasks[0].priority == expected
    assert priority_of(spec, spec.tasks[0]) == (expected or "normal")
    wrong = [each.line for each in spec.problems if each.code == "unreadable-priority"]
    assert wrong == ([1] if "_Priority: 1_" in line else [])
