"""Looks after an open store: what the user must be told, what was seen to be damaged, and an end in order."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from bursar.domain.errors import StorageError
from bursar.domain.ports import Clock, Failpoint, nowhere
from bursar.storage.aside import all_asides
from bursar.storage.errors import Damaged
from bursar.storage.mark import mark_clean
from bursar.storage.opening import Opened
from bursar.storage.reaping import Orphan, orphans_words
from bursar.storage.upkeep import Upkeep
from bursar.storage.writer import Writer


class Care:
    """The care of one open journal."""

    def __init__(
        self, home: Path, opened: Opened, clock: Clock, failpoint: Failpoint = nowhere, *, on_caller: bool = False
    ) -> None:
        self._home = home
        self._opened = opened
        self._notices = list(opened.notices)
        self._damage: str | None = None
        self.unclean = opened.unclean
        self.upkeep = Upkeep(home, opened.path, clock, on_damage=self.damage_found, failpoint=failpoint)
        self.writer = Writer(
            opened.connection,
            opened.path,
            opened.gate,
            after_commit=opened.witness.look,
            on_damage=self.damage_found,
            on_caller=on_caller,
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user must be told, oldest first."""
        return tuple(self._notices)

    def begin(self) -> None:
        """Look at the whole file and make a backup, each when it is due, on a thread of its own."""
        self.upkeep.begin(unclean=self.unclean)

    def check_usable(self) -> None:
        """Raises Damaged once the file is known to be: nothing new is begun, what is under way is still booked."""
        if self._damage is not None:
            raise Damaged(self._opened.path, self._damage)

    def damage_found(self, what: str) -> None:
        """Tell it once, and have the next start look into it."""
        if self._damage is None:
            self._damage = what
            self._notices.append(str(Damaged(self._opened.path, what)))
            with contextlib.suppress(StorageError):
                self.writer.submit(lambda db: self._opened.witness.mark(db, suspect=what), alone=True)

    def tell_of_orphans(self, booked: Sequence[Orphan]) -> None:
        """Say for which requests no bill will come any more, and that they are in the books now."""
        if booked:
            said = orphans_words(booked)
            self._notices.append(f"{said[0].upper()}{said[1:]}. It is booked like that now: bursar usage lists it.")

    def tell_of_asides(self) -> None:
        """Say which files an erasure could not reach into."""
        kept = all_asides(self._home)
        if kept:
            self._notices.append(
                f"Files that were set aside as damaged may still hold erased text: {', '.join(map(str, kept))}."
                " Remove them, or run bursar erase --all, which removes them too."
            )

    def end_upkeep(self) -> None:
        """End what goes on beside the journal; before its connections are closed."""
        self.upkeep.close()

    def end(self) -> None:
        """Give the files back when the database is closed; the last one says that all ended in order."""
        self._opened.witness.close()
        looked_at = self.upkeep.close() and self._damage is None
        if looked_at and self._opened.presence.last():
            with contextlib.suppress(OSError, StorageError):
                mark_clean(self._home, self._opened.path)
        self._opened.presence.close()
        self._opened.gate.close()
