"""What each model's prompt cache does, as data: found by the model's name, and the safe row for a name not known.

What tokens cost is the price card's business, which wins wherever it knows a price: the ratios of a row are for models
that it does not know, and are compared with it in the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache

from bursar.domain.context.rule import CacheRules, Write
from bursar.domain.money.price import Price, Unpriced

_DATE = re.compile(r"(?:[-@](?:20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2})|-latest)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratios:
    """What a read and the usual write cost as multiples of plain input; ``by_card`` says that the price card knows."""

    read: Decimal
    write: Decimal
    by_card: bool


SAFE = CacheRules(
    models=(),
    lookup="marked",
    # An edit of the context that pays where reads are this cheap and writes this dear pays anywhere.
    read_ratio=Decimal("0.02"),
    writes=(Write(life_s=300, ratio=Decimal(2)),),
    min_prefix_tokens=4_096,
    marks=4,
    lookback_blocks=20,
    step_tokens=128,
    preserved_thinking=True,
    source="the cheapest read, the dearest write, the shortest life, the longest minimum and the strictest rule of all"
    " rows",
    as_of="2026-11-20",
)
"""For a model that no row names."""


@lru_cache(maxsize=256)
def rules_for(model: str) -> CacheRules:
    """The row that names this model, with or without a seller before its name and a date behind it; else the safe one.

    A name that only resembles one of a row is another model.
    """
    name = model.lower().rpartition("/")[2]
    rows = _by_name()
    return rows.get(name) or rows.get(_DATE.sub("", name)) or SAFE


def ratios_of(rules: CacheRules, price: Price | Unpriced) -> Ratios:
    """What reads and writes cost: by the price where it names both, else by the row."""
    if isinstance(price, Unpriced) or price.rates.input == 0:
        return Ratios(read=rules.read_ratio, write=rules.writes[0].ratio, by_card=False)
    assumed = {each.bucket for each in price.assumed}
    plain = price.rates.input
    read = rules.read_ratio if "cache_read" in assumed else price.rates.cache_read / plain
    write = rules.writes[0].ratio if "cache_write_5m" in assumed else price.rates.cache_write_5m / plain
    return Ratios(read=read, write=write, by_card="cache_read" not in assumed)


@cache
def _by_name() -> dict[str, CacheRules]:
    # The table is long, and only those who ask about a model pay for it.
    from bursar.domain.context.rule_rows import ROWS

    return {name: row for row in ROWS for name in row.models}
