"""One request: what is held for it, what is sent again and how often, and how each end of it is booked."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from bursar.domain.errors import (
    AnswerCut,
    KeyRefused,
    LimitReached,
    ModelNotKnown,
    NotAccepted,
    Overloaded,
    QuotaExhausted,
    RequestRejected,
    Unreachable,
)
from bursar.domain.money.budget import Amount, Scope
from bursar.domain.money.figures import money
from bursar.domain.money.price import PICO_PER_USD, Assumed, usd_text
from bursar.domain.money.usage import Usage
from bursar.prices import price_book
from bursar.runs.assemble import LEAST_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS
from bursar.runs.world import Finished, Paused
from bursar.views.progress import event_line
from support.world import DEAR, MODEL, RATES, USAGE, ScriptedModel, Workshop, call, finish, reply, text

DAY = Scope(kind="day", key="2026-11-21")
COST_OF_USAGE = 10 * 2 + 200 * Decimal("2.5") + 1_000 * Decimal("0.10") + 50 * 10


def cut(*, text_seen: bool) -> AnswerCut:
    return AnswerCut("the answer broke off", text_seen=text_seen, output_chars=40 if text_seen else 0)


async def test_a_whole_answer_is_booked_as_reported(shop: Workshop) -> None:
    _, _, summary = await shop.play(finish())
    (row,) = summary.requests
    assert (row.usage, row.certainty, row.request_id, row.model) == (USAGE, "billed", "req-1", MODEL)
    assert row.cost_pico == COST_OF_USAGE * 10**6
    assert summary.held_pico == 0
    assert shop.journal.charged_pico(DAY) == row.cost_pico


async def test_what_is_held_is_never_less_than_what_it_costs(shop: Workshop) -> None:
    _, _, summary = await shop.play(finish())
    held = Decimal(shop.told("request_started")["at_most_usd"])
    (row,) = summary.requests
    assert row.cost_pico is not None
    assert held > Decimal(usd_text(row.cost_pico))
    assert row.at_most_pico == held * PICO_PER_USD


async def test_an_answer_that_names_another_model_is_priced_as_that(shop: Workshop) -> None:
    shop.prices.rates["bigger"] = DEAR
    _, _, summary = await shop.play(reply(call("finish", summary="s"), model="bigger"))
    (row,) = summary.requests
    assert row.model == "bigger"
    assert row.cost_pico == COST_OF_USAGE * 100 * 10**6


async def test_an_answer_in_another_service_is_booked_at_the_price_of_that(shop: Workshop) -> None:
    shop.prices.service_rates[MODEL, "priority"] = DEAR
    answer = replace(reply(call("finish", summary="s")), service="priority")
    _, _, summary = await shop.play(answer)
    (row,) = summary.requests
    assert (row.cost_pico, row.certainty) == (COST_OF_USAGE * 100 * 10**6, "billed")
    usual = replace(reply(call("finish", summary="s")), service="default")
    _, _, summary = await shop.play(usual)
    assert summary.requests[-1].cost_pico == COST_OF_USAGE * 10**6


async def test_an_answer_in_a_service_without_a_price_is_unpriced_and_says_so(shop: Workshop) -> None:
    _, _, summary = await shop.play(replace(reply(call("finish", summary="s")), service="warp"))
    (row,) = summary.requests
    assert (row.cost_pico, row.unpriced) == (None, True)
    assert shop.journal.charged_pico(DAY) == row.at_most_pico > 0
    said = shop.told("request_finished")
    assert said["price_doubts"] == [f"no card has a price of {MODEL} in the service warp"]
    line = event_line("request_finished", said, None)
    assert line is not None
    assert "no price" in line
    assert "service warp" in line


@pytest.mark.parametrize("known", [True, False])
async def test_a_bucket_without_a_price_is_said_or_makes_the_bill_unknown(shop: Workshop, known: bool) -> None:
    shop.prices.assumed = (Assumed(bucket="cache_read", known=known, why="the card has no price for cache reads"),)
    _, _, summary = await shop.play(finish())
    (row,) = summary.requests
    expected = (COST_OF_USAGE * 10**6, "estimated", False) if known else (None, "billed", True)
    assert (row.cost_pico, row.certainty, row.unpriced) == expected
    assert shop.told("request_finished")["price_doubts"] == ["the card has no price for cache reads"]


async def test_an_answer_that_names_a_model_without_a_price_is_unpriced_and_not_free(shop: Workshop) -> None:
    _, _, summary = await shop.play(reply(call("finish", summary="s"), model="nobody-knows"))
    (row,) = summary.requests
    assert (row.cost_pico, row.unpriced, row.model) == (None, True, "nobody-knows")
    assert summary.unpriced_requests == 1
    assert shop.journal.charged_pico(DAY) == row.at_most_pico > 0
    assert shop.told("request_finished")["cost_usd"] is None


async def test_without_usage_our_own_count_is_booked_as_estimated(shop: Workshop) -> None:
    _, _, summary = await shop.play(reply(call("finish", summary="s" * 400), usage=None))
    (row,) = summary.requests
    assert row.certainty == "estimated"
    assert row.usage.uncached_input == shop.told("request_started")["counted_tokens"] > 500
    assert row.usage.output >= 100


async def test_impossible_usage_is_estimated_and_never_below_our_own_count(shop: Workshop) -> None:
    nothing = Usage(uncached_input=0, output=0)
    _, _, summary = await shop.play(reply(call("finish", summary="s" * 400), usage=nothing, clamped=True))
    (row,) = summary.requests
    assert row.certainty == "estimated"
    assert row.usage.uncached_input == shop.told("request_started")["counted_tokens"]


# --- limits ------------------------------------------------------------------------------------------------------


async def test_a_limit_is_waited_for_as_long_as_the_provider_asks(shop: Workshop) -> None:
    limit = LimitReached("the limit is reached", retry_after_s=30.0)
    outcome, model, summary = await shop.play(limit, finish())
    assert isinstance(outcome, Finished)
    assert len(model.bodies) == 2
    assert model.bodies[0] == model.bodies[1]
    assert 30.0 <= shop.clock.slept_s < 30.5
    waiting = shop.told("waiting")
    assert (waiting["reason"], waiting["seconds"], waiting["until"]) == ("limit", 30.0, "2026-11-21T08:00:30.000Z")
    assert shop.kinds().index("waiting") < shop.kinds().index("going_on") < shop.kinds().index("request_finished")
    assert len(summary.requests) == 1
    assert summary.held_pico == 0


async def test_while_it_waits_everybody_sees_until_when(shop: Workshop) -> None:
    run = ""
    seen = []

    async def look() -> None:
        seen.append(shop.summary(run))

    model = ScriptedModel(LimitReached("the limit is reached", retry_after_s=30.0), finish(), clock=shop.clock)
    run = await shop.begin(model)
    shop.clock.while_asleep = look
    await shop.drive(model, run)
    (waiting,) = seen
    assert (waiting.record.state, waiting.record.reason) == ("paused", "limit")
    assert waiting.record.resume_at == "2026-11-21T08:00:30.000Z"
    assert waiting.record.owner_alive
    # Nothing is owed for a request that was not taken.
    assert waiting.held_pico == 0
    record = shop.summary(run).record
    assert (record.state, record.resume_at) == ("finished", None)


async def test_a_long_limit_pauses_it_and_says_until_when(shop: Workshop) -> None:
    limit = LimitReached("the weekly limit is reached", retry_after_s=3_600.0)
    outcome, model, summary = await shop.play(limit)
    assert isinstance(outcome, Paused)
    assert (outcome.reason, outcome.resume_at) == ("limit", "2026-11-21T09:00:00.000Z")
    assert "the weekly limit is reached. It resets at 2026-11-21T09:00:00.000Z." in outcome.detail
    assert shop.clock.slept_s == 0
    assert len(model.bodies) == 1
    assert summary.record.resume_at == "2026-11-21T09:00:00.000Z"
    assert summary.held_pico == summary.cost_pico == 0


async def test_a_wish_to_pause_is_heard_while_it_waits(shop: Workshop) -> None:
    run = ""
    model = ScriptedModel(LimitReached("the limit is reached", retry_after_s=200.0), clock=shop.clock)
    run = await shop.begin(model)
    shop.clock.while_asleep = lambda: shop.journal.request_pause(run)
    outcome = await shop.drive(model, run)
    assert outcome == Paused(reason="asked", detail="Paused as asked, while waiting for the provider.")
    assert shop.clock.slept_s < 1.0
    assert len(model.bodies) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Overloaded("the provider is overloaded"), "provider"),
        (Unreachable("no connection"), "provider"),
        (LimitReached("the limit is reached", retry_after_s=1.0), "limit"),
    ],
    ids=["overloaded", "unreachable", "limit"],
)
async def test_what_passes_by_itself_is_tried_four_times_and_no_more(
    shop: Workshop, error: NotAccepted, reason: str
) -> None:
    outcome, model, summary = await shop.play(error, error, error, error)
    assert isinstance(outcome, Paused)
    assert outcome.reason == reason
    assert str(error) in outcome.detail
    assert len(model.bodies) == 4
    assert summary.requests == ()
    assert summary.held_pico == 0
    again = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, summary.record.run), Finished)
    assert again.bodies[0] == model.bodies[0]


async def test_a_quota_that_is_used_up_is_asked_for_once_and_nothing_waits_for_it(shop: Workshop) -> None:
    outcome, model, summary = await shop.play(QuotaExhausted("no credit is left"))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, outcome.resume_at) == ("limit", None)
    assert outcome.detail.startswith("no credit is left. ")
    assert (len(model.bodies), shop.clock.slept_s) == (1, 0)
    assert summary.held_pico == summary.cost_pico == 0


@pytest.mark.parametrize("kind", [KeyRefused, ModelNotKnown, RequestRejected])
async def test_what_waiting_does_not_cure_is_not_tried_again(shop: Workshop, kind: type[NotAccepted]) -> None:
    outcome, model, summary = await shop.play(kind("no, because of this"))
    assert outcome == Paused(reason="provider", detail="no, because of this")
    assert len(model.bodies) == 1
    assert summary.held_pico == summary.cost_pico == 0
    assert shop.clock.slept_s == 0


# --- answers that break off -----------------------------------------------------------------------------------------


async def test_a_cut_answer_is_not_bought_again_unasked(shop: Workshop) -> None:
    outcome, model, summary = await shop.play(cut(text_seen=True))
    assert isinstance(outcome, Paused)
    assert outcome.reason == "cut"
    assert len(model.bodies) == 1
    (row,) = summary.requests
    assert (row.certainty, row.cost_pico, row.request_id) == ("unknown", None, "req-1")
    assert summary.held_pico == row.at_most_pico == shop.journal.charged_pico(DAY) > 0
    assert shop.journal.held_pico(DAY) == 0
    assert f"It may be billed, at most {money(row.at_most_pico)}. Resume asks again." in outcome.detail
    again = ScriptedModel(finish(), clock=shop.clock)
    assert isinstance(await shop.drive(again, summary.record.run), Finished)
    assert [each.certainty for each in shop.summary(summary.record.run).requests] == ["unknown", "billed"]
    assert shop.steps(summary.record.run)["m1"].attempt == 2


async def test_an_answer_that_was_cut_before_it_began_is_asked_for_once_more(shop: Workshop) -> None:
    outcome, model, summary = await shop.play(cut(text_seen=False), finish())
    assert isinstance(outcome, Finished)
    assert len(model.bodies) == 2
    assert [each.certainty for each in summary.requests] == ["unknown", "billed"]


async def test_and_not_a_third_time(shop: Workshop) -> None:
    outcome, model, summary = await shop.play(cut(text_seen=False), cut(text_seen=False))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(model.bodies)) == ("cut", 2)
    assert [each.certainty for each in summary.requests] == ["unknown", "unknown"]
    assert summary.held_pico == sum(each.at_most_pico for each in summary.requests)


# --- budgets -----------------------------------------------------------------------------------------------------


async def base_pico(shop: Workshop) -> int:
    """What the first request of the second task may cost without its answer, at the dear rates."""
    shop.prices.rates[MODEL] = DEAR
    await shop.play(finish(), task="2", ceiling_usd="1000")
    held = Decimal(shop.told("request_started")["at_most_usd"]) * PICO_PER_USD
    return int(held) - MAX_OUTPUT_TOKENS * PICO_PER_TOKEN


PICO_PER_TOKEN = 1_000 * 10**6


@pytest.mark.parametrize(
    ("affordable", "sent"),
    [
        (LEAST_OUTPUT_TOKENS - 1, None),
        (LEAST_OUTPUT_TOKENS, LEAST_OUTPUT_TOKENS),
        (5_000, 5_000),
        (MAX_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS),
        (MAX_OUTPUT_TOKENS + 1, MAX_OUTPUT_TOKENS),
    ],
)
@pytest.mark.parametrize("scope", ["run", "day"])
async def test_the_answer_is_as_long_as_the_money_left_allows(
    shop: Workshop, affordable: int, sent: int | None, scope: str
) -> None:
    base = await base_pico(shop)
    shop.tasks.write_text(shop.tasks.read_text().replace("[x] 2.", "[ ] 2."))
    ceiling = base + affordable * PICO_PER_TOKEN
    if scope == "day":
        shop.day_limit = Amount(unit="usd", value=ceiling + shop.journal.charged_pico(DAY))
        outcome, model, summary = await shop.play(finish(), task="2", ceiling_usd=None)
    else:
        outcome, model, summary = await shop.play(finish(), task="2", ceiling_usd=usd_text(ceiling))
    if sent is None:
        assert isinstance(outcome, Paused)
        assert outcome.reason == "budget"
        assert model.bodies == []
        assert summary.held_pico == summary.cost_pico == 0
        assert shop.steps(summary.record.run) == {}
        assert "Nothing was sent." in outcome.detail
        assert ("--max" if scope == "run" else "bursar budget set day") in outcome.detail
        limit = shop.day_limit.value if shop.day_limit else ceiling
        whose = "This run's" if scope == "run" else "Today's"
        assert f"{whose} budget of {money(limit)} has no room" in outcome.detail
        assert not re.search(r"\$\d+\.\d{5}", outcome.detail), "figures for people are rounded"
    else:
        assert isinstance(outcome, Finished)
        assert model.requests[0]["max_tokens"] == sent


async def test_what_was_spent_before_counts(shop: Workshop) -> None:
    """A run with room for one request and a half: the second is refused, the first is kept."""
    shop.prices.rates[MODEL] = DEAR
    shop.write("a.txt", "alpha\n")
    dear = Usage(uncached_input=3_000, output=MAX_OUTPUT_TOKENS)
    reads = reply(call("read_file", path="a.txt"), usage=dear)
    outcome, model, summary = await shop.play(reads, ceiling_usd="10")
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(model.bodies)) == ("budget", 1)
    assert summary.cost_pico == (3_000 * 200 + MAX_OUTPUT_TOKENS * 1_000) * 10**6
    assert f": {money(summary.cost_pico)} is spent. Nothing was sent." in outcome.detail


async def test_the_budget_that_a_refusal_names_is_enough_and_nine_tenths_of_it_are_not(shop: Workshop) -> None:
    shop.prices.rates[MODEL] = DEAR
    shop.write("a.txt", "alpha\n")
    dear = Usage(uncached_input=3_000, output=MAX_OUTPUT_TOKENS)
    outcome, _, summary = await shop.play(reply(call("read_file", path="a.txt"), usage=dear), ceiling_usd="10")
    run = summary.record.run
    named = re.search(r"at least \$([\d.,]+) free.*Raise the budget to \$([\d.,]+) or more", outcome.detail)
    assert named is not None
    free, enough = (int(Decimal(each.replace(",", "")) * PICO_PER_USD) for each in named.groups())
    assert free < enough <= summary.cost_pico + free + PICO_PER_USD // 100
    await shop.journal.raise_ceiling(run, summary.cost_pico + free * 9 // 10)
    refused = ScriptedModel(finish(), clock=shop.clock)
    assert (await shop.drive(refused, run)).reason == "budget"
    assert not refused.bodies
    await shop.journal.raise_ceiling(run, enough)
    assert isinstance(await shop.drive(ScriptedModel(finish(), clock=shop.clock), run), Finished)


async def test_a_budget_of_requests(shop: Workshop) -> None:
    shop.write("a.txt", "alpha\n")
    shop.day_limit = Amount(unit="requests", value=1)
    outcome, model, _ = await shop.play(reply(call("read_file", path="a.txt")))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, len(model.bodies)) == ("budget", 1)
    assert "budget of 1 request has no room for the next request, which needs at least 1 request free" in outcome.detail


async def test_a_model_without_a_price_is_refused_under_a_limit_with_the_setting_that_allows_it(
    shop: Workshop,
) -> None:
    shop.prices.rates.clear()
    outcome, model, summary = await shop.play(finish())
    assert isinstance(outcome, Paused)
    assert outcome.reason == "budget"
    assert f"No price is known for {MODEL}." in outcome.detail
    assert '"price": "free"' in outcome.detail
    assert model.bodies == []
    assert summary.held_pico == 0


async def test_and_runs_without_any_limit_as_unpriced(shop: Workshop) -> None:
    shop.prices.rates.clear()
    outcome, _, summary = await shop.play(finish(), ceiling_usd=None)
    assert isinstance(outcome, Finished)
    (row,) = summary.requests
    assert (row.cost_pico, row.unpriced) == (None, True)


async def test_a_free_provider_runs_any_model_under_any_limit(shop: Workshop) -> None:
    free = price_book(override_file=None, free_providers=frozenset({"acme"}))
    shop.day_limit = Amount(unit="usd", value=1)
    outcome, model, summary = await shop.play(
        reply(call("finish", summary="s"), model="nobody-knows"), ceiling_usd="0.000001", prices=free
    )
    assert isinstance(outcome, Finished)
    (row,) = summary.requests
    assert (row.cost_pico, row.unpriced) == (0, False)
    assert model.requests[0]["max_tokens"] == MAX_OUTPUT_TOKENS


async def test_the_rates_are_kept_with_the_entry(shop: Workshop) -> None:
    """A later price does not change what was paid."""
    outcome, _, summary = await shop.play(reply(text("hm")), finish())
    assert isinstance(outcome, Finished)
    before = summary.cost_pico
    shop.prices.rates[MODEL] = DEAR
    assert shop.summary(summary.record.run).cost_pico == before == 2 * COST_OF_USAGE * 10**6
    assert RATES is not DEAR
