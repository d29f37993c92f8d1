"""The embedded store: one SQLite file per user, and the locks that prove who drives a run."""

from __future__ import annotations

from bursar.storage.journal import SqliteJournal, open_journal

__all__ = ["SqliteJournal", "open_journal"]
