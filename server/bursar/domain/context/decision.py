"""What a policy makes of a session's context before a request, and what it is told before it decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from bursar.domain.context.rates import PriceSet
from bursar.domain.context.session import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Whole lines of a turn, verbatim: ranges of line numbers (0-based, end exclusive), in order.

    ``pointers``: how many of the gaps say where their lines are visible.
    """

    kept: tuple[tuple[int, int], ...]
    pointers: int = 0


Shape: TypeAlias = Literal["full", "stub", "dropped"] | Excerpt
"""How a turn stands in the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What changes with a request: turns (by their number in the order of arrival) that get another shape.

    ``summary``: a summary is written, and stands before everything that was not dropped. ``ping``: one minimal request
    keeps the cache warm if no other comes in time.
    """

    changes: Mapping[int, Shape] = field(default_factory=dict)
    summary: bool = False
    ping: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What is known before a request is sent: nothing of any later one.

    ``is_cold``: what the provider kept of the prompt is gone. ``turns`` are those that this request carries first.
    """

    request: int
    gap_s: float
    is_cold: bool
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a policy knows of a session before it begins.

    ``unseen_source``: nothing that was learnt from sessions of this source may be used. ``may_rewrite``: what was sent
    may be changed, so what arrives is not all that can be trimmed.
    """

    prices: PriceSet
    window_tokens: int
    base_tokens: int
    tokens_per_character: float
    unseen_source: str | None = None
    may_rewrite: bool = True


class Policy(Protocol):
    """Decides request by request, from what was sent so far and nothing else."""

    def decide(self, arrived: Arrived) -> Decision:
        """What changes before this request is sent. Called once for each request, in order."""


MakePolicy: TypeAlias = Callable[[Terms], Policy]
NOTHING = Decision()
