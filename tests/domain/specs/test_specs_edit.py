"""Ticks, addresses and the choice of what to run."""

from __future__ import annotations

import hashlib
from textwrap import dedent

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_specs_parse import spec_like_texts

from bursar.domain.specs import (
    SpecEditRefused,
    SpecTask,
    SpecUnreadable,
    TaskAmbiguous,
    TaskNotFound,
    TaskState,
    address_of,
    find_task,
    open_tasks,
    parse_spec,
    tick,
    tick_edit,
    title_sha256,
)


def task_at(text: str, address: str) -> SpecTask:
    task = find_task(parse_spec(text), address)
    assert isinstance(task, SpecTask)
    return task


@pytest.mark.parametrize(
    ("before", "state", "after"),
    [
        ("- [ ] 1. a", "done", "- [x] 1. a"),
        ("- [ ] 1. a", "in_progress", "- [-] 1. a"),
        ("- [ ] 1. a", "queued", "- [~] 1. a"),
        ("- [x] 1. a", "todo", "- [ ] 1. a"),
        ("- [ ]* 1. a", "done", "- [x]* 1. a"),
        ("- [!] 1. a", "done", "- [x] 1. a"),
        ("- [X] 1. a", "done", "- [X] 1. a"),
        ("- [ ] 1. a\n- [X] 2. b", "done", "- [X] 1. a\n- [X] 2. b"),
        ("- [ ] 1. a\n- [X] 2. b\n- [x] 3. c", "done", "- [x] 1. a\n- [X] 2. b\n- [x] 3. c"),
        ("- [ ] T001 a\n- [X] T002 b\n- [X] T003 c\n- [x] T004 d", "done", "- [X] T001 a"),
        ("- [-] T001 a", "done", "- [x] T001 a"),
        ("1. [ ] a", "done", "1. [x] a"),
        ("\ufeff- [ ] 1. ä😀\r\n", "done", "\ufeff- [x] 1. ä😀\r\n"),
    ],
)
def test_tick_the_first_task(before: str, state: TaskState, after: str) -> None:
    task = parse_spec(before).tasks[0]
    ticked = tick(before, task, state)
    assert ticked.startswith(after)
    assert len(ticked) == len(before)
    assert tick(before.encode(), task, state) == ticked.encode()


@pytest.mark.parametrize("state", ["queued", "in_progress", "other"])
def test_spec_kit_has_two_states(state: TaskState) -> None:
    text = "- [ ] T001 a"
    with pytest.raises(SpecEditRefused, match=f"spec-kit spec has no mark for the state '{state}'.*todo or done"):
        tick(text, task_at(text, "T001"), state)


def test_a_path_that_made_it_spec_kit_makes_the_tick_so() -> None:
    text, path = "- [ ] a", "specs/001-a/tasks.md"
    task = parse_spec(text, path_hint=path).tasks[0]
    with pytest.raises(SpecEditRefused):
        tick(text, task, "in_progress", path_hint=path)


@pytest.mark.parametrize("now", ["", "- [ ] 1. other", "\n- [ ] 1. a", "- [ ] 2. a", "# 1. a"])
def test_a_task_that_is_no_longer_there_is_not_ticked(now: str) -> None:
    with pytest.raises(SpecEditRefused, match="Line 1 no longer holds the task 'a'; nothing was changed"):
        tick(now, task_at("- [ ] 1. a", "1"))


def test_ticking_with_the_task_of_an_earlier_parse() -> None:
    text = "- [ ] 1. a\n- [ ] 2. b\n"
    first, second = parse_spec(text).tasks
    ticked = tick(tick(text, first), second)
    assert ticked == "- [x] 1. a\n- [x] 2. b\n"
    assert tick(tick(ticked, first), second) == ticked


def test_bytes_that_are_no_text_are_not_ticked() -> None:
    with pytest.raises(SpecUnreadable):
        tick(b"- [ ] 1. a\n\xff", task_at("- [ ] 1. a", "1"))


def test_an_edit_of_nothing_is_an_edit_to_the_same_mark() -> None:
    edit = tick_edit("- [X] 1. a", task_at("- [X] 1. a", "1"))
    assert (edit.line, edit.start_character, edit.end_character, edit.new_text) == (0, 3, 4, "X")


@settings(max_examples=300, deadline=None)
@given(text=spec_like_texts, data=st.data())
def test_a_tick_changes_at_most_the_mark_and_is_stable(text: str, data: st.DataObject) -> None:
    spec = parse_spec(text)
    assume(spec.tasks)
    task = data.draw(st.sampled_from(spec.tasks))
    states: list[TaskState] = ["todo", "done"]
    state = data.draw(st.sampled_from(states))
    ticked = tick(text, task, state)
    assert len(ticked) == len(text)
    changed = [index for index, (old, new) in enumerate(zip(text, ticked, strict=True)) if old != new]
    assert len(changed) <= 1
    assert all(text[index - 1] == "[" and text[index + 1] == "]" for index in changed)
    # A mark can make one line something else ("- [x]: a" defines a link, "- [ ]: a" does not), never for a task line.
    after = parse_spec(ticked).tasks[task.index]
    assert (after.line, after.title, after.state) == (task.line, task.title, state)
    assert tick(ticked, after, state) == ticked
    assert tick(ticked, task, state) == ticked


SPEC = parse_spec("- [ ] 1. a\n- [x] 2. b\n\n- [ ] 2. c\n- [ ] d\n")


@pytest.mark.parametrize(
    ("address", "line"), [("1", 0), (" 1 ", 0), ("@1", 0), ("@2", 1), ("@4", 3), ("@5", 4), ("@005", 4)]
)
def test_find(address: str, line: int) -> None:
    found = find_task(SPEC, address)
    assert isinstance(found, SpecTask)
    assert found.line == line


@pytest.mark.parametrize("address", ["3", "@3", "@0", "@99", "@-1", "@", "", "@9999999999", "a", "1.", "@١"])
def test_not_found(address: str) -> None:
    found = find_task(SPEC, address)
    assert isinstance(found, TaskNotFound)
    assert "1, @2, @4, @5" in found.message


def test_not_found_where_there_is_nothing() -> None:
    found = find_task(parse_spec(""), "1")
    assert isinstance(found, TaskNotFound)
    assert found.message == "There is no task '1'; the file has no tasks at all."


def test_ambiguous() -> None:
    found = find_task(SPEC, "2")
    assert isinstance(found, TaskAmbiguous)
    assert found.choices == ("@2", "@4")
    assert found.message == "The id 2 stands for 2 tasks; choose one of @2, @4."


def test_address_of() -> None:
    assert [address_of(SPEC, task) for task in SPEC.tasks] == ["1", "@2", "@4", "@5"]


def test_title_digest() -> None:
    task = task_at("- [ ] 1. Größe 😀", "1")
    assert title_sha256(task) == hashlib.sha256("Größe 😀".encode()).hexdigest()
    assert title_sha256(task_at("- [x] 2. Größe 😀", "2")) == title_sha256(task)
    assert len(title_sha256(task_at("- [ ] 1. \ud83d", "1"))) == 64


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", []),
        ("- [ ] 1. a\n- [x] 2. b\n- [-] 3. c\n- [~] 4. d\n- [!] 5. e", ["1", "3", "4"]),
        ("- [ ] 1. a\n- [ ] 1.1 b\n- [ ] 1.2 c", ["1.1", "1.2"]),
        ("- [ ] 1. a\n- [x] 1.1 b\n- [x] 1.2 c", ["1"]),
        ("- [x] 1. a\n- [ ] 1.1 b", ["1.1"]),
        ("- [ ] 1. a\n- [ ]* 1.1 b\n- [ ] 2. c", ["1", "2", "1.1"]),
        ("- [ ] 1. a\n- [x] 1.1 b\n- [ ] 1.1.1 c", ["1.1.1"]),
        ("- [ ] a\n  - [ ] b", ["@2"]),
        ("- [-] T001 a\n- [ ] T002 b", ["T002"]),
    ],
)
def test_open_tasks(text: str, addresses: list[str]) -> None:
    spec = parse_spec(dedent(text))
    assert [address_of(spec, task) for task in open_tasks(spec)] == addresses


def test_a_parent_cycle_cannot_hang_the_choice() -> None:
    # By id the first is the parent of the second, and by place the other way round is impossible: parents come first.
    spec = parse_spec("- [ ] 1.1 a\n  - [ ] 1. b\n  - [ ] 1.1.1 c")
    assert [task.parent for task in spec.tasks] == [None, 0, 0]
    assert [task.id for task in open_tasks(spec)] == ["1", "1.1.1"]
