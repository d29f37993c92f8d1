"""How an attempt is settled whose bill is not told, or not to the end: never below what it can be."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bursar.domain.errors import AnswerCut
from bursar.domain.money.bound import output_bound_tokens
from bursar.domain.money.budget import Scope
from bursar.domain.money.usage import Owed, Usage
from bursar.runs.bounding import bound_of_cut, bound_of_hold
from bursar.runs.world import Finished, Paused
from faults.answers import provider
from providers.lines import l_call, l_line, lines
from providers.support import a_start, a_text, sse
from support.fault_server import LAST_CHUNK, chunk, fault_server, head
from support.world import MODEL, RATES, WordCounter, Workshop, call, finish, reply

DAY = Scope(kind="day", key="2026-11-21")


def run_of(run: str) -> Scope:
    return Scope(kind="run", key=run)


async def test_an_estimate_is_charged_with_its_upper_end(shop: Workshop) -> None:
    """The model thinks unseen: all that was reserved may have been taken."""
    outcome, _, summary = await shop.play(reply(call("finish", summary="s"), usage=None))
    assert isinstance(outcome, Finished)
    (row,) = summary.requests
    assert row.certainty == "estimated"
    assert row.cost_pico is not None
    hold = shop.steps(summary.record.run)["m1"].hold_pico
    assert row.at_most_pico == hold > row.cost_pico
    for scope in (run_of(summary.record.run), DAY):
        money = shop.journal.used(scope, "usd")
        assert (money.charged, money.not_known, money.held) == (hold, hold - row.cost_pico, 0)
        tokens = shop.journal.used(scope, "tokens")
        known = row.usage.input + row.usage.output
        assert tokens.charged == row.at_most_tokens > known
        assert tokens.not_known == row.at_most_tokens - known
    assert summary.held_pico == hold - row.cost_pico


async def test_what_was_seen_bounds_a_model_that_cannot_think_unseen(shop: Workshop) -> None:
    """Thoughts that were sent are counted, and the bound is far below what was reserved."""
    shop.prices.rates["llama-x"] = RATES
    thought = "one two three four five six seven eight nine ten"
    answer = lines(
        l_line(message={"thinking": thought}),
        l_line(message=l_call("finish", {"summary": "s"})),
        l_line(done=True, done_reason="stop"),
    )
    async with fault_server() as server:
        server.will(head(200, kind="application/x-ndjson") + chunk(answer) + LAST_CHUNK)
        asked = provider(shop, "ollama", server.url)
        run = await shop.begin(asked, named="llama-x")  # type: ignore[arg-type]
        assert isinstance(await shop.drive(asked, run), Finished)  # type: ignore[arg-type]
    (row,) = shop.summary(run).requests
    assert row.certainty == "estimated"
    said = f'{thought}finish{{"summary":"s"}}'
    assert row.usage.output == WordCounter().count(said)
    hold = shop.steps(run)["m1"].hold_pico
    assert row.cost_pico is not None
    assert row.cost_pico < row.at_most_pico < hold
    assert shop.journal.used(DAY, "usd").charged == row.at_most_pico


async def test_an_answer_that_broke_off_owes_its_input_and_what_arrived(shop: Workshop) -> None:
    shop.prices.rates["claude-x"] = RATES
    usage = {"input_tokens": 900, "cache_read_input_tokens": 100, "output_tokens": 1}
    begun = sse(a_start(usage), *a_text("one two three four five six")[:2])
    async with fault_server() as server:
        server.will(head(200) + chunk(begun) + LAST_CHUNK)
        asked = provider(shop, "anthropic", server.url)
        run = await shop.begin(asked, named="claude-x")  # type: ignore[arg-type]
        outcome = await shop.drive(asked, run)  # type: ignore[arg-type]
    assert isinstance(outcome, Paused)
    (row,) = shop.summary(run).requests
    assert (row.certainty, row.cost_pico) == ("unknown", None)
    arrived = WordCounter().count("one two three four five six")
    assert row.usage == Usage(uncached_input=900, cache_read=100, output=arrived)
    # 900 tokens at $2, 100 at $0.10 and the longest answer at $10, each per million.
    longest = int(shop.steps(run)["m1"].intent["max_tokens"])
    assert row.at_most_pico == 900 * 2 * 10**6 + 100 * 10**5 + longest * 10 * 10**6
    assert row.at_most_pico < shop.steps(run)["m1"].hold_pico
    assert shop.journal.used(DAY, "usd").charged == row.at_most_pico
    assert f"{outcome.detail}".count("at most") == 1
    assert Decimal(shop.told("request_unknown")["at_most_usd"]) * 10**12 == row.at_most_pico


async def test_what_cannot_be_true_of_a_broken_answer_bounds_nothing(shop: Workshop) -> None:
    wrong = Owed(usage=Usage(uncached_input=1), raw="{}", clamped=True, model=MODEL)
    cut = AnswerCut("it broke off", text_seen=True, output_chars=4, so_far=wrong)
    _, _, summary = await shop.play(cut)
    (row,) = summary.requests
    assert (row.certainty, row.usage) == ("unknown", Usage())
    assert row.at_most_pico == shop.steps(summary.record.run)["m1"].hold_pico


async def test_a_broken_answer_of_another_model_is_bounded_by_that_models_price(shop: Workshop) -> None:
    shop.prices.rates["dear"] = replace(RATES, input=RATES.input * 1000, output=RATES.output * 1000)
    other = Owed(usage=Usage(uncached_input=500), raw="{}", clamped=False, model="dear")
    cut = AnswerCut("it broke off", text_seen=True, output_chars=4, so_far=other)
    _, _, summary = await shop.play(cut)
    (row,) = summary.requests
    longest = int(shop.steps(summary.record.run)["m1"].intent["max_tokens"])
    assert row.at_most_pico == (500 * 2 + longest * 10) * 1000 * 10**6


async def test_what_was_billed_is_charged_as_that_alone(shop: Workshop) -> None:
    _, _, summary = await shop.play(finish())
    (row,) = summary.requests
    assert (row.certainty, row.open_pico) == ("billed", 0)
    used = shop.journal.used(run_of(summary.record.run), "usd")
    assert (used.charged, used.not_known) == (row.cost_pico, 0)


@pytest.mark.parametrize(
    ("model", "bound"),
    [
        ("llama-x", 22 + 512),
        ("acme/llama-x", 22 + 512),
        ("claude-sonnet-5-5", 9_000),
        ("anthropic/claude-sonnet-5-5", 9_000),
        ("gpt-6-sol", 9_000),
        ("gpt-4o", 11 + 512),
    ],
)
def test_the_bound_of_an_answer(model: str, bound: int) -> None:
    assert output_bound_tokens(counted_tokens=10, text_bytes=400, max_tokens=9_000, model=model) == bound
    assert output_bound_tokens(counted_tokens=10, text_bytes=400, max_tokens=100, model=model) == 100


def test_bounds_are_never_below_what_is_booked(shop: Workshop) -> None:
    price = shop.prices.price(provider="acme", model=MODEL, at="2026-11-21T00:00:00Z")
    usage = Usage(uncached_input=1_000_000, output=1_000)
    cost = (1_000_000 * 2 + 1_000 * 10) * 10**6
    assert bound_of_hold(usage, price=price, hold_pico=5).pico == cost
    assert bound_of_cut(usage, max_tokens=10, is_asked_model=False, price=price, hold_pico=5).pico == cost
