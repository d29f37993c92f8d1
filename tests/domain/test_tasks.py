"""The table of what a mark and a run say together, whole."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from bursar.domain.runs import RunRecord, RunState
from bursar.domain.specs import Spec, SpecTask, parse_spec
from bursar.domain.specs.model import TaskState
from bursar.domain.tasks import OPEN_RUN, Truth, parents_that_follow, runs_for, truth_of


def run(state: str, *, tick_pending: bool = False) -> RunRecord:
    return RunRecord(
        run="run-1",
        workspace="/w",
        spec="tasks.md",
        task_id="1",
        task_address="1",
        task_title="One",
        task_title_sha256="0",
        task_line=0,
        provider="sim",
        model="m",
        ceiling_pico=None,
        first_request="",
        counted_tokens=1,
        state=state,  # type: ignore[arg-type]
        reason=None,
        detail=None,
        resume_at=None,
        pause_requested=False,
        stop_requested=False,
        tick_pending=tick_pending,
        owner=None,
        owner_alive=False,
        epoch=1,
        created_at="2026-11-21T08:00:00.000Z",
        updated_at="2026-11-21T08:00:00.000Z",
        seconds_run=0.0,
    )


PENDING = "finished, tick pending"
TABLE = {
    ("todo", "none"): Truth(shown="open"),
    ("todo", "running"): Truth(shown="running"),
    ("todo", "paused"): Truth(shown="paused"),
    ("todo", "in_doubt"): Truth(shown="in_doubt"),
    ("todo", PENDING): Truth(shown="done_unsaved", write="tick"),
    ("todo", "finished"): Truth(shown="open"),
    ("todo", "failed"): Truth(shown="stopped"),
    ("queued", "none"): Truth(shown="queued"),
    ("queued", "running"): Truth(shown="running"),
    ("queued", "paused"): Truth(shown="paused"),
    ("queued", "in_doubt"): Truth(shown="in_doubt"),
    ("queued", PENDING): Truth(shown="done_unsaved", write="tick"),
    ("queued", "finished"): Truth(shown="queued"),
    ("queued", "failed"): Truth(shown="stopped"),
    ("in_progress", "none"): Truth(shown="in_progress"),
    ("in_progress", "running"): Truth(shown="running"),
    ("in_progress", "paused"): Truth(shown="paused"),
    ("in_progress", "in_doubt"): Truth(shown="in_doubt"),
    ("in_progress", PENDING): Truth(shown="done_unsaved", write="tick"),
    ("in_progress", "finished"): Truth(shown="in_progress"),
    ("in_progress", "failed"): Truth(shown="stopped"),
    ("done", "none"): Truth(shown="done"),
    ("done", "running"): Truth(shown="ticked_by_hand", ask=True),
    ("done", "paused"): Truth(shown="ticked_by_hand", ask=True),
    ("done", "in_doubt"): Truth(shown="ticked_by_hand", ask=True),
    ("done", PENDING): Truth(shown="done_unsaved", write="tick"),
    ("done", "finished"): Truth(shown="done"),
    ("done", "failed"): Truth(shown="done"),
    ("other", "none"): Truth(shown="set_aside"),
    ("other", "running"): Truth(shown="running"),
    ("other", "paused"): Truth(shown="paused"),
    ("other", "in_doubt"): Truth(shown="in_doubt"),
    ("other", PENDING): Truth(shown="set_aside", write="forget"),
    ("other", "finished"): Truth(shown="set_aside"),
    ("other", "failed"): Truth(shown="set_aside"),
}


def _truth(mark: str, what: str) -> Truth:
    if what == "none":
        return truth_of(mark, None)  # type: ignore[arg-type]
    return truth_of(mark, run(what.split(",")[0], tick_pending=what == PENDING))  # type: ignore[arg-type]


@pytest.mark.parametrize(("mark", "what"), TABLE)
def test_each_case(mark: str, what: str) -> None:
    assert _truth(mark, what) == TABLE[mark, what]


def test_the_table_has_every_case() -> None:
    runs = {"none", PENDING, *get_args(RunState)}
    assert set(TABLE) == set(itertools.product(get_args(TaskState), runs))


@pytest.mark.parametrize(("mark", "what"), TABLE)
def test_nothing_is_done_that_neither_the_user_nor_a_finished_run_has_done(mark: str, what: str) -> None:
    truth = _truth(mark, what)
    if mark != "done" and what != PENDING:
        assert truth.shown not in ("done", "done_unsaved")
        assert truth.write == "nothing"
    if what in OPEN_RUN:
        assert truth.shown not in ("done", "done_unsaved")
        assert truth.ask == (mark == "done")


GROUPS = """\
- [ ] 1. Group
  - [ ] 1.1 One
    - [x] 1.1.1 Deep, done
    - [ ] 1.1.2 Deep
  - [ ]* 1.2 Optional
  - [x] 1.3 Done
- [ ] 2. Flat
- [ ] 2.1 By its id below 2
- [ ] 3. With a child that is set aside
  - [ ] 3.1 Open
  - [?] 3.2 Set aside
- [ ] 4. Only an optional child
  - [ ]* 4.1 Optional
"""


def spec_and(address: str, text: str = GROUPS) -> tuple[Spec, SpecTask]:
    spec = parse_spec(text, path_hint=".kiro/specs/x/tasks.md")
    return spec, next(each for each in spec.tasks if each.id == address)


@pytest.mark.parametrize(
    ("task", "meant"),
    [
        ("1", ["1.1.2"]),
        ("1.1", ["1.1.2"]),
        ("1.1.2", ["1.1.2"]),
        ("1.1.1", []),
        ("1.2", ["1.2"]),
        ("2", ["2.1"]),
        ("3", ["3.1"]),
        ("4", ["4"]),
    ],
)
def test_running_a_parent_means_the_open_required_tasks_below_it(task: str, meant: list[str]) -> None:
    assert [each.id for each in runs_for(*spec_and(task))] == meant


@pytest.mark.parametrize(
    ("ticked", "follow"), [("1.1.2", ["1.1", "1"]), ("1.2", []), ("2.1", ["2"]), ("3.1", []), ("4.1", []), ("4", [])]
)
def test_a_parent_follows_its_last_required_child(ticked: str, follow: list[str]) -> None:
    assert [each.id for each in parents_that_follow(*spec_and(ticked))] == follow


def test_a_parent_with_another_open_child_or_one_that_is_done_itself_does_not_follow() -> None:
    again = GROUPS.replace("[x] 1.3", "[ ] 1.3")
    assert [each.id for each in parents_that_follow(*spec_and("1.1.2", again))] == ["1.1"]
    assert parents_that_follow(*spec_and("1.1.2", GROUPS.replace("[ ] 1.1 ", "[x] 1.1 "))) == ()
