"""Figures of a day that the user wants to hear of: what it cost, how much failed, how slow answers were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from bursar.domain.errors import BadInput
from bursar.domain.money.budget import budget_amount
from bursar.domain.money.figures import money
from bursar.domain.money.rolls import Sums
from bursar.domain.money.speed import Timed, nearest_rank

AlertKind = Literal["cost_day", "error_share", "p95_s"]
LEAST_ATTEMPTS = 10
"""With fewer, one failure would be a large share."""
LEAST_TIMED = 20
"""With fewer, the 95th percentile is the slowest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLimits:
    """Above which figure of a day there is an alert; None where none is wanted."""

    cost_day_pico: int | None = None
    error_share_percent: Decimal | None = None
    p95_s: Decimal | None = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return not (self.cost_day_pico is None and self.error_share_percent is None and self.p95_s is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One figure that is above its limit; ``message`` says both, and over how much it was taken."""

    kind: AlertKind
    value: str
    limit: str
    message: str


def alert_limits(*, cost_day: str = "", error_share: str = "", p95_s: str = "") -> AlertLimits:
    """Read ``5usd``, ``20%`` and ``60``; empty or ``off`` is none. Raises BadInput that names the one."""
    cost = None
    if not _off(cost_day):
        try:
            amount = budget_amount(cost_day)
        except BadInput as error:
            raise BadInput(f"alerts.cost_day: {error}") from error
        if amount.unit != "usd":
            raise BadInput(f"alerts.cost_day: '{cost_day}' is no money: write an amount such as 5usd")
        cost = amount.value
    share = None if _off(error_share) else _number("error_share", error_share.removesuffix("%"), "20%", most=100)
    slow = None if _off(p95_s) else _number("p95_s", p95_s.removesuffix("s"), "60 (seconds)", most=86_400)
    return AlertLimits(cost_day_pico=cost, error_share_percent=share, p95_s=slow)


def alerts_of(limits: AlertLimits, *, day: Sums, timed: Sequence[Timed]) -> list[Alert]:
    """What of a day is above its limit; ``timed`` are that day's requests, the newest of them at least.

    The cost is what can have been spent at most. A share of few attempts and a percentile of few answers say nothing.
    """
    found = []
    charged = day.cost_pico + day.at_most_pico
    if limits.cost_day_pico is not None and charged > limits.cost_day_pico:
        bound = f", of it at most {money(day.at_most_pico)} not known" if day.at_most_pico else ""
        message = f"today cost {money(charged)}{bound}; the alert is set at {money(limits.cost_day_pico)}"
        found.append(_alert("cost_day", money(charged), money(limits.cost_day_pico), message))
    share = Decimal(100 * day.failed) / day.attempts if day.attempts else Decimal(0)
    if limits.error_share_percent is not None and day.attempts >= LEAST_ATTEMPTS and share > limits.error_share_percent:
        value, limit = f"{share:.1f}%", f"{limits.error_share_percent:f}%"
        message = (
            f"{value} of today's attempts failed ({day.failed:,} of {day.attempts:,}); the alert is set at {limit}"
        )
        found.append(_alert("error_share", value, limit, message))
    durations = [each.duration_ms for each in timed if each.duration_ms is not None]
    percentiles = nearest_rank(durations)
    if limits.p95_s is not None and percentiles is not None and len(durations) >= LEAST_TIMED:
        seconds = Decimal(round(percentiles.p95)) / 1_000
        if seconds > limits.p95_s:
            value, limit = f"{seconds:.1f} s", f"{limits.p95_s:f} s"
            message = f"the slowest twentieth of {len(durations):,} answers today took {value} or more (p95); "
            found.append(_alert("p95_s", value, limit, f"{message}the alert is set at {limit}"))
    return found


def _alert(kind: AlertKind, value: str, limit: str, message: str) -> Alert:
    more = "'bursar usage --by model --since today' shows more"
    return Alert(kind=kind, value=value, limit=limit, message=f"{message}. {more}.")


def _off(text: str) -> bool:
    return text.strip() in ("", "off")


def _number(name: str, text: str, example: str, *, most: int) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal(-1)
    if not (number.is_finite() and 0 < number <= most):
        raise BadInput(f"alerts.{name}: '{text.strip()}' cannot be: write a number such as {example}, at most {most:,}")
    return number
