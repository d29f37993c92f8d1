"""Ledger rows as the first version of the store wrote them, written down here once more."""

from __future__ import annotations

import hashlib
import json

from bursar.domain.money.ledger import LedgerEntry

OLD_COLUMNS = (
    *("request_id", "at", "local_day", "workspace", "run", "step", "attempt", "epoch", "spec", "task", "file", "line"),
    *("provider", "model", "usage_raw", "unit_prices", "rate_card", "cost_pico", "at_most_pico", "unpriced"),
    *("certainty", "body_sha256", "prompt_sha256", "ttft_ms", "duration_ms"),
)


def old_chain(previous: str, entry: LedgerEntry) -> str:
    """The link of a row that has nothing but the first version's columns."""
    values = {name: getattr(entry, name) for name in OLD_COLUMNS} | {"usage": entry.usage.as_dict()}
    row = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{row}".encode()).hexdigest()
