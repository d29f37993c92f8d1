"""Two books about the same money, side by side: what somebody else charged, and what the ledger has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from bursar.domain.errors import BadInput
from bursar.domain.money.exported import ExportedRow

What = Literal["differs", "only_in_export", "only_in_ledger", "unpriced"]
_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What the ledger has under one key; ``at_most_pico`` comes on top for requests whose bill is not known."""

    day: str
    model: str
    request: str | None
    cost_pico: int
    at_most_pico: int
    unpriced_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One key whose figures are not the same; None where one book does not have it.

    ``difference_pico`` is the export's figure less the ledger's nearest one.
    """

    what: What
    day: str
    model: str
    request: str | None
    export_pico: int | None
    ledger_pico: int | None
    at_most_pico: int
    difference_pico: int

    @property
    def percent(self) -> Decimal | None:
        """Of the larger of the two figures; None where that is nothing."""
        larger = max(abs(self.export_pico or 0), self.ledger_pico or 0)
        return round(100 * Decimal(abs(self.difference_pico)) / larger, 1) if larger else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """How two books compare: ``matched`` keys are in both, ``differences`` are above the tolerance, largest first."""

    matched: int
    agreed: int
    differences: Sequence[Difference]
    export_pico: int
    ledger_pico: int


@dataclass(slots=True, kw_only=True)
class _Sum:
    day: str
    model: str
    pico: int = 0
    slack_pico: int = 0


def tolerance_of(text: str) -> Decimal:
    """``1%`` or ``0.5`` as percent. Raises BadInput."""
    try:
        percent = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal(-1)
    if not (percent.is_finite() and 0 <= percent < 100):
        raise BadInput(f"'{text}' is no tolerance: write a percentage such as 1% or 0.5%, below 100%")
    return percent


def same_model(name: str) -> str:
    """A model's name without its vendor and its date, so that both books call it the same."""
    return _DATED.sub("", name.strip().lower().rpartition("/")[2])


def reconcile(
    exported: Iterable[ExportedRow], booked: Iterable[Booked], *, by_request: bool, tolerance_percent: Decimal
) -> Reconciled:
    """Compare per day and model, or per request; rounding of the export's own digits is no difference.

    Where the ledger has requests without a known bill, the export's figure may lie anywhere up to their bound.
    """
    theirs: dict[tuple[str, ...], _Sum] = {}
    for row in exported:
        key = (row.request or "",) if by_request else (row.day, same_model(row.model))
        charge = theirs.setdefault(key, _Sum(day=row.day, model=row.model))
        charge.pico += row.cost_pico
        charge.slack_pico += row.slack_pico
    ours: dict[tuple[str, ...], Booked] = {}
    for each in booked:
        key = (each.request or "",) if by_request else (each.day, same_model(each.model))
        before = ours.get(key)
        ours[key] = each if before is None else _together(before, each)
    found = [
        difference
        for key in theirs.keys() | ours.keys()
        if (difference := _compared(key[0] if by_request else None, theirs.get(key), ours.get(key), tolerance_percent))
    ]
    matched = len(theirs.keys() & ours.keys())
    apart = sum(1 for each in found if each.export_pico is not None and each.ledger_pico is not None)
    return Reconciled(
        matched=matched,
        agreed=matched - apart,
        differences=sorted(found, key=lambda each: (-abs(each.difference_pico), each.day, each.model)),
        export_pico=sum(each.pico for each in theirs.values()),
        ledger_pico=sum(each.cost_pico for each in ours.values()),
    )


def _together(one: Booked, other: Booked) -> Booked:
    return Booked(
        day=one.day,
        model=one.model,
        request=one.request,
        cost_pico=one.cost_pico + other.cost_pico,
        at_most_pico=one.at_most_pico + other.at_most_pico,
        unpriced_requests=one.unpriced_requests + other.unpriced_requests,
    )


def _compared(request: str | None, theirs: _Sum | None, ours: Booked | None, percent: Decimal) -> Difference | None:
    at_most = 0 if ours is None else ours.at_most_pico
    if ours is None:
        difference = 0 if theirs is None else theirs.pico
    else:
        charged = 0 if theirs is None else theirs.pico
        nearest = min(max(charged, ours.cost_pico), ours.cost_pico + at_most)
        difference = charged - nearest
    larger = max(0 if theirs is None else abs(theirs.pico), 0 if ours is None else ours.cost_pico)
    allowed = larger * percent / 100 + (0 if theirs is None else theirs.slack_pico)
    missing = theirs is None or ours is None
    unpriced = ours is not None and ours.unpriced_requests > 0
    if not difference and not (unpriced and theirs is not None and theirs.pico):
        return None
    if not missing and abs(difference) <= allowed:
        return None
    what: What = "unpriced" if unpriced and difference > 0 else "differs"
    if missing:
        what = "only_in_ledger" if theirs is None else "only_in_export"
    named = theirs or ours
    return Difference(
        what=what,
        day="" if named is None else named.day,
        model="" if named is None else named.model,
        request=request,
        export_pico=None if theirs is None else theirs.pico,
        ledger_pico=None if ours is None else ours.cost_pico,
        at_most_pico=at_most,
        difference_pico=difference,
    )
