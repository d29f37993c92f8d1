"""The order in which open tasks are run: the file's own dependency graph first, then the file."""

from __future__ import annotations

import json

import pytest
from spec_corpus import CORPUS

from bursar.domain.specs import open_tasks, parse_spec

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
