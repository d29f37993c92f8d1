"""Holds our ledger against the simulator's bill, request by request, in exact decimals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bursar.demo.stage import DemoFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One request of both books; ``ours`` is None for one in flight, which we hold as ``at_most``."""

    request_id: str
    task: str
    ours: Decimal | None
    at_most: Decimal | None
    billed: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Both books agree: paid is exact, the bill lies between paid and paid plus what is held."""

    lines: tuple[Line, ...]
    paid: Decimal
    in_flight: Decimal
    bill: Decimal


def compare(requests: Sequence[Mapping[str, Any]], bill: Mapping[str, Any]) -> Verdict:
    """Match by request id. Raises DemoFailed that names the first request where the books differ."""
    billed = {row["request_id"]: Decimal(row["cost_usd"]) for row in bill["requests"] if row["outcome"] != "refused"}
    lines = []
    for row in requests:
        request_id = row["request_id"]
        if request_id not in billed:
            raise DemoFailed(f"request {request_id} is in our ledger and not on the bill")
        theirs = billed.pop(request_id)
        ours = None if row["certainty"] == "unknown" else Decimal(row["cost_usd"] or "NaN")
        at_most = Decimal(row["at_most_usd"]) if row["certainty"] == "unknown" else None
        if ours is not None and ours != theirs:
            raise DemoFailed(f"request {request_id}: our ledger says ${ours}, the bill says ${theirs}")
        if at_most is not None and not 0 < theirs <= at_most:
            raise DemoFailed(f"request {request_id} in flight: we hold at most ${at_most}, the bill says ${theirs}")
        lines.append(Line(request_id=request_id, task=row["task"], ours=ours, at_most=at_most, billed=theirs))
    if billed:
        raise DemoFailed(f"{len(billed)} requests are on the bill and not in our ledger: {', '.join(sorted(billed))}")
    verdict = Verdict(
        lines=tuple(lines),
        paid=sum((each.ours for each in lines if each.ours is not None), Decimal(0)),
        in_flight=sum((each.at_most for each in lines if each.at_most is not None), Decimal(0)),
        bill=Decimal(bill["total_usd"]),
    )
    if sum((each.billed for each in lines), Decimal(0)) != verdict.bill:
        raise DemoFailed(f"the bill's total ${verdict.bill} is not the sum of its rows")
    if not verdict.paid <= verdict.bill <= verdict.paid + verdict.in_flight:
        raise DemoFailed(
            f"the bill ${verdict.bill} is not between what we paid ${verdict.paid} and that plus ${verdict.in_flight}"
        )
    return verdict


def check_nothing_twice(log: Iterable[Mapping[str, Any]]) -> None:
    """No body whose answer was complete was sent again. Raises DemoFailed that names it."""
    seen = Counter(row["sha256_of_body"] for row in log if row["outcome"] == "complete")
    again = [sha for sha, times in seen.items() if times > 1]
    if again:
        raise DemoFailed(f"a completed request was sent again: body {again[0]}")
