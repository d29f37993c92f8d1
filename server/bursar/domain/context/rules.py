"""What each model's prompt cache does, as data: found by the model's name, and the safe row for a name not known.

What tokens cost is the price card's business, which wins wherever it knows a price: the ratios of a row are for models
that it does not know, and are compared with it in the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal, TypeAlias

from bursar.domain.money.price import Price, Unpriced

Lookup: TypeAlias = Literal["marked", "prefix", "exact"]
"""How a prefix is found: at marks in the request and so many blocks before each; anywhere; only where one was kept."""

_DATE = re.compile(r"(?:[-@](?:20[0-9]{6}|20[0-9]{2}-[0-9]{2}-[0-9]{2})|-latest)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What keeping a prefix for so long costs, as a multiple of plain input."""

    life_s: int
    ratio: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Above so many tokens of prompt the whole request costs a multiple: all its input, cached or not, and its output.

    Both are multiples of the price below the first edge.
    """

    above_tokens: int
    input_ratio: Decimal
    output_ratio: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRules:
    """One row. ``models`` are whole names; a date behind one is left out, and so is a seller before it.

    ``writes`` go from the shortest life to the longest, the first is the usual one; a read begins the life anew.
    ``most_life_s`` is how long a prefix may live on where the provider promises less than it does, None where it
    does not say. ``marks`` is how many a request may have, ``lookback_blocks`` how far before a mark a known prefix is
    looked for, the marked block counted; None for no bound. What is read comes in steps of ``step_tokens``.
    With ``preserved_thinking`` nothing may be edited before a thinking block; ``context_editing`` says that the
    provider drops old results itself when it is asked to. ``doubts`` say what no page of the vendor's was found for.
    """

    models: tuple[str, ...]
    lookup: Lookup
    read_ratio: Decimal
    writes: tuple[Write, ...]
    min_prefix_tokens: int
    source: str
    as_of: str
    most_life_s: int | None = None
    marks: int = 0
    lookback_blocks: int | None = None
    step_tokens: int = 1
    edges: tuple[Edge, ...] = ()
    preserved_thinking: bool = False
    context_editing: bool = False
    doubts: tuple[str, ...] = ()

    @property
    def life_s(self) -> int:
        """How long what a usual request keeps is promised to live."""
        return self.writes[0].life_s


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
