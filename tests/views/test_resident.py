"""The line above a file that an agent reads, compared whole with what a user sees; money by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bursar.domain.counting import Estimate
from bursar.domain.instructions import read_instructions
from bursar.domain.instructions.weight import NOTHING_INCLUDED, Weights
from bursar.domain.money.price import Assumed, Price, Rates, Unpriced
from bursar.domain.money.use_rate import UseRate
from bursar.views.annotations import Lens
from bursar.views.resident import per_day, resident_lens

RATES = Rates(
    input=Decimal("3.00"),
    output=Decimal("15.00"),
    cache_read=Decimal("0.30"),
    cache_write_5m=Decimal("3.75"),
    cache_write_1h=Decimal("6.00"),
)
PRICE = Price(model="m", rates=RATES, rate_card="card 1")
USE = UseRate(requests=42, days=14)


def lens(path: str = "AGENTS.md", text: str = "# A\n", tokens: int = 10_000, **changes) -> Lens | None:
    given = {"included": NOTHING_INCLUDED, "price": PRICE, "use": USE, "encoding": "o200k_base", **changes}
    return resident_lens(read_instructions(path, text), tokens=tokens, **given)


def title(*args, **changes) -> str:
    found = lens(*args, **changes)
    assert found is not None
    return found.title


def test_what_every_request_carries_has_a_cost_per_request_and_per_day() -> None:
    # 10,000 tokens: 10,000 x 0.30 / 1e6 = $0.003 read, 10,000 x 3.75 / 1e6 = $0.0375 written; three requests a day.
    found = lens()
    assert found is not None
    assert found.title == "resident · baseline $0.003, maximum $0.038 per request · $0.009 to $0.11 a day"
    assert found.tooltip == (
        "Every request of the agent carries this file: 10,000 tokens, counted under o200k_base. Baseline: all of it "
        "read from the prompt cache at $0.3 per million tokens; maximum: written to it at $3.75. Rates from card 1. "
        "Per day: 42 requests in this workspace in the last 14 days, 3 a day, those imported from other agents among "
        "them."
    )
    assert (found.line, found.command) == (0, None)


def test_included_files_are_carried_with_it() -> None:
    found = lens(tokens=8_000, included=Weights(files=("a.md", "b.md"), tokens=2_000))
    assert found is not None
    assert found.title == title()
    assert found.tooltip.startswith(
        "Every request of the agent carries this file (8,000 tokens) and the 2 files that it includes (2,000): 10,000 "
        "together, counted under o200k_base."
    )


def test_money_is_reckoned_from_what_the_vendor_probably_makes_of_the_tokens() -> None:
    # Half as many again: 15,000 x 0.30 / 1e6 = $0.0045 read, 15,000 x 3.75 / 1e6 = $0.05625 written.
    said = Estimate(model="m", tokens=12_000, low=10_000, high=14_000, provenance="calibrated on 48 requests")
    found = lens(tokens=8_000, included=Weights(files=("a.md",), tokens=2_000), estimate=said, use=None)
    assert found is not None
    assert found.title == "resident · baseline $0.0045, maximum $0.056 per request · no requests yet"
    assert (
        "m probably makes 12,000 of these 8,000 tokens (10,000 to 14,000: calibrated on 48 requests); money is "
        "reckoned from that."
    ) in found.tooltip


def test_a_model_that_counts_as_we_do_needs_no_word_about_it() -> None:
    exact = Estimate(model="m", tokens=10_000, low=10_000, high=10_000, provenance="exact")
    assert lens(estimate=exact) == lens()
    other = lens(estimate=replace(exact, tokens=9_000, low=9_000, high=9_000))
    assert other is not None and "m makes 9,000 of these 10,000 tokens (exact)." in other.tooltip


def test_without_history_nothing_is_said_of_a_day() -> None:
    assert title(use=None) == "resident · baseline $0.003, maximum $0.038 per request · no requests yet"
    found = lens(use=None)
    assert found is not None and "No request was booked in this workspace in the last 14 days" in found.tooltip


@pytest.mark.parametrize(
    ("path", "text", "when"),
    [
        (".kiro/steering/a.md", "---\ninclusion: fileMatch\n---\n", "when its files match"),
        (".kiro/steering/a.md", "---\ninclusion: manual\n---\n", "on request"),
        ("a.prompt.md", "", "on request"),
        ("packages/x/AGENTS.md", "", "when its files match"),
        ("a.kiro.hook", "{}", "when its event happens"),
    ],
)
def test_what_not_every_request_carries_has_no_cost_per_day(path: str, text: str, when: str) -> None:
    assert title(path, text) == f"{when} · baseline $0.003, maximum $0.038 per request"


@pytest.mark.parametrize("path", [".kiro/specs/x/tasks.md", ".kiro/specs/x/design.md", "a.jsonl", "a.py"])
def test_other_files_have_no_such_line(path: str) -> None:
    assert lens(path) is None


def test_a_model_without_a_price_is_named_and_never_free() -> None:
    found = lens(price=Unpriced(model="sim/x", why="The card does not know sim/x."))
    assert found is not None
    assert found.title == "resident · no price known for sim/x"
    assert found.tooltip.endswith("counted under o200k_base. The card does not know sim/x.")


def test_without_a_price_for_reading_the_baseline_is_the_maximum() -> None:
    unread = Assumed(bucket="cache_read", known=False, why="no price for cache reads")
    found = lens(price=replace(PRICE, assumed=(unread,)))
    assert found is not None
    assert found.title == "resident · baseline $0.038, maximum $0.038 per request · $0.11 a day"
    assert "so the baseline is the maximum" in found.tooltip


def test_where_writing_is_not_billed_apart_the_maximum_is_plain_input() -> None:
    unwritten = Assumed(bucket="cache_write_5m", known=False, why="no price for cache writes")
    found = lens(price=replace(PRICE, assumed=(unwritten,)))
    assert found is not None
    assert "maximum $0.03 per request" in found.title
    assert "maximum: not in it at $3." in found.tooltip


@pytest.mark.parametrize(
    ("requests", "days", "words"), [(42, 14, "3"), (5, 2, "2.5"), (1, 14, "0.1"), (294, 14, "21"), (300, 14, "21")]
)
def test_a_rate_has_no_more_digits_than_it_deserves(requests: int, days: int, words: str) -> None:
    assert per_day(UseRate(requests=requests, days=days)) == words
