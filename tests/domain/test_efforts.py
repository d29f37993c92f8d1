"""The requests of each effort side by side."""

from __future__ import annotations

from typing import Any

from bursar.domain.efforts import by_effort
from bursar.domain.money.usage import Usage
from bursar.domain.runs import RequestRow, StepRecord


def row(step: str, attempt: int = 1, run: str = "r", output: int = 10) -> RequestRow:
    values: dict[str, Any] = dict.fromkeys(RequestRow.__slots__)
    return RequestRow(**{**values, "run": run, "step": step, "attempt": attempt, "usage": Usage(output=output)})


def step(key: str, effort: str | None = None, *, attempt: int = 1, error: bool = False, **intent: Any) -> StepRecord:
    values: dict[str, Any] = dict.fromkeys(StepRecord.__slots__)
    given = {"tool": "x", **intent, **({} if effort is None else {"effort": effort})}
    return StepRecord(**{**values, "key": key, "attempt": attempt, "intent": given, "result": {"error": error}})


def test_requests_and_success_of_each_effort() -> None:
    steps = {
        "r": [step("m1", "normal"), step("t1.900", error=True), step("m2", "terse", attempt=2), step("t2.900")],
        "s": [step("m1"), step("t1.900", from_run="r")],
    }
    rows = [row("m1"), row("m2", 1, output=3), row("m2", 2, output=4), row("m1", run="s", output=1)]
    normal, terse = by_effort(rows, steps, frozenset({"r"}))
    assert (normal.effort, terse.effort) == ("normal", "terse")
    assert [(len(each.requests), each.output_tokens) for each in (normal, terse)] == [(2, 11), (2, 7)]
    assert [(each.runs, each.finished) for each in (normal, terse)] == [(1, 0), (1, 1)]
    assert [(each.checks_passed, each.checks_failed) for each in (normal, terse)] == [(0, 1), (1, 0)]


def test_what_was_set_aside_keeps_its_own_effort() -> None:
    taken_back = step("m1", "terse", attempt=1)
    again = step("m1", "normal", attempt=2)
    groups = by_effort([row("m1", 1), row("m1", 2)], {"r": [again, taken_back]}, frozenset())
    assert [(each.effort, [one.attempt for one in each.requests]) for each in groups] == [
        ("normal", [2]),
        ("terse", [1]),
    ]


def test_what_was_erased_is_not_guessed() -> None:
    erased = StepRecord(**{**{name: getattr(step("m1"), name) for name in StepRecord.__slots__}, "intent": {}})
    (group,) = by_effort([row("m1")], {"r": [erased]}, frozenset({"r"}))
    assert (group.effort, group.runs, group.finished) == ("unknown", 1, 1)
