"""Until when a task is put off."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.errors import BadInput, LimitReached, OwnedElsewhere
from bursar.domain.money.price import Price, Unpriced
from bursar.prices import price_book
from bursar.runs.deferring import is_parked, moment_of, park
from support.fakes import FakeClock
from support.world import DEAR, MODEL, RATES, Prices, ScriptedModel, Workshop

NOW = "2026-11-21T08:00:00.000Z"


@dataclass
class NightRates:
    """Cheaper from 16:30 to 00:30 UTC."""

    known: bool = True

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        if not self.known:
            return Unpriced(model=model, why="nobody knows")
        moment = datetime.fromisoformat(at)
        night = (moment.hour, moment.minute) >= (16, 30) or (moment.hour, moment.minute) < (0, 30)
        return Price(model=model, rates=RATES if night else DEAR, rate_card="test")

    def window_tokens(self, *, provider: str, model: str) -> int | None:
        return None


def moment(until: str, prices: Any = None, runs: Any = (), now: str = NOW) -> str:
    return moment_of(until, provider="acme", model="m", runs=runs, prices=prices or Prices(), clock=FakeClock(now))


@pytest.mark.parametrize(
    ("until", "at"),
    [
        ("18:30", "2026-11-21T18:30:00.000Z"),
        ("07:59", "2026-11-22T07:59:00.000Z"),
        ("8:00", "2026-11-22T08:00:00.000Z"),
        ("2026-11-21T10:00:00+01:00", "2026-11-21T09:00:00.000Z"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
    ],
)
def test_a_time(until: str, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert moment(until) == at


def test_a_time_of_day_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over the night in which the clocks change: Berlin, 25 October 2026."""
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    assert moment("18:30", now="2026-10-24T10:00:00.000Z") == "2026-10-24T16:30:00.000Z"
    assert moment("11:30", now="2026-10-24T10:00:00.000Z") == "2026-10-25T10:30:00.000Z"
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize("until", ["24:00", "tomorrow", "", "2026-11-21T10:00:00", "18:30:00", "1800"])
def test_what_is_no_moment(until: str) -> None:
    with pytest.raises(BadInput, match="is no moment: write reset, cheap"):
        moment(until)


def test_a_moment_that_is_past() -> None:
    with pytest.raises(BadInput, match="is past"):
        moment("2026-11-21T07:59:00Z")


def test_the_cheaper_hours_of_the_card() -> None:
    assert moment("cheap", NightRates()) == "2026-11-21T16:30:00.000Z"
    with pytest.raises(BadInput, match="no cheaper hours"):
        moment("cheap", NightRates(), now="2026-11-21T17:00:00.000Z")
    with pytest.raises(BadInput, match="no cheaper hours"):
        moment_of("cheap", provider="acme", model=MODEL, runs=(), prices=Prices(), clock=FakeClock(NOW))
    with pytest.raises(BadInput, match="no price is known for m"):
        moment("cheap", NightRates(known=False))


async def test_the_reset_of_the_limit_that_paused_a_run(shop: Workshop) -> None:
    model = ScriptedModel(LimitReached("429", retry_after_s=3_600), clock=shop.clock)
    run = await shop.begin(model)
    await shop.drive(model, run)
    records = shop.journal.runs()
    assert records[0].resume_at is not None
    prices, clock = Prices(), shop.clock
    known = moment_of("reset", provider="acme", model="m", runs=records, prices=prices, clock=clock)
    assert known == records[0].resume_at
    with pytest.raises(BadInput, match="no limit of other is known"):
        moment_of("reset", provider="other", model="m", runs=records, prices=prices, clock=clock)
    clock.advance(4_000)
    with pytest.raises(BadInput, match="no limit of acme is known"):
        moment_of("reset", provider="acme", model="m", runs=records, prices=prices, clock=clock)
    over_budget = [replace(records[0], reason="budget", resume_at=None)]
    at_midnight = moment_of("reset", provider="acme", model="m", runs=over_budget, prices=prices, clock=clock)
    assert at_midnight == "2026-11-22T00:00:00.000Z"


async def test_a_parked_run_waits_for_its_moment_and_keeps_its_steps(shop: Workshop) -> None:
    run = await shop.begin(ScriptedModel(clock=shop.clock))
    until = "2026-11-21T09:00:00.000Z"
    await park(shop.journal, run, until)
    (record,) = shop.journal.runs()
    assert (record.state, record.reason, record.resume_at, record.owner) == ("paused", "deferred", until, None)
    assert is_parked(record, shop.clock)
    shop.clock.advance(3_600)
    assert not is_parked(record, shop.clock)


async def test_a_run_that_is_driven_cannot_be_parked(shop: Workshop) -> None:
    run = await shop.begin(ScriptedModel(clock=shop.clock))
    await shop.journal.release(run)
    other = shop.open_again()
    await other.claim(run)
    with pytest.raises(OwnedElsewhere, match="pause it first"):
        await park(shop.journal, run, "2026-11-21T09:00:00.000Z")
    await other.release(run)
    other.close()
    assert Decimal(shop.summary(run).cost_pico) == 0


def test_cheaper_hours_are_those_that_answers_are_priced_by(tmp_path: Path) -> None:
    """The card's own table, and the user's hours."""
    card = price_book(override_file=None, free_providers=frozenset())
    # DeepSeek's peak hours are 01:00 to 04:00 and 06:00 to 10:00 UTC.
    for now, until in (("2026-11-21T02:10:00Z", "04:00"), ("2026-11-21T08:00:00Z", "10:00")):
        clock = FakeClock(now.replace("Z", ".000Z"))
        found = moment_of("cheap", provider="p", model="deepseek-flash", runs=(), prices=card, clock=clock)
        assert found == f"2026-11-21T{until}:00.000Z"
        prices = [card.price(provider="p", model="deepseek-flash", at=each) for each in (now, found)]
        assert all(isinstance(each, Price) for each in prices)
        assert prices[1].rates.output * 2 == prices[0].rates.output
    path = tmp_path / "mine.json"
    hours = [{"from": "20:15", "until": "06:00", "input": "1"}]
    path.write_text(json.dumps({"models": {"m": {"input": "2", "output": "4", "hours": hours}}}))
    own = price_book(override_file=path, free_providers=frozenset())
    assert moment("cheap", own) == "2026-11-21T20:15:00.000Z"
