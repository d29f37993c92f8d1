"""A store and a folder of logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
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
    with apsw.Connection(str(opened.path)) as db:
        # Whatever a test did, each kept sum is that of the rows.
        for dimension, place in (("model", "''"), ("session", "workspace")):
            rows = db.execute(
                f"SELECT agent, {dimension}, local_day, {place}, sum(requests), sum(unpriced), total(cost_pico),"
                " sum(output), sum(cache_read) FROM imported GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
            ).fetchall()
            kept = db.execute(
                "SELECT agent, key, local_day, workspace, requests, unpriced_requests, cost_pico, output, cache_read"
                " FROM roll WHERE dimension = ? AND local_day <> '*' ORDER BY 1, 2, 3, 4",
                (dimension,),
            ).fetchall()
            assert kept == rows
