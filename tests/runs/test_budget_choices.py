"""What a run does where a budget has no room: it asks with one-press choices, waits for others, and warns before."""

from __future__ import annotations

import pytest

from bursar.domain.money.budget import Amount, BudgetKind, RefusedByBudget, Scope
from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.money.raising import raise_by
from bursar.domain.money.usage import Usage
from bursar.domain.routes import Route
from bursar.runs.world import Finished, Paused, Stopped, Way, Ways
from support.world import MODEL, ScriptedModel, Workshop, call, finish, reply

from .test_switching import CHEAP, asked, look

DEAR_ANSWER = Usage(uncached_input=10, cache_read=1_000, cache_write_5m=200, output=9_000)
"""Nothing that fits beside it is left of ten cents."""


@pytest.fixture
def refused(shop: Workshop) -> ScriptedModel:
    return ScriptedModel(look(), look("src", usage=DEAR_ANSWER), finish(), clock=shop.clock)


@pytest.mark.parametrize(
    ("limit", "spent", "wanted", "by"),
    [
        (5 * PICO_PER_USD, 49 * 10**11, 3 * 10**11, PICO_PER_USD),
        (5 * PICO_PER_USD, 5 * PICO_PER_USD, 21 * 10**11, 5 * PICO_PER_USD),
        (200_000, 199_000, 3_000, 50_000),
        (1, 1, 1, 1),
        (300, 300, 1, 100),
    ],
)
def test_a_raise_is_a_round_amount_that_is_enough(limit: int, spent: int, wanted: int, by: int) -> None:
    scope = Scope(kind="day", key="2026-11-21")
    no = RefusedByBudget(scope=scope, unit="tokens", limit=limit, spent=spent, reserved=0, wanted=wanted)
    assert raise_by(no) == by
    assert spent + wanted <= limit + by


@pytest.mark.parametrize("kind", ["run", "day", "task"])
async def test_raise_once_goes_on_and_holds_for_this_scope_alone(
    shop: Workshop, refused: ScriptedModel, kind: BudgetKind
) -> None:
    ceiling = "0.1" if kind == "run" else None
    if kind != "run":
        shop.limits[kind] = Amount(unit="usd", value=PICO_PER_USD // 10)
    shop.person.answers = ["Raise once to $0.12"]
    run = await shop.begin(refused, ceiling_usd=ceiling)
    assert isinstance(await shop.drive(refused, run), Finished)
    question = shop.person.asked[-1]
    assert question.kind == "budget"
    assert question.choices == ("Raise once to $0.12", "Stop")
    assert "has no room for the next request: it needs at least $" in question.detail
    assert len(question.summary) <= 300
    (raised,) = [data for kind_, data in shop.events if kind_ == "budget_raised"]
    assert (raised["scope"], raised["unit"], raised["by"], raised["limit"]) == (kind, "usd", "0.02", "0.12")
    (kept,) = [each.data for each in shop.journal.events(run=run) if each.kind == "budget_raised"]
    assert kept["key"] == raised["key"]
    # A run of another task, and the next day, have the limit that was set.
    assert shop.journal.stored_budgets() == {}


async def test_stop_ends_the_run_and_nothing_is_sent(shop: Workshop, refused: ScriptedModel) -> None:
    shop.person.answers = ["Stop"]
    run = await shop.begin(refused, ceiling_usd="0.1")
    assert isinstance(await shop.drive(refused, run), Stopped)
    assert len(refused.bodies) == 2
    summary = shop.summary(run)
    assert (summary.record.state, summary.record.reason, summary.held_pico) == ("failed", "stopped", 0)


async def test_a_closed_question_leaves_the_run_paused_and_a_denial_is_asked_once(
    shop: Workshop, refused: ScriptedModel
) -> None:
    run = await shop.begin(refused, ceiling_usd="0.1")
    outcome = await shop.drive(refused, run)
    assert isinstance(outcome, Paused)
    assert outcome.reason == "budget"
    assert [each.kind for each in shop.person.asked].count("budget") == 1
    assert len(refused.bodies) == 2
    assert shop.summary(run).held_pico == 0


async def test_without_an_economy_model_the_next_cheaper_one_of_the_route_is_offered(
    shop: Workshop, refused: ScriptedModel
) -> None:
    shop.person.answers = ["Use acme/cheap"]
    model = ScriptedModel(
        look(),
        look("src", usage=DEAR_ANSWER),
        reply(call("finish", summary="s"), model="cheap"),
        clock=shop.clock,
    )
    run = await shop.begin(model, ceiling_usd="0.1")
    shop.prices.rates["cheap"] = CHEAP
    chain = (Way(provider=model, model=MODEL), Way(provider=model, model="cheap"))
    ways = Ways(route=Route(chain=tuple(each.target for each in chain)), chain=chain)
    outcome = await shop.drive(model, run, ways=ways)
    assert shop.person.asked[-1].choices == ("Raise once to $0.12", "Use acme/cheap", "Stop")
    assert isinstance(outcome, Finished)
    assert asked(model) == [MODEL, MODEL, "cheap"]
    assert shop.person.asked[-1].choices == ("Raise once to $0.12", "Use acme/cheap", "Stop")


async def test_each_mark_is_told_once_in_a_period(shop: Workshop) -> None:
    """Each answer costs a few cents of the dollar for today; the second run of the day hears only of what is new."""
    shop.day_limit = Amount(unit="usd", value=PICO_PER_USD // 2)
    shop.person.answers = ["Go on as it is"] * 9
    shop.tasks.write_text(shop.tasks.read_text().replace("[x] 2.", "[ ] 2."))
    for task in ("1", "2"):
        dear = [look(each, usage=DEAR_ANSWER) for each in ("src", "tests")]
        model = ScriptedModel(*dear, finish(), clock=shop.clock)
        run = await shop.begin(model, task, ceiling_usd=None)
        await shop.drive(model, run)
    told = [data for kind, data in shop.events if kind == "budget_warning"]
    spent = shop.journal.charged_pico(Scope(kind="day", key=shop.clock.local_day()))
    passed = [each for each in (50, 80, 95) if spent * 100 >= each * PICO_PER_USD // 2]
    assert passed, "nothing was passed: this test shows nothing"
    assert [each["percent"] for each in told] == sorted({each["percent"] for each in told})
    assert told[-1]["percent"] == passed[-1]
    assert told[0]["message"].endswith(")")
    assert "of the $0.50 for today is spent" in told[0]["message"]


async def test_what_is_held_for_others_is_waited_for_and_not_refused(shop: Workshop) -> None:
    """Another run holds nearly all of the day; while this one waits, it is settled for a fraction of that."""
    other = await shop.begin(ScriptedModel(clock=shop.clock), ceiling_usd=None)
    journal = shop.journal
    claimed = await journal.claim(other)
    day = Scope(kind="day", key=shop.clock.local_day())
    shop.day_limit = Amount(unit="usd", value=PICO_PER_USD)
    await journal.begin_request(
        run=other,
        epoch=claimed.epoch,  # type: ignore[union-attr]
        key="m1",
        n=1_000,
        attempt=1,
        intent={"counted_tokens": 1, "max_tokens": 1, "day": day.key},
        body=b"{}",
        body_sha256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        prompt_sha256="",
        hold_pico=PICO_PER_USD,
        limits=[],
        day=day,
    )
    shop.tasks.write_text(shop.tasks.read_text().replace("[x] 2.", "[ ] 2."))

    async def given_back() -> None:
        await journal.release_request(run=other, epoch=claimed.epoch, key="m1", attempt=1, why="429")  # type: ignore[union-attr]

    shop.clock.while_asleep = given_back
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model, "2", ceiling_usd=None)
    assert isinstance(await shop.drive(model, run), Finished)
    waits = [data for kind, data in shop.events if kind == "waiting"]
    assert [each["reason"] for each in waits] == ["budget"]
    assert "Today's budget has no room beside what is held" in waits[0]["message"]


async def test_what_is_held_for_ever_is_waited_for_a_minute_at_most(shop: Workshop) -> None:
    other = await shop.begin(ScriptedModel(clock=shop.clock), ceiling_usd=None)
    claimed = await shop.journal.claim(other)
    day = Scope(kind="day", key=shop.clock.local_day())
    await shop.journal.begin_request(
        run=other,
        epoch=claimed.epoch,  # type: ignore[union-attr]
        key="m1",
        n=1_000,
        attempt=1,
        intent={"counted_tokens": 1, "max_tokens": 1, "day": day.key},
        body=b"{}",
        body_sha256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        prompt_sha256="",
        hold_pico=PICO_PER_USD,
        limits=[],
        day=day,
    )
    shop.day_limit = Amount(unit="usd", value=PICO_PER_USD)
    shop.tasks.write_text(shop.tasks.read_text().replace("[x] 2.", "[ ] 2."))
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model, "2", ceiling_usd=None)
    outcome = await shop.drive(model, run)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, model.bodies) == ("budget", [])
    assert "$1.00 held for requests in flight" in outcome.detail
    assert 30 < shop.clock.slept_s <= 60
