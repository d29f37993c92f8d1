"""Books what is still held for requests that nobody will ever settle: their run is over, and who sent them is gone.

Such a hold would be charged against the budgets for ever, and be in no bill. It becomes an entry of the ledger that
says "at most" what was held, so that no budget has more room than before; only where the journal says what became of
the attempt is the money given back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from bursar.domain.money.price import usd_text
from bursar.storage.spool import FileSpool
from bursar.storage.stopping import book_one

MOST_AT_ONCE = 500
# A run that is paused, in doubt or was interrupted is settled by whoever goes on with it. So is a batch whose answer
# can still be fetched: an operation that failed goes on waiting for it. What keeps a prompt warm its run settles.
_ORPHANS = (
    "SELECT hold.run, hold.key, hold.attempt, hold.amount_pico,"
    " ledger.n IS NOT NULL OR not_taken.n IS NOT NULL AS ended"
    " FROM hold LEFT JOIN run ON run.run = hold.run"
    " LEFT JOIN step ON step.run = hold.run AND step.key = hold.key"
    " LEFT JOIN ledger ON ledger.run = hold.run AND ledger.step = hold.key AND ledger.attempt = hold.attempt"
    " LEFT JOIN not_taken ON not_taken.run = hold.run AND not_taken.step = hold.key"
    "  AND not_taken.attempt = hold.attempt"
    " WHERE ended OR run.run IS NULL OR run.erased_at IS NOT NULL OR run.state = 'finished'"
    "  OR run.state = 'failed' AND NOT coalesce("
    "   step.status = 'intent' AND step.attempt = hold.attempt"
    "   AND iif(json_valid(step.intent), json_type(step.intent, '$.batch') IS NOT NULL, 0), 0)"
    "  OR run.purpose <> '' AND NOT EXISTS (SELECT 1 FROM run AS warmed WHERE warmed.run = run.about"
    "   AND warmed.erased_at IS NULL AND warmed.state IN ('running', 'paused', 'in_doubt'))"
    "  OR step.run IS NULL OR step.attempt <> hold.attempt OR step.status IN ('done', 'failed')"
    " ORDER BY hold.at, hold.hold LIMIT ?"
)

Alive = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A hold that nobody will settle; ``ended`` says that the journal knows what became of its attempt."""

    run: str
    key: str
    attempt: int
    amount_pico: int
    ended: bool


def orphans(connection: apsw.Connection, *, alive: Alive) -> list[Orphan]:
    """The oldest of them, at most ``MOST_AT_ONCE``; whatever a living process has is none."""
    rows: list[tuple[Any, ...]] = connection.execute(_ORPHANS, (MOST_AT_ONCE,)).fetchall()
    return [
        Orphan(run=str(run), key=str(key), attempt=int(attempt), amount_pico=int(amount), ended=bool(ended))
        for run, key, attempt, amount, ended in rows
        if not alive(str(run))
    ]


def reap(connection: apsw.Connection, *, alive: Alive, spool: FileSpool, at: str) -> list[Orphan]:
    """Book them, or give them back where the journal says what became of them; which these were."""
    found = orphans(connection, alive=alive)
    for each in found:
        book_one(connection, run=each.run, key=each.key, attempt=each.attempt, spool=spool, at=at)
    return found


def orphans_words(found: Sequence[Orphan]) -> str:
    """What they are, in a sentence without its end."""
    owed = [each for each in found if not each.ended]
    parts = []
    if owed:
        most = usd_text(sum(each.amount_pico for each in owed))
        parts.append(
            f"the bill of {_requests(owed)} will not be known any more, and is at most ${most}: the run is over, and"
            " the process that sent it is gone"
        )
    if len(owed) < len(found):
        ended = [each for each in found if each.ended]
        held = usd_text(sum(each.amount_pico for each in ended))
        parts.append(f"${held} is held for {_requests(ended)}, whose outcome is in the books already")
    return "; ".join(parts)


def _requests(found: Sequence[Orphan]) -> str:
    runs = sorted({each.run for each in found})
    return f"{len(found)} request{'s' if len(found) > 1 else ''} of {runs[0]}" + (
        f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    )
