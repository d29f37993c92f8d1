"""The cache rules beside the price card, for every model that both know, and the lookup by name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.context.rule import CacheRules
from bursar.domain.context.rule_rows import ROWS
from bursar.domain.context.rules import SAFE, ratios_of, rules_for
from bursar.domain.money.price import Price, Unpriced
from bursar.prices import price_book
from bursar.providers.anthropic import LONG_TURN_BLOCKS

AT = "2026-11-20T07:00:00.000Z"
BOOK = price_book(override_file=None, free_providers=frozenset())
EXCEPTIONS = tomllib.loads((Path(__file__).parent / "cache_exceptions.toml").read_text())
PART_OF_A_PERCENT = Decimal("0.005")


def listed(model: str) -> Price | None:
    price = BOOK.price(provider="sim", model=model, at=AT)
    return price if isinstance(price, Price) else None


def by_the_card(price: Price) -> dict[str, Decimal]:
    """What the card says, as multiples of its plain input; what it only assumes is left out."""
    assumed = {each.bucket for each in price.assumed}
    found = {
        bucket: getattr(price.rates, bucket) / price.rates.input
        for bucket in ("cache_read", "cache_write_5m", "cache_write_1h")
        if bucket not in assumed
    }
    for each in price.tiers:
        found[f"input above {each.above_tokens}"] = each.rates.input / price.rates.input
        found[f"output above {each.above_tokens}"] = each.rates.output / price.rates.output
    return found


def by_the_row(row: CacheRules) -> dict[str, Decimal]:
    found = {"cache_read": row.read_ratio, "cache_write_5m": row.writes[0].ratio}
    for each in row.writes[1:]:
        found["cache_write_1h"] = each.ratio
    for edge in row.edges:
        found[f"input above {edge.above_tokens}"] = edge.input_ratio
        found[f"output above {edge.above_tokens}"] = edge.output_ratio
    return found


def differences(rows: Sequence[CacheRules]) -> Iterator[tuple[str, str, Decimal | None, Decimal | None]]:
    for row in rows:
        for model in row.models:
            price = listed(model)
            if price is None:
                continue
            card, own = by_the_card(price), by_the_row(row)
            edges = {name for name in (*card, *own) if " above " in name}
            for what in sorted((card.keys() & own.keys()) | edges):
                one, other = card.get(what), own.get(what)
                if one is None or other is None or abs(one - other) > one * PART_OF_A_PERCENT:
                    yield model, what, one, other


def wrong(rows: Sequence[CacheRules], exceptions: dict[str, Any]) -> list[str]:
    known = {
        (each["model"], each["what"], Decimal(each["card"]), Decimal(each["row"]))
        for each in exceptions.get("difference", [])
    }
    found = set(differences(rows))
    return sorted(
        [f"{each}: nobody has looked at it" for each in found - known]
        + [f"{each}: the exception is not needed" for each in known - found]
    )


def test_the_rows_agree_with_the_card_but_for_the_dated_exceptions() -> None:
    assert wrong(ROWS, EXCEPTIONS) == []
    assert all(each["why"] and each["date"].year >= 2026 for each in EXCEPTIONS.get("difference", []))


def test_most_rows_can_be_compared() -> None:
    compared = [model for row in ROWS for model in row.models if listed(model)]
    assert len(compared) >= 50
    assert sum("cache_read" in by_the_card(price) for each in compared if (price := listed(each))) == len(compared)


@pytest.mark.parametrize(
    "broken",
    [
        {"read_ratio": Decimal("0.2")},
        {"edges": ()},
    ],
)
def test_a_row_that_is_off_is_found(broken: dict[str, Any]) -> None:
    rows = [replace(each, **broken) if "claude-haiku-5-5" in each.models else each for each in ROWS]
    assert any("claude-haiku-5-5" in each for each in wrong(rows, EXCEPTIONS))


def test_an_exception_for_nothing_is_found() -> None:
    extra = {"model": "claude-opus-5", "what": "cache_read", "card": "0.1", "row": "0.3"}
    assert wrong(ROWS, {"difference": [*EXCEPTIONS.get("difference", []), extra]})


def test_each_name_has_one_row_and_each_row_says_where_it_is_from() -> None:
    names = [model for row in ROWS for model in row.models]
    assert len(names) == len(set(names))
    for row in (*ROWS, SAFE):
        assert row.source
        assert re.fullmatch(r"2026-1[01]-[0-3][0-9]", row.as_of)
        assert [each.life_s for each in row.writes] == sorted(each.life_s for each in row.writes)
        assert (row.marks > 0) == (row.lookup != "prefix")
        assert row.most_life_s is None or row.most_life_s >= row.life_s


@pytest.mark.parametrize(
    ("name", "minimum", "preserved"),
    [
        ("claude-opus-5", 512, False),
        ("claude-opus-5-20260601", 512, False),
        ("anthropic/claude-opus-5", 512, False),
        ("Claude-Haiku-4-5@20251001", 4_096, False),
        ("claude-fable-5-2", 512, True),
        ("gpt-6.1-sol", 1_024, False),
        ("gpt-6.1-sol-2026-10-01", 1_024, False),
    ],
)
def test_a_row_is_found_by_the_whole_name(name: str, minimum: int, preserved: bool) -> None:
    row = rules_for(name)
    assert (row.min_prefix_tokens, row.preserved_thinking) == (minimum, preserved)
    assert row is not SAFE


@pytest.mark.parametrize("name", ["", "claude-opus-5-max", "claude-opus", "gpt-6.1", "llama-4", "claude-opus-5/other"])
def test_a_name_that_only_resembles_one_gets_the_safe_row(name: str) -> None:
    assert rules_for(name) is SAFE


def test_the_safe_row_is_the_strictest_of_all() -> None:
    assert SAFE.read_ratio == min(each.read_ratio for each in ROWS)
    assert SAFE.writes[0].ratio == max(write.ratio for each in ROWS for write in each.writes)
    assert SAFE.life_s == min(each.life_s for each in ROWS)
    assert SAFE.min_prefix_tokens == max(each.min_prefix_tokens for each in ROWS)
    assert SAFE.lookback_blocks == min(each.lookback_blocks for each in ROWS if each.lookback_blocks)
    assert SAFE.preserved_thinking and not SAFE.context_editing


def test_the_marks_that_are_sent_go_by_the_strictest_row() -> None:
    # The wire puts at most four, and one before a turn of more than this many blocks, whatever the model.
    marked = [each for each in (*ROWS, SAFE) if each.lookup == "marked"]
    assert {each.marks for each in marked} == {4}
    assert min(each.lookback_blocks or 0 for each in marked) > LONG_TURN_BLOCKS


def test_the_card_wins_where_it_knows_the_price() -> None:
    row = rules_for("claude-opus-5")
    price = listed("claude-opus-5")
    assert price is not None
    dearer = replace(price, rates=replace(price.rates, cache_read=price.rates.input / 2))
    assert ratios_of(row, dearer).read == Decimal("0.5")
    assert ratios_of(row, dearer).by_card
    unknown = ratios_of(row, Unpriced(model="claude-opus-5", why="there is no card"))
    assert (unknown.read, unknown.write, unknown.by_card) == (Decimal("0.1"), Decimal("1.25"), False)
    # The card lists no write price for this one: what a write costs then is the row's.
    gpt = listed("gpt-5.5")
    assert gpt is not None
    assert ratios_of(rules_for("gpt-5.5"), gpt).write == 1
