"""One fact about money, immutable, and the chain that shows whether a row was changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from bursar.domain.money.usage import Usage

Certainty = Literal["billed", "estimated", "unknown"]
CHAIN_START = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What one attempt at one request cost.

    ``cost_pico`` is exact for 'billed', our own count for 'estimated', and None for 'unknown' (then ``at_most_pico``
    is the bound that stays charged against budgets) and for a model without a price (``unpriced`` is True).
    ``at`` is RFC 3339 UTC; ``local_day`` the user's calendar day, fixed when the money was reserved.
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


def chain_hash(previous: str, entry: LedgerEntry) -> str:
    """SHA-256 over the previous row's hash and this row's canonical JSON: shows damage, not forgery."""
    row = json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{row}".encode("utf-8", "surrogatepass")).hexdigest()


def charged_pico(entry: LedgerEntry) -> int:
    """What this entry takes from a budget: its cost, or its bound where the cost is not known."""
    return entry.cost_pico if entry.cost_pico is not None else entry.at_most_pico
