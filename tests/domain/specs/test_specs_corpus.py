"""Every real spec is read as its expected.json says, and a tick changes its mark and nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from spec_corpus import CASES, CORPUS, Case

from bursar.domain.specs import (
    SpecTask,
    TaskAmbiguous,
    TaskState,
    address_of,
    decode_spec,
    find_task,
    parse_spec,
    spec_to_json,
    tick,
    tick_edit,
)
from bursar.domain.text import split_lines_keeping_ends

FIELDS: dict[str, Callable[[SpecTask], Any]] = {
    "index": lambda task: task.index,
    "id": lambda task: task.id,
    "title": lambda task: task.title,
    "mark": lambda task: task.mark,
    "state": lambda task: task.state,
    "optional": lambda task: task.optional,
    "depth": lambda task: task.depth,
    "line": lambda task: task.line,
    "parent": lambda task: task.parent_by_indent,
    "parent_by_id": lambda task: task.parent_by_id,
    "refs": lambda task: list(task.refs),
    "refs_raw": lambda task: list(task.refs_raw),
    "refs_ambiguous": lambda task: task.refs_free_text,
    "validates": lambda task: list(task.validates),
    "validates_raw": lambda task: list(task.validates_raw),
    "parallel": lambda task: task.parallel,
    "story": lambda task: task.story,
    "section": lambda task: task.section,
}

# The notes of the expected.json files call these readings open; each line names the one other value that is fair.
_SENZING = "kiro/docktermj__senzing-bootcamp-kiro-powers__"
OTHER_READINGS: dict[tuple[str, int, str], Any] = {
    (f"{_SENZING}bootcamp-consistency-fixes", 367, "parent_by_id"): "the parent by indentation",
    (f"{_SENZING}script-test-suite", 39, "id"): "7.1",
    (f"{_SENZING}script-test-suite", 40, "id"): "7.2",
    (f"{_SENZING}script-test-suite", 41, "id"): "7.3",
    ("kiro/gotalab__cc-sdd__customer-support-rag-backend-en", 201, "optional"): False,
    ("kiro/gotalab__cc-sdd__customer-support-rag-backend-ja", 201, "optional"): False,
    ("kiro/yeemio__owlclaw__workflow-closed-loop", 109, "id"): "6",
    ("kiro/yeemio__owlclaw__workflow-closed-loop", 109, "title"): "个窗口全部进入同一套文件协议主链",
}

every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def test_the_corpus_is_whole() -> None:
    assert Counter(case.expected["format"] for case in CASES) == {"kiro": 32, "speckit": 10}
    assert sum(len(case.tasks) for case in CASES) == 2366
    assert {field for case in CASES for task in case.tasks for field in task} == set(FIELDS)


def test_the_corpus_has_its_licences() -> None:
    sources = [line.split(" | ") for line in (CORPUS / "README.md").read_text().splitlines() if line.startswith("| ")]
    repositories = {cells[1] for cells in sources if cells[0].startswith(("| kiro/", "| prompts/", "| speckit/"))}
    licences = {path.name.removesuffix("__LICENSE") for path in (CORPUS / "LICENSES").iterdir()}
    assert {repository.replace("/", "__") for repository in repositories} == licences
    named = {cells[0].removeprefix("| ") for cells in sources}
    stored = {str(path.relative_to(CORPUS)) for top in ("kiro", "prompts", "speckit") for path in files_below(top)}
    assert stored <= named


@every_case
def test_bytes_are_those_that_were_described(case: Case) -> None:
    assert len(case.data) == case.expected["bytes"]
    crlf = case.data.count(b"\r\n")
    ends = {"lf": case.data.count(b"\n") - crlf, "crlf": crlf, "cr": case.data.count(b"\r") - crlf}
    assert ends == case.expected["eol"]


@every_case
def test_every_field_of_every_task(case: Case) -> None:
    spec = parse_spec(decode_spec(case.data))
    assert len(spec.tasks) == len(case.tasks)
    wrong = []
    for task, expected in zip(spec.tasks, case.tasks, strict=True):
        for field, read in FIELDS.items():
            want = expected.get(field, False) if field == "refs_ambiguous" else expected[field]
            accepted = [want]
            if (key := (case.name, task.line, field)) in OTHER_READINGS:
                other = OTHER_READINGS[key]
                accepted.append(expected["parent"] if other == "the parent by indentation" else other)
            if read(task) not in accepted:
                wrong.append((task.line, field, read(task), accepted))
    assert wrong == []


@every_case
def test_the_file_as_a_whole(case: Case) -> None:
    spec = parse_spec(decode_spec(case.data))
    expected = case.expected
    assert (spec.has_bom, spec.has_final_newline) == (expected["bom"], expected["final_newline"])
    assert spec.line_end == max(expected["eol"], key=expected["eol"].__getitem__)
    counts = Counter(task.state for task in spec.tasks)
    states: tuple[TaskState, ...] = ("todo", "queued", "in_progress", "done", "other")
    assert {state: counts[state] for state in states} == {state: expected["counts"][state] for state in states}


# Five checkboxes without ids, refs or other marks: nothing in it is of one format more than of the other.
EVEN = {"kiro/yeemio__owlclaw__workflow-closed-loop"}


@every_case
def test_the_format_follows_from_the_content(case: Case) -> None:
    wrong_path = "specs/001-a/tasks.md" if case.expected["format"] == "kiro" else ".kiro/specs/a/tasks.md"
    for path in ("", "/home/user/notes/tasks.md"):
        assert parse_spec(case.text, path_hint=path).format == case.expected["format"]
    assert (parse_spec(case.text, path_hint=wrong_path).format == case.expected["format"]) == (case.name not in EVEN)


@every_case
def test_the_published_json(case: Case) -> None:
    shown = spec_to_json(parse_spec(case.text))
    assert list(shown) == ["format", "tasks", "problems"]
    for task, expected in zip(shown["tasks"], case.tasks, strict=True):
        by_id = expected["parent_by_id"]
        assert task["parent"] == (expected["parent"] if by_id is None else by_id)
        names = ("id", "title", "state", "optional", "depth", "line", "refs", "parallel")
        assert {name: task[name] for name in names} == {name: expected[name] for name in names}
        assert len(task) == len(names) + 1


@every_case
def test_ticking_any_task_changes_its_mark_only(case: Case) -> None:
    spec = parse_spec(case.text)
    used = Counter(expected["mark"] for expected in case.tasks)
    marks = {"todo": b" ", "done": b"X" if used["X"] > used["x"] else b"x"}
    for expected in case.tasks:
        task = find_task(spec, f"@{expected['line'] + 1}")
        assert isinstance(task, SpecTask)
        by_id = find_task(spec, expected["id"] or address_of(spec, task))
        assert by_id == task or (isinstance(by_id, TaskAmbiguous) and address_of(spec, task) in by_id.choices)
        assert find_task(spec, address_of(spec, task)) == task

        at = case.mark_offset(expected)
        for state in ("todo", "done"):
            mark = expected["mark"].encode() if expected["state"] == state else marks[state]
            wanted = case.data[:at] + mark + case.data[at + 1 :]
            assert tick(case.data, task, state) == wanted


@every_case
def test_the_ticked_file_reads_back(case: Case) -> None:
    before = parse_spec(case.text)
    for task in {before.tasks[0], before.tasks[len(before.tasks) // 2], before.tasks[-1]}:
        state: TaskState = "todo" if task.state == "done" else "done"
        ticked = tick(case.text, task, state)
        after = parse_spec(ticked)
        assert after.tasks[task.index].state == state
        others = [(other.index, other.mark, other.title, other.refs) for other in before.tasks if other != task]
        assert others == [(o.index, o.mark, o.title, o.refs) for o in after.tasks if o.index != task.index]
        assert tick(ticked, after.tasks[task.index], state) == ticked


@every_case
def test_an_edit_in_characters_is_the_same_tick(case: Case) -> None:
    for task in parse_spec(case.text).tasks[:: max(1, len(case.tasks) // 4)]:
        edit = tick_edit(case.text, task, "todo")
        lines = split_lines_keeping_ends(case.text)
        line = lines[edit.line]
        lines[edit.line] = line[: edit.start_character] + edit.new_text + line[edit.end_character :]
        assert "".join(lines).encode() == tick(case.data, task, "todo")


@every_case
def test_blocks_do_not_overlap(case: Case) -> None:
    spec = parse_spec(case.text)
    bounds = [task.line for task in spec.tasks[1:]] + [spec.line_count]
    for task, bound in zip(spec.tasks, bounds, strict=True):
        assert task.line < task.end_line <= bound
        assert not any(task.line < heading.line < task.end_line for heading in spec.headings)


def test_vendored_files_keep_their_bytes() -> None:
    # One CRLF file, one with a byte order mark, one with lone carriage returns: a conversion on checkout would show.
    digests = {case.name.rpartition("__")[2]: hashlib.sha256(case.data).hexdigest()[:16] for case in CASES}
    assert digests["ci-helper-cli"] == "60b4410a1c91e197"
    assert digests["102-00-moqui-test-coverage-hardening"] == "56c3daeeff5e7158"
    assert digests["governance"] == "7047fe9cf23a8f62"


def files_below(top: str) -> list[Any]:
    return [path for path in (CORPUS / top).rglob("*") if path.is_file() and path.name != "expected.json"]
