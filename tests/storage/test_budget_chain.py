"""Budgets that lie in one another, on the real store: sums, days that never come back, raises, and other windows."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Coroutine
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bursar.domain.money.budget import Amount, BudgetKind, Granted, Limit, RefusedByBudget, Scope
from bursar.domain.money.scopes import chain, scopes_of
from bursar.storage import SqliteJournal
from support.fakes import CountingIds, FakeClock

from .building import DAY, WORKSPACE, ask_file, begin, entry, open_at, owned, settle, unknown

T = TypeVar("T")
SPEC = ".kiro/specs/demo/tasks.md"


def scopes(journal: SqliteJournal, run: str = "run-1", day: str = DAY) -> dict[BudgetKind, Scope]:
    return scopes_of(run=run, workspace=WORKSPACE, spec=SPEC, task="2.1", session=journal.session, day=day)


def only(journal: SqliteJournal, kind: BudgetKind, value: int, unit: Any = "usd", run: str = "run-1") -> list[Limit]:
    return chain(scopes(journal, run), {kind: Amount(unit=unit, value=value)})


@pytest.mark.parametrize("kind", ["run", "task", "session", "workspace", "day", "week", "month"])
async def test_what_is_charged_and_held_counts_in_every_scope(journal: SqliteJournal, kind: BudgetKind) -> None:
    epoch = await owned(journal)
    assert isinstance(await begin(journal, epoch, hold_pico=2_000), Granted)
    await settle(journal, epoch, booked=entry(cost_pico=1_400, at_most_pico=2_000))
    assert isinstance(await begin(journal, epoch, key="m2", hold_pico=500), Granted)
    refused = await begin(journal, epoch, key="m3", hold_pico=101, limits=only(journal, kind, 2_000))
    assert isinstance(refused, RefusedByBudget)
    assert (refused.scope.kind, refused.spent, refused.reserved, refused.wanted) == (kind, 1_400, 500, 101)
    assert isinstance(await begin(journal, epoch, key="m3", hold_pico=100, limits=only(journal, kind, 2_000)), Granted)


async def test_a_request_is_bounded_by_itself(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    for number in range(1, 4):
        limits = only(journal, "request", 2_000)
        assert isinstance(await begin(journal, epoch, key=f"m{number}", hold_pico=2_000, limits=limits), Granted)
    refused = await begin(journal, epoch, key="m4", hold_pico=2_001, limits=only(journal, "request", 2_000))
    assert isinstance(refused, RefusedByBudget)
    assert refused.spent == refused.reserved == 0


async def test_the_narrowest_scope_without_room_is_named_and_others_do_not_count(journal: SqliteJournal) -> None:
    one, two = await owned(journal), await owned(journal, "run-2", task_address="2.2")
    assert isinstance(await begin(journal, one, hold_pico=900), Granted)
    other = scopes_of(run="run-2", workspace=WORKSPACE, spec=SPEC, task="2.2", session="another", day=DAY)
    amounts = {kind: Amount(unit="usd", value=1_000) for kind in ("run", "task", "session")}
    assert isinstance(await begin(journal, two, "run-2", hold_pico=1_000, limits=chain(other, amounts)), Granted)
    everything: dict[BudgetKind, Amount] = {
        "month": Amount(unit="usd", value=1_000),
        "workspace": Amount(unit="usd", value=1_000),
        "task": Amount(unit="usd", value=1_000),
    }
    refused = await begin(journal, one, key="m2", hold_pico=200, limits=chain(scopes(journal), everything))
    assert isinstance(refused, RefusedByBudget)
    assert refused.scope.kind == "task"


@pytest.mark.parametrize(
    ("kind", "at", "same"),
    [
        ("day", "2026-11-22", False),
        ("week", "2026-11-22", True),
        ("week", "2026-11-23", False),
        ("month", "2026-11-30", True),
        ("month", "2026-12-01", False),
    ],
)
async def test_a_period_ends_with_the_users_calendar(
    journal: SqliteJournal, kind: BudgetKind, at: str, same: bool
) -> None:
    epoch = await owned(journal)
    limits = only(journal, kind, 1_000)
    assert isinstance(await on(journal, epoch, "m1", DAY, limits), Granted)
    later = await on(journal, epoch, "m2", at, limits)
    assert isinstance(later, RefusedByBudget) is same


async def on(journal: SqliteJournal, epoch: int, key: str, day: str, limits: list[Limit], hold: int = 1_000) -> Any:
    """Begin a request while the clock says this local day."""
    return await journal.begin_request(
        run="run-1",
        epoch=epoch,
        key=key,
        n=int(key[1:]) * 1_000,
        attempt=1,
        intent={"counted_tokens": 10, "max_tokens": 10, "day": day},
        body=b"{}",
        body_sha256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        prompt_sha256="",
        hold_pico=hold,
        limits=limits,
        day=Scope(kind="day", key=day),
    )


@pytest.mark.parametrize("kind", ["day", "week", "month"])
@pytest.mark.parametrize(
    "jumps",
    [
        ["2026-11-21", "2026-11-20"],  # back a day
        ["2026-11-21", "2026-11-22", "2026-11-21"],  # ahead a day, spent there, and back
        ["2026-12-01", "2026-11-30", "2026-11-01"],  # back over the end of a month
        ["2026-11-23", "2026-11-22"],  # back over the end of a week
    ],
)
async def test_a_clock_that_jumps_opens_no_spent_period(
    journal: SqliteJournal, home: Path, kind: BudgetKind, jumps: list[str]
) -> None:
    epoch = await owned(journal)
    limits = only(journal, kind, 1_000)
    newest = ""
    for number, day in enumerate(jumps, 1):
        decision = await on(journal, epoch, f"m{number}", day, limits)
        if day < newest:
            assert isinstance(decision, RefusedByBudget), f"{day} was opened again after {newest}"
        if isinstance(decision, Granted):
            newest = max(newest, day)
    assert journal.budget_day(jumps[-1]) == newest
    days = {day for (day,) in ask_file(home, "SELECT local_day FROM hold UNION SELECT local_day FROM step")}
    assert newest in days
    # A process that starts afterwards keeps to it, too.
    journal.close()
    with_new_eyes = open_at(home, clock=FakeClock(f"{jumps[-1]}T08:00:00.000Z"), ids=CountingIds("later"))
    try:
        assert with_new_eyes.budget_day(jumps[-1]) == newest
        await with_new_eyes.set_budget_day(jumps[-1])
        assert with_new_eyes.budget_day(jumps[-1]) == jumps[-1], "the user's word"
    finally:
        with_new_eyes.close()


async def test_what_is_booked_on_a_later_day_says_so_to_its_owner(journal: SqliteJournal) -> None:
    epoch = await owned(journal)
    assert (await on(journal, epoch, "m1", "2026-11-22", [])).local_day == "2026-11-22"
    granted = await on(journal, epoch, "m2", "2026-11-21", [])
    assert granted.local_day == "2026-11-22"
    steps = {each.key: each.intent["day"] for each in journal.steps("run-1")}
    assert steps == {"m1": "2026-11-22", "m2": "2026-11-22"}


async def test_another_window_that_sets_a_budget_meanwhile_is_heard(journal: SqliteJournal, home: Path) -> None:
    """The limits were looked up before; what holds is what is set at the moment of the reservation."""
    epoch = await owned(journal)
    planned = only(journal, "day", 5_000)
    other = open_at(home, ids=CountingIds("other"))
    try:
        await other.set_budget("day", "usd", 900)
        refused = await begin(journal, epoch, hold_pico=1_000, limits=planned)
        assert isinstance(refused, RefusedByBudget)
        assert (refused.scope.kind, refused.limit) == ("day", 900)
        await other.set_budget("day", "usd", 9_000)
        await other.set_budget("week", "requests", 1)
        assert isinstance(await begin(journal, epoch, hold_pico=1_000, limits=planned), Granted)
        refused = await begin(journal, epoch, key="m2", hold_pico=1_000, limits=planned)
        assert isinstance(refused, RefusedByBudget)
        assert (refused.scope, refused.unit) == (Scope(kind="week", key="2026-W47"), "requests")
        # Two windows set different budgets: the last word holds in both, unit and amount together.
        await asyncio.gather(journal.set_budget("day", "tokens", 77), other.set_budget("day", "usd", 88))
        assert journal.stored_budgets()["day"] == other.stored_budgets()["day"]
        assert journal.stored_budgets()["day"] in {("tokens", 77), ("usd", 88)}
    finally:
        other.close()


async def test_a_raise_holds_for_its_scope_and_period_alone(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    limits = only(journal, "day", 1_000)
    today = scopes(journal)["day"]
    assert isinstance(await on(journal, epoch, "m1", DAY, limits), Granted)
    assert isinstance(await on(journal, epoch, "m2", DAY, limits, 500), RefusedByBudget)
    await journal.raise_once("run-1", today, "usd", 500)
    assert [each.limit for each in journal.standings(limits)] == [1_500]
    assert isinstance(await on(journal, epoch, "m2", DAY, limits, 501), RefusedByBudget)
    assert isinstance(await on(journal, epoch, "m2", DAY, limits, 500), Granted)
    assert [each.limit for each in journal.standings(only(journal, "day", 1_000, "tokens"))] == [1_000]
    refused = await on(journal, epoch, "m3", "2026-11-22", limits, 1_001)
    assert isinstance(refused, RefusedByBudget)
    assert refused.limit == 1_000, "tomorrow is as it was"
    assert ask_file(home, "SELECT kind, key, unit, value, run FROM raised") == [("day", DAY, "usd", 500, "run-1")]


async def test_each_warning_is_told_once(journal: SqliteJournal, home: Path) -> None:
    today = scopes(journal)["day"]
    other = open_at(home, ids=CountingIds("other"))
    try:
        assert await journal.warn_once(today, "usd", 1_000, 50)
        assert not await other.warn_once(today, "usd", 1_000, 50)
        assert other.warned(today, "usd", 1_000) == 50
        assert await other.warn_once(today, "usd", 1_000, 80)
        assert journal.warned(today, "usd", 1_000) == 80
        assert await journal.warn_once(scopes(journal, day="2026-11-22")["day"], "usd", 1_000, 50)
        assert await journal.warn_once(today, "usd", 2_000, 50), "a raised limit is another"
    finally:
        other.close()


class Purse(RuleBasedStateMachine):
    """Any order of reservations, ends and days; beside the store a book of its own that adds up by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name) / "home"
        self.loop = asyncio.new_event_loop()
        self.journal = self.do(self._open())
        self.runs = {"run-a": "1", "run-b": "1", "run-c": "2"}
        for run, task in self.runs.items():
            self.do(owned(self.journal, run, task_address=task))
        self.day, self.newest = date(2026, 11, 27), date.min
        self.number = 0
        self.held: dict[tuple[str, str], tuple[date, int]] = {}
        self.booked: list[tuple[str, date, int]] = []
        self.reserved_pico = self.released_pico = self.given_back_pico = 0
        self.limits: dict[BudgetKind, int] = {"run": 700, "task": 900, "day": 1_000, "week": 2_500, "month": 4_000}

    async def _open(self) -> SqliteJournal:
        return open_at(self.home, ids=CountingIds("machine"))

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        assert self.journal.verify_chain() is None
        self.journal.close()
        self.loop.close()
        self.folder.cleanup()

    def taken(self, kind: str, run: str, day: date) -> int:
        """What is charged and held in a scope, by the book of the test."""

        def within(other: str, at: date) -> bool:
            match kind:
                case "run":
                    return other == run
                case "task":
                    return self.runs[other] == self.runs[run]
                case "day":
                    return at == day
                case "week":
                    return at - timedelta(days=at.weekday()) == day - timedelta(days=day.weekday())
                case _:
                    return (at.year, at.month) == (day.year, day.month)

        booked = sum(pico for other, at, pico in self.booked if within(other, at))
        return booked + sum(pico for (other, _), (at, pico) in self.held.items() if within(other, at))

    @rule(run=st.sampled_from(["run-a", "run-b", "run-c"]), wanted=st.integers(0, 600))
    def reserve(self, run: str, wanted: int) -> None:
        self.number += 1
        key = f"m{self.number}"
        found = scopes_of(
            run=run, workspace=WORKSPACE, spec=SPEC, task=self.runs[run], session="x", day=self.day.isoformat()
        )
        limits = chain(found, {kind: Amount(unit="usd", value=value) for kind, value in self.limits.items()})
        at = max(self.day, self.newest)
        fits = all(self.taken(kind, run, at) + wanted <= value for kind, value in self.limits.items())
        decision = self.do(
            self.journal.begin_request(
                run=run,
                epoch=1,
                key=key,
                n=self.number * 1_000,
                attempt=1,
                intent={"counted_tokens": 1, "max_tokens": 1, "day": self.day.isoformat()},
                body=b"{}",
                body_sha256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                prompt_sha256="",
                hold_pico=wanted,
                limits=limits,
                day=found["day"],
            )
        )
        assert isinstance(decision, Granted) is fits
        if isinstance(decision, Granted):
            assert decision.local_day == at.isoformat()
            self.newest = at
            self.held[run, key] = (at, wanted)
            self.reserved_pico += wanted

    @precondition(lambda self: self.held)
    @rule(data=st.data(), share=st.integers(0, 100), known=st.booleans())
    def settle(self, data: st.DataObject, share: int, known: bool) -> None:
        run, key = data.draw(st.sampled_from(sorted(self.held)))
        at, wanted = self.held.pop((run, key))
        cost = wanted * share // 100 if known else wanted
        make = entry if known else unknown
        booked = make(
            run,
            key,
            task=self.runs[run],
            local_day=at.isoformat(),
            at_most_pico=wanted,
            **({"cost_pico": cost} if known else {}),
        )
        self.do(settle(self.journal, 1, run, key, booked=booked))
        self.booked.append((run, at, cost))
        self.given_back_pico += wanted - cost

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        run, key = data.draw(st.sampled_from(sorted(self.held)))
        _, wanted = self.held.pop((run, key))
        self.do(self.journal.release_request(run=run, epoch=1, key=key, attempt=1, why="429"))
        self.released_pico += wanted

    @rule(days=st.integers(-3, 4))
    def the_clock_jumps(self, days: int) -> None:
        self.day += timedelta(days=days)

    @invariant()
    def everything_adds_up(self) -> None:
        held = ask_file(self.home, "SELECT coalesce(sum(amount_pico), 0) FROM hold")[0][0]
        settled = ask_file(self.home, "SELECT coalesce(sum(coalesce(cost_pico, at_most_pico)), 0) FROM ledger")[0][0]
        assert held == sum(pico for _, pico in self.held.values())
        assert settled == sum(pico for _, _, pico in self.booked)
        assert self.reserved_pico == held + settled + self.released_pico + self.given_back_pico

    @invariant()
    def no_scope_is_passed_and_each_is_what_plain_sums_say(self) -> None:
        for run in self.runs:
            at = max(self.newest, date(2026, 11, 1))
            found = scopes_of(
                run=run, workspace=WORKSPACE, spec=SPEC, task=self.runs[run], session="x", day=at.isoformat()
            )
            for kind, value in self.limits.items():
                used = self.journal.used(found[kind], "usd")
                assert used.charged + used.held == self.taken(kind, run, at) <= value
        by_workspace = self.journal.used(Scope(kind="workspace", key=WORKSPACE), "usd")
        everything: dict[str, int] = defaultdict(int)
        for _, at, pico in self.booked:
            everything[at.isoformat()] += pico
        assert by_workspace.charged == sum(everything.values())


TestPurse = Purse.TestCase
TestPurse.settings = settings(
    max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
