"""Bursar's response cache in the store: answers by their request's hash, bounded in bytes, erased with their run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import apsw

from bursar.domain.money.price import PICO_PER_USD
from bursar.domain.ports import Clock
from bursar.domain.responses import FoundResponse, KeptResponse, Reused
from bursar.storage.locks import RunLocks
from bursar.storage.writer import Writer

REUSED = "answer_reused"
"""The event that says of an operation that its answer was used again."""

# How many questions at most are answered one after another although they have nothing to do with one another is
# decided by chance: one in so many.
_TURN_LETTERS = 3


class SqliteResponses:
    """The ResponseStore port."""

    def __init__(
        self, home: Path, writer: Writer, read: Callable[[], AbstractContextManager[apsw.Connection]], clock: Clock
    ) -> None:
        self._home = home
        self._writer = writer
        self._read = read
        self._clock = clock

    @cached_property
    def _turns(self) -> RunLocks:
        return RunLocks(self._home / "asking")

    def find(self, keys: Sequence[str], *, workspace: str, not_before: str) -> FoundResponse | None:
        """The first of these keys that has an answer."""
        with self._read() as db:
            for key in keys:
                row = db.execute(
                    "SELECT response.run, text, stop_reason, kept_at FROM response JOIN run USING (run)"
                    " WHERE response.workspace = ? AND key = ? AND kept_at >= ? AND run.state = 'finished'",
                    (workspace, key, not_before),
                ).fetchone()
                if row is not None:
                    run, text, reason, kept_at = row
                    answer = bytes(text).decode("utf-8", "surrogatepass")
                    return FoundResponse(key=key, run=run, text=answer, stop_reason=reason, kept_at=kept_at)
        return None

    async def used(self, found: FoundResponse, *, workspace: str) -> None:
        """Put it last among those that would go."""
        await self._writer.write(
            lambda db: db.execute(
                "UPDATE response SET used = (SELECT max(used) + 1 FROM response) WHERE workspace = ? AND key = ?",
                (workspace, found.key),
            ).fetchall()
        )

    def take_turn(self, key: str) -> str | None:
        """By a file lock, which the kernel frees where its holder is killed."""
        return self._turns.take(key[:_TURN_LETTERS], "another window or command")

    def end_turn(self, key: str) -> None:
        """Free it."""
        self._turns.drop(key[:_TURN_LETTERS])

    def reused(self, *, since: str | None = None) -> Reused:
        """By the events of operations."""
        where, values = "", tuple[str, ...]()
        if since is not None:
            where, values = " AND at >= ?", (self._clock.local_midnight_utc(since),)
        answers = saved = 0
        with self._read() as db:
            for (data,) in db.execute(f"SELECT data FROM event WHERE kind = '{REUSED}'{where}", values):  # noqa: S608
                answers += 1
                saved += int(Decimal(json.loads(data).get("saved_usd") or 0) * PICO_PER_USD)
        return Reused(answers=answers, saved_pico=saved)

    def close(self) -> None:
        """Free every turn of ours."""
        if "_turns" in self.__dict__:
            self._turns.close()


def keep_response(connection: apsw.Connection, kept: KeptResponse, at: str) -> None:
    """Keep an answer, and let go of those that were not used for longest; one that is larger than all may be is not."""
    drop_dead(connection)
    if kept.size_bytes > kept.max_bytes:
        return
    text = kept.text.encode("utf-8", "surrogatepass")
    connection.execute(
        "INSERT OR REPLACE INTO response VALUES (?, ?, ?, ?, ?, ?, ?,"
        " (SELECT coalesce(max(used), 0) + 1 FROM response))",
        (kept.workspace, kept.key, kept.run, text, kept.stop_reason, kept.size_bytes, at),
    )
    while int(connection.execute("SELECT sum(bytes) FROM response").get) > kept.max_bytes:
        connection.execute("DELETE FROM response WHERE used = (SELECT min(used) FROM response)")


def drop_responses(connection: apsw.Connection, run: str) -> None:
    """The answers that this operation paid for go with its texts."""
    connection.execute("DELETE FROM response WHERE run = ?", (run,))


def drop_dead(connection: apsw.Connection) -> None:
    """Answers that turned out to be of no use: their operation is no longer a finished one."""
    connection.execute(
        "DELETE FROM response WHERE run IN (SELECT run FROM run JOIN response USING (run) WHERE state <> 'finished')"
    )
