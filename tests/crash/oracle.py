"""What must hold after a kill, worked out from the provider's books and Bursar's printed figures, with our own sums.

Nothing of Bursar is imported here: what it computes is what is checked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

PICO = 10**12
UNREAD = timedelta(milliseconds=25)
"""How long before a SIGKILL the provider may have sent the last bytes of an answer that the process never read."""
NOT_RUN = "This call was not run: the answer that it is in broke off before its end."
READS_ON = frozenset({"mid_stream", "random", "stopped"})
"""Where a process can be killed while an answer is on its way."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One SIGKILL: where it struck and when, by the machine's clock."""

    point: str
    at: datetime


@dataclass(slots=True)
class Findings:
    """What differs, and two kinds of repeats that nobody could avoid.

    ``after``: the provider went on and ended only when the process was dead. ``unread``: it had sent the last bytes so
    shortly before that they may lie unread.
    """

    problems: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def check_money(bill: Json, usage: Json) -> list[str]:
    """Ended requests are equal to the pico-dollar, and the whole bill lies between settled and settled plus held."""
    problems = []
    billed = {row["request_id"]: row for row in bill["requests"]}
    if len(billed) != len(bill["requests"]):
        problems.append("the bill names a request id twice")
    seen = Counter(row["request_id"] for row in usage["requests"])
    problems += [f"{request_id} is in the ledger {times} times" for request_id, times in seen.items() if times > 1]
    settled = unknown = 0
    for row in usage["requests"]:
        request_id, theirs = row["request_id"], billed.pop(row["request_id"], None)
        if row["certainty"] == "unknown":
            unknown += pico(row["at_most_usd"])
            if theirs is not None and not 0 < pico(theirs["cost_usd"]) <= pico(row["at_most_usd"]):
                problems.append(f"{request_id}: held {row['at_most_usd']}, billed {theirs['cost_usd']}")
            continue
        if row["certainty"] != "billed":
            problems.append(f"{request_id} is booked as {row['certainty']}")
        settled += pico(row["cost_usd"])
        if theirs is None:
            problems.append(f"{request_id} is in the ledger and not on the bill")
        elif pico(row["cost_usd"]) != pico(theirs["cost_usd"]):
            problems.append(f"{request_id}: ours {row['cost_usd']}, billed {theirs['cost_usd']}")
        elif theirs["outcome"] != "complete":
            problems.append(f"{request_id} is booked as ended, and for the provider it was {theirs['outcome']}")
    total, held = pico(bill["total_usd"]), pico(usage["held_usd"])
    if total != sum(pico(row["cost_usd"]) for row in bill["requests"]):
        problems.append("the bill's total is not the sum of its rows")
    if settled != pico(usage["total_usd"]):
        problems.append(f"the ledger's total {usage['total_usd']} is not the sum of its rows")
    if unknown > held:
        problems.append(f"held {usage['held_usd']} is less than what is booked as at most")
    if not settled <= total <= settled + held:
        problems.append(f"settled {settled}, bill {total}, held {held} (pico-dollars): out of bounds")
    return problems


def check_all_booked(bill: Json, usage: Json) -> list[str]:
    """When nothing is in flight any more, a bill's row without a ledger row is one whose id was never seen."""
    ours = {row["request_id"] for row in usage["requests"]}
    unseen = [row for row in usage["requests"] if row["request_id"].startswith("unseen:")]
    stray = [row["request_id"] for row in bill["requests"] if row["request_id"] not in ours]
    if len(stray) > len(unseen):
        return [f"{len(stray)} requests of the bill are not in the ledger, which knows of {len(unseen)} without an id"]
    return []


def check_repeats(log: Sequence[Json], kills: Sequence[Kill]) -> Findings:
    """No body has two complete answers, but for one whose end came too shortly before a kill to be read."""
    findings = Findings()
    complete = defaultdict(list)
    for row in log:
        if row["outcome"] == "complete":
            complete[row["sha256_of_body"]].append(row)
    free = [kill for kill in kills if kill.point in READS_ON]
    for sha256, rows in complete.items():
        for row in rows[:-1]:
            excuse = next((kill for kill in free if _in_flight(row, kill)), None)
            if excuse is None:
                findings.repeats.append(f"{sha256[:12]} (request {row['n']} of the log, {len(rows)} times complete)")
            else:
                free.remove(excuse)
                early_ms = round((excuse.at - moment(row["ended_at"])) / timedelta(milliseconds=1))
                if early_ms < 0:
                    findings.after.append(f"request {row['n']} ended {-early_ms} ms after the kill at {excuse.point}")
                else:
                    findings.unread.append(f"request {row['n']} ended {early_ms} ms before the kill at {excuse.point}")
    return findings


def failed_calls(log: Sequence[Json]) -> list[str]:
    """Results of tool calls that the model was told had failed: an edit done a second time does not find its text.

    A call that was cut off in the middle of its answer was never run, and the model is told so: that is none of them.
    """
    found = []
    for row in log:
        for message in row["body"]["messages"]:
            if isinstance(message["content"], list):
                found += [
                    f"request {row['n']}: {block['content']}"
                    for block in message["content"]
                    if block.get("is_error") and NOT_RUN not in str(block["content"])
                ]
    return found


def pico(usd: str) -> int:
    """An exact decimal of USD as whole pico-dollars."""
    amount = Decimal(usd) * PICO
    assert amount == int(amount), f"{usd} has more than twelve places"
    return int(amount)


def moment(text: str) -> datetime:
    """An RFC 3339 time."""
    return datetime.fromisoformat(text)


def _in_flight(row: Json, kill: Kill) -> bool:
    """Whether this request was under way at the kill, or ended so shortly before that its end may lie unread."""
    return moment(row["at"]) <= kill.at <= moment(row["ended_at"]) + UNREAD
