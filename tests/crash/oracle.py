"""What must hold after a kill, worked out from the provider's books and Bursar's printed figures, with our own sums.

Nothing of Bursar is imported here: what it computes is what is checked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

PICO = 10**12
UNREAD = timedelta(seconds=5)
"""How long before a SIGKILL the provider may have sent the last bytes of an answer that the process never read: what
is on the disk says that it had not, and this bounds how long a loaded machine may let it lie."""
NOT_RUN = "This call was not run: the answer that it is in broke off before its end."
READS_ON = frozenset({"after_socket_write", "first_byte", "mid_stream", "in_backup", "random", "stopped"})
"""Where a process can be killed while an answer is on its way."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One SIGKILL: where it struck and when, by the machine's clock.

    ``had`` are the requests whose whole answer the process had by then: its bytes were on the disk, or it was booked.
    """

    point: str
    at: datetime
    had: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewind:
    """The user took a run back: what was asked for in it between these moments may be asked for once more."""

    began: datetime
    at: datetime


@dataclass(slots=True)
class Findings:
    """What differs, and two kinds of repeats that nobody could avoid.

    ``after``: the provider went on and ended only when the process was dead. ``unread``: it had sent the last bytes
    before, and the process had not read them.
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
    owed = (row for row in bill["requests"] if row["outcome"] != "refused" or pico(row["cost_usd"]))
    stray = [row["request_id"] for row in owed if row["request_id"] not in ours]
    if len(stray) > len(unseen):
        return [f"{len(stray)} requests of the bill are not in the ledger, which knows of {len(unseen)} without an id"]
    return []


def check_repeats(log: Sequence[Json], kills: Sequence[Kill], rewinds: Sequence[Rewind] = ()) -> Findings:
    """No body has two complete answers, but for one whose end a process that was killed had not read, and for what the
    user took back."""
    findings = Findings()
    complete = defaultdict(list)
    for row in log:
        if row["outcome"] == "complete":
            complete[row["sha256_of_body"]].append(row)
    free = [kill for kill in kills if kill.point in READS_ON]
    for sha256, rows in complete.items():
        for row, again in pairwise(rows):
            if any(each.began <= moment(row["at"]) and _between(row, each.at, again) for each in rewinds):
                continue
            excuse = next((kill for kill in free if _unread(row, again, kill)), None)
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
    return [f"request {row['n']}: {said}" for row in log for said in _failures(row["body"]) if NOT_RUN not in str(said)]


def _failures(body: Json) -> Iterator[Any]:
    """What a request tells of failed calls, in whichever format: only Anthropic's has a word for it, the others say it
    in the text."""
    items = body.get("input")
    for item in items if isinstance(items, list) else []:
        if item.get("type") == "function_call_output" and str(item["output"]).startswith("error: "):
            yield item["output"]
    for message in body.get("messages") or []:
        if message["role"] == "tool" and str(message["content"]).startswith("error: "):
            yield message["content"]
        elif isinstance(message["content"], list):
            yield from (block["content"] for block in message["content"] if block.get("is_error"))


def pico(usd: str) -> int:
    """An exact decimal of USD as whole pico-dollars."""
    amount = Decimal(usd) * PICO
    assert amount == int(amount), f"{usd} has more than twelve places"
    return int(amount)


def moment(text: str) -> datetime:
    """An RFC 3339 time."""
    return datetime.fromisoformat(text)


def _unread(row: Json, again: Json, kill: Kill) -> bool:
    """Whether this request was on its way at the kill, and the process did not have the whole of its answer."""
    return (
        row["request_id"] not in kill.had
        and moment(row["at"]) <= kill.at <= moment(row["ended_at"]) + UNREAD
        and kill.at <= moment(again["at"])
    )


def _between(row: Json, at: datetime, again: Json) -> bool:
    return moment(row["ended_at"]) <= at <= moment(again["at"])
