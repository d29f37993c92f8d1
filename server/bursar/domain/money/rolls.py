"""What was spent as it is added up: one fact for each attempt, summed by day and by what it was spent on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bursar.domain.money.usage import Usage

RollDimension = Literal["day", "total", "model", "task", "file", "session", "prompt"]
"""A ``total`` is that of a day over all workspaces, which most questions are about; a ``day`` has a row for each."""
DIMENSIONS: tuple[RollDimension, ...] = ("day", "total", "model", "task", "file", "session", "prompt")
ALL_DAYS = "*"
"""Stands in the place of a day where a sum is over all of them."""
OWN_AGENT = "bursar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over attempts. ``attempts`` are ``requests`` (each may be owed, so each is booked) and those not taken.

    ``failed`` are the attempts without a whole answer, taken or not. ``estimated_pico`` is the part of ``cost_pico``
    that is our own count; ``at_most_pico`` and ``at_most_tokens`` come on top of what is known: the bounds of requests
    whose bill is not. A request without a price is in ``unpriced_requests`` and adds nothing to ``cost_pico``.
    """

    attempts: int = 0
    failed: int = 0
    requests: int = 0
    estimated_requests: int = 0
    unknown_requests: int = 0
    unpriced_requests: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_pico: int = 0
    estimated_pico: int = 0
    at_most_pico: int = 0
    at_most_tokens: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            attempts=self.attempts + other.attempts,
            failed=self.failed + other.failed,
            requests=self.requests + other.requests,
            estimated_requests=self.estimated_requests + other.estimated_requests,
            unknown_requests=self.unknown_requests + other.unknown_requests,
            unpriced_requests=self.unpriced_requests + other.unpriced_requests,
            usage=self.usage + other.usage,
            cost_pico=self.cost_pico + other.cost_pico,
            estimated_pico=self.estimated_pico + other.estimated_pico,
            at_most_pico=self.at_most_pico + other.at_most_pico,
            at_most_tokens=self.at_most_tokens + other.at_most_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What is to be added to the sums, and on what it was spent; empty where that is not known.

    ``task`` is the spec's path, ``#`` and the task's address; ``workspace`` an absolute path; ``local_day`` the user's
    calendar day.
    """

    local_day: str
    workspace: str = ""
    agent: str = OWN_AGENT
    model: str = ""
    task: str = ""
    file: str = ""
    session: str = ""
    prompt: str = ""
    sums: Sums

    def key(self, dimension: RollDimension) -> str:
        """What it counts under in a dimension; days have one row each, without a key."""
        return "" if dimension in ("day", "total") else str(getattr(self, dimension))


@dataclass(frozen=True, slots=True, kw_only=True)
class RollRow:
    """The sums under one key of a dimension; ``local_day`` is ALL_DAYS where they are over all days."""

    key: str
    local_day: str
    workspace: str
    agent: str
    sums: Sums
