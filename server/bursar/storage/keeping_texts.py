"""How long texts are kept: until the user has them erased, or for a time after they were last used."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import apsw

from bursar.domain.ports import Clock
from bursar.storage import erasure
from bursar.storage.backups import BackupsBusy, backups_locked, drop_backups
from bursar.storage.connect import BUSY_MS
from bursar.storage.counts import drop_counts
from bursar.storage.pinning import drop_pins
from bursar.storage.reports import drop_report
from bursar.storage.repository import drop_index
from bursar.storage.rows import stored
from bursar.storage.spool import FileSpool


class KeepingTexts:
    """Makes the acts that remove texts, for the writer to carry out alone: from the store, the backups, the folders."""

    def __init__(self, home: Path, path: Path, *, alive: erasure.Alive, clock: Clock) -> None:
        self._home = home
        self._path = path
        self._alive = alive
        self._clock = clock

    def erasing(
        self, *, run: str | None, workspace: str | None, everything: bool, looks: int
    ) -> Callable[[apsw.Connection], int]:
        """Removes what the user named, for good; how many runs. Refused while one of them is driven."""
        place = None if workspace is None else stored(workspace)
        at = self._clock.now_utc()

        def remove(db: apsw.Connection) -> int:
            with backups_locked(self._home, looks=looks) as backups:
                chosen = erasure.choose(db, run=run, workspace=place, everything=everything)
                self._remove(db, chosen, at, "Its text was erased as asked.")
                # A run's own texts say what was pinned when it began; the pins are the workspace's.
                unpinned = drop_pins(db, place) if run is None else 0
                erasure.scrub(db, self._path)
                if chosen or everything or unpinned:
                    erasure.renew_backups(db, backups, self._clock)
                if everything:
                    erasure.drop_asides(self._home)
                drop_report(self._home)
                drop_counts(self._home)
                if workspace is not None or everything:
                    drop_index(self._home, workspace)
                return len(chosen)

        return remove

    def expiring(self, older_than_days: int, moment: str) -> Callable[[apsw.Connection], int]:
        """Removes the texts of runs that nobody has touched since a moment; how many runs."""
        at = self._clock.now_utc()

        def remove(db: apsw.Connection) -> int:
            with contextlib.suppress(BackupsBusy), backups_locked(self._home) as backups:
                chosen = [each for each in erasure.older_than(db, moment) if not self._alive(each)]
                why = f"Its text was removed {older_than_days} days after it was last used."
                self._remove(db, chosen, at, why)
                erasure.scrub_if_idle(db, BUSY_MS)
                if chosen:
                    drop_backups(backups)
                return len(chosen)
            return 0

        return remove

    def _remove(self, db: apsw.Connection, chosen: list[str], at: str, why: str) -> None:
        erasure.erase(db, chosen, alive=self._alive, spool=FileSpool(self._home), at=at, why=why)
        for folder in ("inflight", "questions"):
            erasure.drop_spooled(self._home / folder, chosen)
        erasure.drop_kept(self._home / "kept", chosen)
