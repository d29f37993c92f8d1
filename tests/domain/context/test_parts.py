"""What is said of a part: whether it is cached, by the provider's report and its rules, what it costs, its last use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bursar.domain.context.last_use import Said, Shown, last_uses
from bursar.domain.context.parts import Answered, Piece, SessionContext, session_context
from bursar.domain.context.rule import CacheRules, Write
from bursar.domain.money.price import Cost, Price, Rates, Tier, Unpriced
from bursar.domain.money.usage import Usage

RATES = Rates(
    input=Decimal(2),
    output=Decimal(10),
    cache_read=Decimal("0.2"),
    cache_write_5m=Decimal("2.5"),
    cache_write_1h=Decimal(4),
)
PRICE = Price(model="m", rates=RATES, rate_card="test")
RULES = CacheRules(
    models=("m",),
    lookup="marked",
    read_ratio=Decimal("0.1"),
    writes=(Write(life_s=300, ratio=Decimal("1.25")),),
    min_prefix_tokens=100,
    lookback_blocks=4,
    source="",
    as_of="",
)
KEPT = Usage(cache_read=900, cache_write_5m=100)
PLAIN = Usage(uncached_input=1_000)


class Letters:
    """A letter is a token."""

    def count(self, text: str, /, *, encoding: str = "") -> int:
        return len(text)


def piece(item: str, first_request: int, size: int = 200, **more: Any) -> Piece:
    origin = "result" if item.startswith("t") else "spec"
    return Piece(item=item, origin=origin, title=item, text="x" * size, first_request=first_request, **more)


PIECES = (piece("spec:a", 1), piece("t1.0", 2), piece("t2.0", 3), piece("t3.0", 4))
ANSWERED = Answered(n=3, counted_tokens=1_000, usage=KEPT, ago_s=10, same_model=True)


def shown(pieces: Sequence[Piece] = PIECES, **changed: Any) -> SessionContext:
    given: dict[str, Any] = {"counter": Letters(), "price": PRICE, "writes": True, "rules": RULES, "answered": ANSWERED}
    given |= {"run": "r", "model": "p/m", "next_request": 4, "window_tokens": None, **changed}
    return session_context(pieces, (), **given)


@pytest.mark.parametrize(
    ("answered", "rules", "cached"),
    [
        (ANSWERED, RULES, [True, True, True, False]),
        (None, RULES, [False] * 4),
        (replace(ANSWERED, n=2), RULES, [True, True, False, False]),
        (replace(ANSWERED, same_model=False), RULES, [False] * 4),
        (replace(ANSWERED, ago_s=301), RULES, [False] * 4),
        (replace(ANSWERED, ago_s=301), replace(RULES, most_life_s=600), [None, None, None, False]),
        (replace(ANSWERED, usage=None), RULES, [None, None, None, False]),
        # It was sent with marks and nothing was kept: too short, or not taken.
        (replace(ANSWERED, usage=PLAIN), RULES, [False] * 4),
        # Where writes are not reported, a prompt that is long enough is kept.
        (replace(ANSWERED, usage=PLAIN), replace(RULES, lookup="prefix"), [True, True, True, False]),
        (replace(ANSWERED, usage=PLAIN), replace(RULES, lookup="prefix", min_prefix_tokens=1_001), [False] * 4),
        # Of a model that no row names only its own report says something.
        (replace(ANSWERED, usage=PLAIN), replace(RULES, models=()), [None, None, None, False]),
        (ANSWERED, replace(RULES, models=()), [True, True, True, False]),
    ],
)
def test_what_is_cached(answered: Answered | None, rules: CacheRules, cached: list[bool | None]) -> None:
    assert [each.cached for each in shown(answered=answered, rules=rules).parts] == cached


@pytest.mark.parametrize(
    ("changed", "rules", "cached"),
    [
        ("t2.0", RULES, ["spec:a", "t1.0"]),
        ("t1.0", RULES, ["spec:a"]),
        # The prefix that is left must be long enough, and a mark must find it: else only the documents' own does.
        ("t1.0", replace(RULES, min_prefix_tokens=201), []),
        ("t2.0", replace(RULES, lookback_blocks=2), ["spec:a"]),
        ("t2.0", replace(RULES, lookback_blocks=None), ["spec:a", "t1.0"]),
    ],
)
def test_what_is_cached_after_a_part_was_changed(changed: str, rules: CacheRules, cached: list[str]) -> None:
    pieces = [replace(each, changed_after=each.item == changed) for each in PIECES]
    assert [each.item for each in shown(pieces, rules=rules).parts if each.cached] == cached


def test_money_is_by_the_tier_of_the_whole_window() -> None:
    dear = replace(RATES, cache_read=Decimal("0.4"), cache_write_5m=Decimal(5))
    tiered = replace(PRICE, tiers=(Tier(above_tokens=799, rates=dear),))
    costs = [each.per_request for each in shown(price=tiered).parts]
    assert [each.pico if isinstance(each, Cost) else None for each in costs] == [200 * 400_000] * 3 + [200 * 5_000_000]
    less = [
        each.per_request for each in shown(price=replace(tiered, tiers=(Tier(above_tokens=800, rates=dear),))).parts
    ]
    assert [each.pico if isinstance(each, Cost) else None for each in less] == [200 * 200_000] * 3 + [200 * 2_500_000]
    assert isinstance(shown(price=Unpriced(model="m", why="")).per_request, Unpriced)


def test_the_newest_part_that_showed_a_thing_was_used() -> None:
    line = "    return weight * table[weight]"
    parts = [
        Shown(item="one", request=1, text=f"def price_of(weight):\n{line}\n"),
        Shown(item="two", request=3, text=f"price_of\n{line}\n"),
        Shown(item="late", request=5, text="src/other.py"),
        Shown(item="never", request=1, text="unrelated words"),
    ]
    said = [
        Said(request=1, texts=("I call price_of next.",)),
        Said(request=4, texts=("", f"x\n{line}\ny")),
        Said(request=4, texts=("words and src/other.py, which nobody had shown by then",)),
    ]
    assert last_uses(parts, said) == {"one": 1, "two": 4}
    assert last_uses(parts, said[:1]) == {"one": 1}
