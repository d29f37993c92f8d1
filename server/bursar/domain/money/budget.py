"""A limit for a scope, money held before a call, and the decision about it: values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from bursar.domain.errors import BadInput
from bursar.domain.money.price import PICO_PER_USD, usd_text

Unit = Literal["usd", "tokens", "requests"]
BUDGET_UNITS: tuple[Unit, ...] = ("usd", "tokens", "requests")
BudgetKind = Literal["request", "run", "task", "session", "workspace", "keep-warm", "day", "week", "month"]
BUDGET_KINDS: tuple[BudgetKind, ...] = (
    *("request", "run", "task", "session", "workspace"),
    *("keep-warm", "day", "week", "month"),
)
Level = Literal["ok", "notice", "warning", "critical", "over", "off"]
WarnPercent = tuple[int, int, int]
DEFAULT_WARN_PERCENT: WarnPercent = (50, 80, 95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A limit: whole pico-dollars for ``usd``, a plain number for ``tokens`` and ``requests``."""

    unit: Unit
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a limit applies; ``scopes.py`` says how the key of each kind is made.

    ``workspace`` is where a task's scope is; the keys of the others say all there is to say.
    """

    kind: BudgetKind
    key: str
    workspace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit that a reservation is checked against."""

    scope: Scope
    amount: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The money is held under this id until it is settled or released.

    ``local_day`` is the user's calendar day that it is booked on: the one that was asked for, or a later one that the
    store has seen already, so that a clock that was set back opens no day that is spent.
    """

    hold: str
    amount_pico: int
    local_day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedByBudget:
    """The reservation would pass a limit. Final until the limit is raised; nothing was held.

    The figures are in ``unit``: pico-dollars for 'usd', plain numbers for 'tokens' and 'requests'. ``reserved`` is
    held for requests in flight: it may come back.
    """

    scope: Scope
    unit: Unit
    limit: int
    spent: int
    reserved: int
    wanted: int

    @property
    def taken(self) -> int:
        """What is spent or held."""
        return self.spent + self.reserved

    @property
    def shortfall(self) -> int:
        """How much is missing."""
        return self.taken + self.wanted - self.limit

    @property
    def may_pass(self) -> bool:
        """Whether there is room once what is held for other requests has been given back."""
        return self.spent + self.wanted <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What is used of a budget, in one unit; spend is never shown lower than it can be.

    ``charged`` is what was billed and, for each request whose bill is not known, the most that it can have cost; this
    part of it is ``not_known``, None in a unit in which nothing bounds it. ``held`` is for requests in flight.
    """

    charged: int
    not_known: int | None
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A limit as it stands: ``limit`` with what it was raised by for this scope and period, and what is used of it."""

    scope: Scope
    unit: Unit
    limit: int
    used: Used

    @property
    def taken(self) -> int:
        """What is charged and held."""
        return self.used.charged + self.used.held

    @property
    def left(self) -> int:
        """What the next request may take; never below zero."""
        return max(self.limit - self.taken, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """A limit with what is spent and held under it; ``level`` is 'off' without a limit.

    ``not_known`` is the part of ``spent`` that is a bound (see Used). ``source`` says where the limit was set, and
    ``overrides`` which other word of the user's it overrides.
    """

    scope: Scope
    unit: Unit
    limit: int | None
    spent: int
    reserved: int
    level: Level
    resets_at: str | None
    not_known: int | None = 0
    source: str = ""
    overrides: str | None = None


def parse_warn_percent(text: str) -> WarnPercent:
    """Read ``50,80,95``: three ascending whole percentages. Raises BadInput for anything else."""
    parts = [each.strip() for each in text.split(",")]
    if len(parts) == 3 and all(each.isascii() and each.isdigit() and len(each) <= 3 for each in parts):
        notice, warning, critical = (int(each) for each in parts)
        if 0 < notice < warning < critical <= 100:
            return notice, warning, critical
    raise BadInput(
        f"'{text}' are no warning levels: write three ascending percentages up to 100 for notice, warning and "
        "critical, for example --warn 50,80,95"
    )


def level_of(*, taken: int, limit: int | None, warn_percent: WarnPercent = DEFAULT_WARN_PERCENT) -> Level:
    """The level of a budget: 'over' once the limit is reached, else the highest warning mark passed."""
    if limit is None:
        return "off"
    if taken >= limit:
        return "over"
    names: tuple[Level, Level, Level] = ("notice", "warning", "critical")
    level: Level = "ok"
    for mark, name in zip(warn_percent, names, strict=True):
        if taken * 100 >= limit * mark:
            level = name
    return level


def marks_passed(*, spent: int, limit: int, warn_percent: WarnPercent = DEFAULT_WARN_PERCENT) -> int | None:
    """The highest warning mark, in percent, that this much is at or above; None for none."""
    return max((each for each in warn_percent if spent * 100 >= limit * each and spent), default=None)


_MOST = 9 * 10**18
"""No amount is above what the store keeps exactly, in its smallest unit: nine million dollars."""
_AMOUNT = re.compile(
    r"^\s*\$?\s*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>usd|\$|ktok|mtok|tok|req)?\s*$", re.IGNORECASE
)


def parse_amount(text: str) -> Amount:
    """Read ``5usd``, ``$5``, ``0.25usd``, ``200ktok``, ``2mtok``, ``300req``; a bare number is USD.

    Raises BadInput for anything else, for a USD amount finer than a pico-dollar, and for more than can be kept.
    """
    match = _AMOUNT.match(text)
    if match is None:
        below = " (no budget is below zero)" if text.strip().startswith("-") else ""
        raise BadInput(f"'{text}' is not an amount{below}: write 5usd, 0.25usd, 200ktok or 300req")
    try:
        number = Decimal(match["number"])
    except InvalidOperation as error:  # pragma: no cover - the pattern admits only numbers
        raise BadInput(f"'{text}' is not an amount: write 5usd, 0.25usd, 200ktok or 300req") from error
    unit = (match["unit"] or "usd").lower()
    if unit in ("usd", "$"):
        return Amount(unit="usd", value=_whole(number * PICO_PER_USD, text))
    if unit == "req":
        return Amount(unit="requests", value=_whole(number, text))
    factor = {"tok": 1, "ktok": 1_000, "mtok": 1_000_000}[unit]
    return Amount(unit="tokens", value=_whole(number * factor, text))


def budget_amount(text: str) -> Amount:
    """An amount that a budget can have: as ``parse_amount``, and more than nothing."""
    amount = parse_amount(text)
    if amount.value == 0:
        raise BadInput(
            f"'{text}' would let no request through: write an amount above zero, for example 5usd. To send nothing, "
            "pause the runs (bursar pause RUN)"
        )
    return amount


def amount_text(amount: Amount) -> str:
    """An amount as it is written: ``5usd``, ``200000tok``, ``300req``; ``parse_amount`` reads it back."""
    if amount.unit == "usd":
        return f"{usd_text(amount.value)}usd"
    return f"{amount.value}{'tok' if amount.unit == 'tokens' else 'req'}"


def _whole(number: Decimal, text: str) -> int:
    if number != number.to_integral_value():
        raise BadInput(f"'{text}' is finer than the smallest unit that is kept: use fewer decimals")
    if number > _MOST:
        raise BadInput(f"'{text}' is more than can be kept exactly: write 9000000usd or less")
    return int(number)
