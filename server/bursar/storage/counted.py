"""What was counted of requests before they were sent, beside what was reported for them."""

from __future__ import annotations

import json
from typing import Any

import apsw

from bursar.domain.counting import CountedRequest
from bursar.domain.counting.kinds import KINDS

# Only what a provider billed for a whole answer is its own count. A step has its last attempt alone; the others of it
# asked the same, or nearly.
_COUNTED = (
    "SELECT ledger.run, ledger.provider, ledger.model, step.intent,"
    " uncached_input + cache_read + cache_write_5m + cache_write_1h"
    " FROM (SELECT * FROM ledger WHERE certainty = 'billed' ORDER BY n DESC LIMIT ?) AS ledger"
    " JOIN step ON step.run = ledger.run AND step.key = ledger.step AND step.attempt = ledger.attempt"
    " ORDER BY ledger.n DESC"
)


def counted_requests(connection: apsw.Connection, newest: int) -> list[CountedRequest]:
    """Of the requests that were billed last, at most that many, those that we counted; the newest first."""
    found = []
    for run, provider, billed_model, intent, reported_tokens in connection.execute(_COUNTED, (newest,)):
        facts: dict[str, Any] = json.loads(intent)
        counted, asked = facts.get("counted_tokens"), facts.get("model")
        if isinstance(counted, int) and counted > 0 and reported_tokens > 0:
            model = asked if isinstance(asked, str) and billed_model.startswith(asked) else billed_model
            found.append(
                CountedRequest(
                    model=f"{provider}/{model}",
                    run=run,
                    counted_tokens=counted,
                    reported_tokens=reported_tokens,
                    kinds=_kinds(facts.get("counted_kinds"), counted),
                    is_loopback=facts.get("is_loopback") is True,
                )
            )
    return found


def _kinds(kept: Any, counted_tokens: int) -> dict[Any, int]:
    """The tokens by kind; none where they are missing, or another version of Bursar knows other kinds."""
    if not isinstance(kept, dict) or not set(kept) <= set(KINDS):
        return {}
    if not all(isinstance(each, int) and each >= 0 for each in kept.values()):
        return {}
    # Hard cuts in runs without a break may move a count by a token or two.
    return dict(kept) if abs(sum(kept.values()) - counted_tokens) <= max(8, counted_tokens // 100) else {}
