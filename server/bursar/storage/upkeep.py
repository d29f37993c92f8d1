"""Looks at the whole file and makes backups, on a thread of its own and by a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import apsw

from bursar.domain.errors import BursarError
from bursar.domain.ports import Clock, Failpoint, nowhere
from bursar.storage.backups import backup_due, backups_locked, make_backup
from bursar.storage.connect import connect
from bursar.storage.errors import Damaged, as_storage_error
from bursar.storage.verify import what_is_wrong

_PATIENCE_S = 0.5
_NUDGE_S = 0.02


class Upkeep:
    """One round for each open journal; ended early when the journal closes."""

    def __init__(
        self,
        home: Path,
        path: Path,
        clock: Clock,
        *,
        on_damage: Callable[[str], None],
        failpoint: Failpoint = nowhere,
    ) -> None:
        self._failpoint = failpoint
        self._home, self._path, self._clock = home, path, clock
        self._on_damage = on_damage
        self._unchecked = False
        self._stop = threading.Event()
        self._connection: apsw.Connection | None = None
        self._thread: threading.Thread | None = None

    def begin(self, *, unclean: bool) -> None:
        """Begin the round if anything is due; ``unclean`` asks for a look at the whole file first."""
        self._unchecked = unclean
        if unclean or backup_due(self._home, self._clock, unclean=unclean):
            self._thread = threading.Thread(target=self._round, args=(unclean,), name="bursar-upkeep", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Until the round is over."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> bool:
        """End the round, at once unless it is nearly done; whether everything was looked at that had to be."""
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
            self._stop.set()
            while self._thread.is_alive():
                connection = self._connection
                if connection is not None:
                    connection.interrupt()
                self._thread.join(_NUDGE_S)
        return not self._unchecked

    def _round(self, unclean: bool) -> None:
        # What cannot be done now (no space, somebody interrupts) is due again at the next start.
        try:
            self._connection = connect(self._path)
            try:
                if unclean:
                    self._check(self._connection)
                if not self._stop.is_set() and backup_due(self._home, self._clock, unclean=unclean):
                    self._back_up(self._connection)
            finally:
                connection, self._connection = self._connection, None
                connection.close()
        except Damaged as damage:
            self._on_damage(damage.what)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            damaged = as_storage_error(error, self._path)
            if isinstance(damaged, Damaged):
                self._on_damage(damaged.what)
        except (apsw.Error, OSError, BursarError):
            return

    def _check(self, connection: apsw.Connection) -> None:
        wrong = what_is_wrong(connection)
        if wrong is not None:
            raise Damaged(self._path, wrong)
        self._unchecked = False

    def _back_up(self, connection: apsw.Connection) -> None:
        if connection.execute("SELECT NOT EXISTS (SELECT 1 FROM run) AND NOT EXISTS (SELECT 1 FROM budget)").get:
            return
        with backups_locked(self._home) as folder:
            if not self._stop.is_set() and backup_due(self._home, self._clock, unclean=True):
                make_backup(connection, folder, self._clock, self._failpoint)
