"""What the user has pinned, by workspace."""

from __future__ import annotations

import apsw

from bursar.domain.context.pins import Pin
from bursar.domain.ports import Clock
from bursar.storage.reading import JournalReads
from bursar.storage.rows import loaded, stored
from bursar.storage.writer import Writer

_WHOLE = (0, 0)
"""A whole file has the lines 0 to 0."""


class Pinning(JournalReads):
    """The part of the Journal port that is about pins."""

    _writer: Writer
    _clock: Clock

    def pins(self, workspace: str) -> list[Pin]:
        """The pins of a workspace, the oldest first."""
        with self._read() as db:
            rows = db.execute(
                "SELECT path, first_line, last_line, sha256 FROM pin WHERE workspace = ? ORDER BY pinned_at, rowid",
                (stored(workspace),),
            ).fetchall()
        return [
            Pin(path=loaded(str(path)), lines=(int(str(first)), int(str(last))) if first else None, sha256=str(sha256))
            for path, first, last, sha256 in rows
        ]

    async def put_pin(self, workspace: str, pin: Pin) -> None:
        """Keep a pin; one on the same lines is replaced."""
        at, lines = self._clock.now_utc(), pin.lines or _WHOLE
        await self._writer.write(
            lambda db: db.execute(
                "INSERT INTO pin VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET sha256 = excluded.sha256",
                (stored(workspace), stored(pin.path), *lines, pin.sha256, at),
            )
        )

    async def remove_pin(self, workspace: str, pin: Pin) -> None:
        """Forget a pin; harmless when it is not there."""
        lines = pin.lines or _WHOLE
        await self._writer.write(
            lambda db: db.execute(
                "DELETE FROM pin WHERE workspace = ? AND path = ? AND first_line = ? AND last_line = ?",
                (stored(workspace), stored(pin.path), *lines),
            )
        )


def drop_pins(connection: apsw.Connection, workspace: str | None) -> int:
    """Forget those of a workspace (as the store names it), or all; how many.

    A path and a hash tell whoever has the text that it was here.
    """
    connection.execute("DELETE FROM pin WHERE ?1 IS NULL OR workspace = ?1", (workspace,))
    return connection.changes()
