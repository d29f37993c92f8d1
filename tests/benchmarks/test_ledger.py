"""The ledger's benchmark measures what it says: every report, on rows whose sums are right. No time is asserted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import apsw

from benchmarks import ledger
from bursar.domain.money.spending import SpendKey
from bursar.storage.rolls import wrong_roll


def test_every_query_is_measured_over_sound_rows(tmp_path: Path) -> None:
    path = tmp_path / "bursar.db"
    rows = ledger.measured(path, rows=400, times=2)
    measured = {each.what.split(",")[0] for each in rows}
    assert measured > {"status bar", *(f"usage --by {by}" for by in get_args(SpendKey))}
    assert all(each.value > 0 and each.unit == "ms" for each in rows if "processor" not in each.what)
    connection = apsw.Connection(str(path))
    # What the writes of the benchmark added bare is in no sum: the check of the sums is a real one.
    assert wrong_roll(connection) is not None
    with connection:
        connection.execute("DELETE FROM ledger WHERE run = 'run-bare'")
    assert wrong_roll(connection) is None
    connection.close()


def test_it_leaves_its_file(tmp_path: Path) -> None:
    assert ledger.main(["--rows", "60", "--times", "1", "--folder", str(tmp_path)]) == 0
    left = json.loads((tmp_path / "ledger.json").read_text())
    assert set(left) == {"rows", "machine", "versions"}
    assert {"what", "value", "unit", "peer", "peer_value", "ratio"} == set(left["rows"][0])
