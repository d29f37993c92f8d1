"""Verdicts on models from the journal, the interval, and the choice: each reason why not, and the right one named."""

from __future__ import annotations

from typing import Any

import pytest

from bursar.domain.advice import Prefer, advise, measured, success_bounds, tasks_needed
from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.money.usage import Usage
from bursar.domain.outcomes import Outcome, Verdict, outcomes_of
from bursar.domain.routes import Role
from bursar.domain.runs import RequestRow, RunEvent, RunRecord, StepRecord


# From a table of the score interval (z = 1.96), to four places.
@pytest.mark.parametrize(
    ("successes", "tasks", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (1, 6, 0.0301, 0.5635),
        (5, 10, 0.2366, 0.7634),
        (8, 10, 0.4902, 0.9433),
        (10, 10, 0.7225, 1.0),
        (16, 16, 0.8064, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_the_interval(successes: int, tasks: int, low: float, high: float) -> None:
    found = success_bounds(successes, tasks)
    assert [round(each, 4) for each in found] == [low, high]


def test_how_many_tasks_are_needed() -> None:
    assert [tasks_needed(0, 0, target) for target in (0.5, 0.8, 0.9, 0.99)] == [4, 16, 35, 381]
    needed = tasks_needed(4, 5, 0.8)
    assert success_bounds(needed - 1, needed)[0] >= 0.8 > success_bounds(needed - 2, needed - 1)[0]


def did(
    model: str, successes: int, tasks: int, *, cents: int = 1, seconds: float = 1.0, role: Role = "edit", **more: Any
) -> list[Outcome]:
    """So many tasks, the first of them successes; each at the same price."""
    return [
        Outcome(
            role=role,
            task=f"t{number}",
            model=model,
            verdict="passed" if number < successes else "failed",
            cost_pico=cents * PICO_PER_USD // 100,
            seconds=seconds,
            **{"is_bound": False, "unpriced": 0, **more},
        )
        for number in range(tasks)
    ]


WORK = [
    *did("cheap-and-bad", 10, 20, cents=1, seconds=1),
    *did("middle", 20, 20, cents=3, seconds=9),
    *did("quick", 20, 20, cents=5, seconds=2),
    *did("sure", 40, 40, cents=20, seconds=20),
    *did("new", 3, 3, cents=1, seconds=1),
    *did("who-knows", 20, 20, cents=0, seconds=3, unpriced=1),
]


@pytest.mark.parametrize(("prefer", "model"), [("cheap", "middle"), ("fast", "quick"), ("strong", "sure")])
def test_each_preference_names_its_own_and_says_why_not_the_others(prefer: Prefer, model: str) -> None:
    (found,) = advise(measured(WORK), prefer=prefer, target=0.8)
    assert found.model == model
    why = dict(found.others)
    assert len(why) == 5
    assert "fails too often: 10 of 20 tasks" in why["cheap-and-bad"]
    assert "too little data: 3 of 16 tasks" in why["new"]
    assert (prefer == "cheap") == ("have no price" in why["who-knows"])
    word = {"cheap": "it is dearer: ", "fast": "it is slower: ", "strong": "it is less sure: "}[prefer]
    assert sum(each.startswith(word) for each in why.values()) == (2 if prefer == "cheap" else 3)


def test_of_two_that_are_alike_the_other_is_no_better() -> None:
    (found,) = advise(measured([*did("a", 20, 20), *did("b", 20, 20)]), prefer="cheap", target=0.8)
    assert (found.model, next(why for _, why in found.others)[:16]) == ("a", "it is no better:")


def test_the_money_of_failures_counts_for_each_success() -> None:
    rows = {each.model: each for each in measured(WORK)}
    assert rows["cheap-and-bad"].cost_per_success_pico == 2 * PICO_PER_USD // 100
    assert rows["middle"].cost_per_success_pico == 3 * PICO_PER_USD // 100
    assert rows["who-knows"].cost_per_success_pico is None
    assert measured(did("none", 0, 5))[0].cost_per_success_pico is None
    assert measured(did("m", 3, 3, is_bound=True))[0].is_bound


def test_what_fails_often_can_be_dearer_than_what_costs_more() -> None:
    """4 cents for each of 20 tasks of which 15 succeeded are more than 5 for each success; of 17, less."""
    good = did("good", 20, 20, cents=5)
    for successes, model in ((15, "good"), (17, "bad")):
        rows = measured([*did("bad", successes, 20, cents=4), *good])
        (found,) = advise(rows, prefer="cheap", target=0.5)
        assert found.model == model


def test_a_task_counts_once_with_all_its_runs() -> None:
    runs = [*did("m", 0, 1, cents=2, seconds=5), *did("m", 1, 1, cents=3, seconds=6)]
    (row,) = measured(runs)
    assert (row.tasks, row.successes, row.cost_pico) == (1, 1, 5 * PICO_PER_USD // 100)
    assert row.seconds is not None
    assert row.seconds.p95 == 11
    (turned,) = measured(runs[::-1])
    assert turned.successes == 0


def test_roles_stand_apart() -> None:
    found = advise(measured([*did("a", 16, 16), *did("b", 16, 16, role="plan")]), prefer="cheap", target=0.8)
    assert [(each.role, each.model, each.others) for each in found] == [("plan", "b", ()), ("edit", "a", ())]


def of(made: type[Any], /, **given: Any) -> Any:
    return made(**{**dict.fromkeys(made.__slots__), **given})


def run(state: str, reason: str | None = None, kind: str = "task") -> RunRecord:
    found: RunRecord = of(
        RunRecord, run="r", workspace="/w", spec="s", task_title_sha256="t", provider="p", model="one", state=state,
        reason=reason, kind=kind, seconds_run=10.0,
    )  # fmt: skip
    return found


def request(step: str, cost: int | None, *, model_ms: int = 100, **more: Any) -> RequestRow:
    found: RequestRow = of(
        RequestRow, request_id=f"req-{step}", run="r", step=step, attempt=1, usage=Usage(), cost_pico=cost,
        at_most_pico=50, unpriced=cost is None, certainty="billed", duration_ms=model_ms, **more,
    )  # fmt: skip
    return found


def asked(key: str, model: str = "one") -> StepRecord:
    found: StepRecord = of(StepRecord, key=key, attempt=1, intent={"provider": "p", "model": model}, started_at="1")
    return found


def checked(key: str, *, error: bool, at: str = "2", **intent: str) -> StepRecord:
    found: StepRecord = of(StepRecord, key=key, attempt=1, intent=intent, result={"error": error}, started_at=at)
    return found


def event(kind: str, **data: Any) -> RunEvent:
    return RunEvent(seq=1, at="", run="r", kind=kind, data=data)


FAILED, PASSED = checked("t1.900", error=True), checked("t2.900", error=False, at="3")


@pytest.mark.parametrize(
    ("record", "steps", "events", "verdict"),
    [
        (run("finished", "done"), [FAILED, PASSED], [], "passed"),
        (run("finished", "done"), [], [], None),
        (run("finished", "accepted"), [FAILED], [event("accepted")], "accepted"),
        (run("paused", "check"), [FAILED], [], "failed"),
        (run("paused", "check"), [], [], None),
        (run("paused", "budget"), [FAILED], [], None),
        (run("running"), [FAILED], [], None),
        (run("failed", "stopped"), [FAILED], [], "failed"),
        (run("failed", "stopped"), [], [], None),
        (run("failed", "stopped"), [PASSED], [], None),
        (run("finished", "done"), [checked("t1.900", error=False, from_run="other")], [], None),
        (run("finished", "accepted", "split"), [], [], "accepted"),
        (run("failed", "declined", "split"), [], [], "failed"),
        (run("failed", "bad_answer", "split"), [], [], "failed"),
        (run("finished", None, "split"), [], [], None),
        (run("finished", None, "review"), [], [], None),
    ],
)
def test_the_verdict_on_a_run(
    record: RunRecord, steps: list[StepRecord], events: list[RunEvent], verdict: Verdict | None
) -> None:
    (found,) = outcomes_of(record, [asked("m1"), *steps], events, [request("m1", 7)])
    assert (found.model, found.verdict, found.cost_pico, found.seconds) == ("p/one", verdict, 7, 10.0)
    assert found.role == {"task": "edit", "split": "plan", "review": "check"}[record.kind]


def test_what_the_stronger_model_took_over_is_a_failure_of_the_first() -> None:
    steps = [asked("m1"), asked("m2", "two"), FAILED, PASSED]
    rows = [request("m1", 7, model_ms=300), request("m2", 9, model_ms=100)]
    first, second = outcomes_of(run("finished", "done"), steps, [event("escalated", model="p/two")], rows)
    assert (first.model, first.verdict, first.cost_pico, first.seconds) == ("p/one", "escalated", 7, 7.5)
    assert (second.model, second.verdict, second.cost_pico, second.seconds) == ("p/two", "passed", 9, 2.5)


@pytest.mark.parametrize("after", [event("rewound", step="m1"), event("model_chosen", model="p/three")])
def test_a_stronger_model_that_was_taken_back_has_no_verdict(after: RunEvent) -> None:
    steps = [asked("m1"), asked("m2", "two"), FAILED, PASSED]
    rows = [request("m1", 7), request("m2", 9)]
    events = [event("escalated", model="p/two", n=2), after]
    found = outcomes_of(run("finished", "done"), steps, events, rows)
    assert [(each.model, each.verdict) for each in found] == [("p/one", None), ("p/two", None)]


def test_where_several_models_worked_on_it_nobody_has_the_verdict() -> None:
    steps = [asked("m1"), asked("m2", "two"), PASSED]
    found = outcomes_of(run("finished", "done"), steps, [], [request("m1", 7), request("m2", 9)])
    assert [(each.model, each.verdict, each.cost_pico) for each in found] == [("p/one", None, 7), ("p/two", None, 9)]


def test_a_bill_that_is_not_known_counts_at_its_most_and_a_missing_price_is_said() -> None:
    rows = [request("m1", None), of(RequestRow, **{**_values(request("m2", None)), "certainty": "unknown"})]
    (found,) = outcomes_of(run("finished", "done"), [asked("m1"), asked("m2"), PASSED], [], rows)
    assert (found.cost_pico, found.is_bound, found.unpriced) == (50, True, 1)


def _values(row: RequestRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RequestRow.__slots__}
