"""What real agents wrote down, imported, is what the provider billed for it: to the last pico-dollar and token."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from bursar.imports import FORMATS
from bursar.imports.frame import AgentImport
from bursar.imports.reading import LogFormat, LogReader
from bursar.prices import price_book
from bursar.storage import SqliteJournal

from .logs import imports

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "agents"
RECORDINGS = sorted(each.name for each in FIXTURES.iterdir() if each.is_dir())
LONGEST_TEXT = 120
BUCKETS = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")


def agent_of(recording: str) -> str:
    return recording.rpartition("-")[0]


def bill_of(recording: str) -> dict[str, Any]:
    bill: dict[str, Any] = json.loads((FIXTURES / recording / "bill.json").read_text())
    return bill


def imported(journal: SqliteJournal, recording: str, place: Path | None = None) -> AgentImport:
    card = price_book(override_file=FIXTURES / recording / "prices.json", free_providers=frozenset())
    return imports(journal, agent_of(recording), place or FIXTURES / recording, card=card)


def ask(journal: SqliteJournal, sql: str) -> list[tuple[Any, ...]]:
    with apsw.Connection(str(journal.path)) as db:
        return list(db.execute(sql))


def spent(journal: SqliteJournal) -> Decimal:
    return Decimal(ask(journal, "SELECT sum(cost_pico) FROM imported")[0][0]).scaleb(-12)


def billed(recording: str) -> list[dict[str, Any]]:
    """The requests that were answered; a refused one is free and in no log."""
    return [each for each in bill_of(recording)["requests"] if each["outcome"] == "complete"]


@pytest.mark.parametrize("recording", RECORDINGS)
def test_the_imported_total_is_the_bill(journal: SqliteJournal, recording: str) -> None:
    done = imported(journal, recording)
    rows = billed(recording)
    assert (done.skipped, done.posted.added, done.posted.unpriced) == (0, len(rows), 0)
    assert spent(journal) == Decimal(bill_of(recording)["total_usd"])
    sums = ask(journal, f"SELECT {', '.join(f'sum({each})' for each in BUCKETS)} FROM imported")[0]
    expected = {name: sum(row["billed_tokens"][name] for row in rows) for name in BUCKETS}
    if "cache_write_5m" not in json.loads((FIXTURES / recording / "prices.json").read_text())["models"].popitem()[1]:
        expected = {**expected, "uncached_input": expected["uncached_input"] + expected["cache_write_5m"]}
        expected["cache_write_5m"] = 0
    assert dict(zip(BUCKETS, sums, strict=True)) == expected
    assert imported(journal, recording).records == 0


@pytest.mark.parametrize("recording", RECORDINGS)
def test_read_as_it_grew_line_by_line_it_is_the_same(journal: SqliteJournal, recording: str, tmp_path: Path) -> None:
    """The files grow by turns and end in the middle of records, as they do while agents run."""
    source = FIXTURES / recording
    files = sorted(each.relative_to(source) for each in source.rglob("*.jsonl"))
    for share in (1, 2, 3, 5, 8, 12):
        for number, each in enumerate(files):
            data = (source / each).read_bytes()
            cut = len(data) * min(share + number, 12) // 12
            target = tmp_path / "growing" / each
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data[:cut])
        assert imported(journal, recording, tmp_path / "growing").skipped == 0
    assert spent(journal) == Decimal(bill_of(recording)["total_usd"])


class WithoutIds:
    """A reader from which the search for repeated requests was taken out: the control."""

    by_line = True

    def __init__(self, real: LogFormat) -> None:
        self._real = real
        self.agent = real.agent
        self.is_log = real.is_log
        self.places = real.places
        self._made = 0

    def open(self, file: str, state: Any) -> LogReader:
        return _Renamed(self._real.open(file, state), file)


class _Renamed:
    def __init__(self, real: LogReader, file: str) -> None:
        self._real = real
        self._file = file
        self.state = real.state

    def record(self, number: int, data: bytes) -> Any:
        from dataclasses import replace

        return [replace(each, message_id=f"{self._file}:{number}") for each in self._real.record(number, data)]


@pytest.fixture
def without_ids() -> Iterator[None]:
    real = dict(FORMATS)
    FORMATS.update({name: WithoutIds(each) for name, each in real.items()})
    yield
    FORMATS.update(real)


@pytest.mark.usefixtures("without_ids")
@pytest.mark.parametrize("recording", ["claude-code-2.1.329", "codex-0.144.6"])
def test_control_where_copies_count_the_total_is_too_high(journal: SqliteJournal, recording: str) -> None:
    imported(journal, recording)
    assert spent(journal) > Decimal(bill_of(recording)["total_usd"]) * Decimal("1.3")


def test_sub_agents_forks_and_sessions_are_told_apart(journal: SqliteJournal) -> None:
    imported(journal, "claude-code-2.1.329")
    rows = ask(journal, "SELECT session, parent_session, sum(requests) FROM imported GROUP BY 1, 2")
    sub_agents = [(parent, number) for _, parent, number in rows if parent]
    sessions = {session: number for session, parent, number in rows if not parent}
    assert len(sub_agents) == 1
    assert sub_agents[0][0] in sessions
    assert sorted(sessions.values()) == [1, 4]
    imported(journal, "codex-0.169.0")
    rows = ask(journal, "SELECT session, parent_session FROM imported WHERE agent = 'codex' GROUP BY 1, 2")
    (root,) = [session for session, parent in rows if parent is None]
    assert sorted(parent for _, parent in rows if parent) == [root, root]


def test_an_old_codex_log_alone_counts_what_its_fork_paid(journal: SqliteJournal, tmp_path: Path) -> None:
    """Of a fork whose parent is not here any more the copied history still counts, and once only when that returns."""
    source = FIXTURES / "codex-0.144.6" / ".codex" / "sessions"
    fork, parent = sorted(source.rglob("*.jsonl"))[-1], sorted(source.rglob("*.jsonl"))[0]
    (tmp_path / "some").mkdir()
    shutil.copy(fork, tmp_path / "some")
    assert imported(journal, "codex-0.144.6", tmp_path / "some").posted.added == 5
    shutil.copy(parent, tmp_path / "some")
    assert imported(journal, "codex-0.144.6", tmp_path / "some").posted.added == 1


@pytest.mark.parametrize("recording", RECORDINGS)
def test_no_texts_are_kept(recording: str) -> None:
    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | dict):
            for each in value.values() if isinstance(value, dict) else value:
                yield from texts(each)

    for file in (FIXTURES / recording).rglob("*.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert max(len(each) for each in texts(lines)) <= LONGEST_TEXT
