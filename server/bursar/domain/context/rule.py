"""What a row of the table of prompt caches says; ``rules`` finds the row of a model, ``rule_rows`` has them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

Lookup: TypeAlias = Literal["marked", "prefix", "exact"]
"""How a prefix is found: at marks in the request and so many blocks before each; anywhere; only where one was kept."""


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
