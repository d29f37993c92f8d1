"""An open journal in a folder of its own, closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.storage import SqliteJournal
from support.fakes import CountingIds, FakeClock

from .building import open_at


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def journal(home: Path, clock: FakeClock) -> Iterator[SqliteJournal]:
    opened = open_at(home, clock=clock, ids=CountingIds())
    yield opened
    opened.close()
