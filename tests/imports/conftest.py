"""A store and a folder of logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.storage import SqliteJournal, open_journal
from support.fakes import CountingIds, FakeClock


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "projects"
    folder.mkdir()
    return folder


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = open_journal(tmp_path / "home", clock=FakeClock(), ids=CountingIds(), failpoint=lambda name: None)
    yield opened
    opened.close()
