"""One fact about money, immutable, and the chain that shows whether a row was changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Literal

from bursar.domain.money.rolls import OWN_AGENT
from bursar.domain.money.usage import Usage

Certainty = Literal["billed", "estimated", "unknown"]
Outcome = Literal["", "answered", "failed", "stopped"]
CHAIN_START = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What one attempt at one request cost.

    ``cost_pico`` is exact for 'billed', our own count for 'estimated', and None for 'unknown' and for a model without a
    price (``unpriced`` is True). ``at_most_pico`` is the bound that stays charged against budgets: all of it for
    'unknown', what it is above the count for 'estimated'. ``usage`` of an 'unknown' entry is what is known of it.
    ``at`` is RFC 3339 UTC; ``local_day`` the user's calendar day, fixed when the money was reserved. ``session`` is the
    process that sent it, ``prompt_version`` that of the user's texts in it, ``operation`` the kind of its run,
    ``outcome`` whether a whole answer came; all of these are empty in entries older than they are.
    ``at_most_tokens`` bounds all tokens of a request whose usage is not known; 0 in entries older than it is.
    """

    request_id: str
    at: str
    local_day: str
    workspace: str
    run: str
    step: str
    attempt: int
    epoch: int
    spec: str
    task: str
    file: str | None
    line: int | None
    provider: str
    model: str
    usage: Usage
    usage_raw: str | None
    unit_prices: str | None
    rate_card: str | None
    cost_pico: int | None
    at_most_pico: int
    unpriced: bool
    certainty: Certainty
    body_sha256: str
    prompt_sha256: str
    ttft_ms: int | None
    duration_ms: int | None
    session: str = ""
    agent: str = OWN_AGENT
    prompt_version: str = ""
    operation: str = ""
    outcome: Outcome = ""
    at_most_tokens: int = 0


_LATER = {each.name: each.default for each in fields(LedgerEntry) if each.default is not MISSING}


def chain_hash(previous: str, entry: LedgerEntry) -> str:
    """SHA-256 over the previous row's hash and this row's canonical JSON: shows damage, not forgery."""
    values = asdict(entry)
    for name, default in _LATER.items():
        # What was added later is left out where it says nothing, so that the rows before it keep their hash.
        if values[name] == default:
            del values[name]
    row = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{row}".encode("utf-8", "surrogatepass")).hexdigest()


def charged_pico(entry: LedgerEntry) -> int:
    """What this entry takes from a budget: its cost, and what it may have cost on top of that."""
    return (entry.cost_pico or 0) + open_pico(
        cost_pico=entry.cost_pico,
        at_most_pico=entry.at_most_pico,
        at_most_tokens=entry.at_most_tokens,
        certainty=entry.certainty,
    )


def open_pico(*, cost_pico: int | None, at_most_pico: int, at_most_tokens: int, certainty: str) -> int:
    """What a request may have cost on top of what is known of it; an estimate older than its bound has none."""
    if cost_pico is None:
        return at_most_pico
    return max(at_most_pico - cost_pico, 0) if certainty == "estimated" and at_most_tokens else 0


def open_tokens(*, usage: Usage, at_most_tokens: int) -> int:
    """How many tokens a request may have taken on top of those that are known."""
    return max(at_most_tokens - usage.input - usage.output, 0)
