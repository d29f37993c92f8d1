"""The kept sums are those of the rows: after any writes and after a migration; what is changed behind them is found."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.money.ledger import CHAIN_START, LedgerEntry, chain_hash
from bursar.domain.money.rolls import Spent, Sums
from bursar.domain.money.usage import Usage
from bursar.storage import SqliteJournal
from bursar.storage.ledger import broken_row
from bursar.storage.migrations import MIGRATIONS, migrate
from bursar.storage.rolls import add_spent, number_of_keys, rebuild_rolls, rolled, wrong_roll
from bursar.storage.schema_rolls import ROLLS

from .building import WORKSPACE, ask_file, begin, change_file, entry, open_at, owned, settle, unknown
from .old_rows import OLD_COLUMNS, old_chain

# The oracle: plain SQL over the rows, which shares nothing with what fills the sums.
_KEYS = {
    "day": "''",
    "total": "''",
    "model": "model",
    "task": "spec || '#' || task",
    "file": "ifnull(file, '')",
    "session": "session",
    "prompt": "prompt_version",
}
_BOOKED = (
    "SELECT {key}, {day}, {place}, count(*), sum(outcome = 'failed'), count(*), sum(certainty = 'estimated'),"
    " sum(certainty = 'unknown'), sum(unpriced), sum(uncached_input), sum(cache_read), sum(cache_write_5m),"
    " sum(cache_write_1h), sum(output), sum(reasoning), total(cost_pico),"
    " total(CASE certainty WHEN 'estimated' THEN cost_pico END),"
    # On top of what is known: a whole bound where nothing is, and by how much an estimate may be too low.
    " total(CASE WHEN cost_pico IS NULL THEN at_most_pico WHEN certainty = 'estimated' AND at_most_tokens > 0"
    " AND at_most_pico > cost_pico THEN at_most_pico - cost_pico END),"
    " total(CASE WHEN at_most_tokens > uncached_input + cache_read + cache_write_5m + cache_write_1h + output"
    " THEN at_most_tokens - uncached_input - cache_read - cache_write_5m - cache_write_1h - output END)"
    " FROM ledger GROUP BY 1, 2, 3"
)
_LOST = "SELECT {key}, {day}, {place}, count(*) FROM not_taken GROUP BY 1, 2, 3"
_KEPT = (
    "SELECT key, local_day, workspace, attempts, failed, requests, estimated_requests, unknown_requests,"
    " unpriced_requests, uncached_input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, cost_pico,"
    " estimated_pico, at_most_pico, at_most_tokens FROM roll WHERE dimension = ? AND agent = 'bursar'"
)


def differing(home: Path) -> list[str]:
    """The dimensions whose sums are not those of the rows."""
    found = []
    for dimension, key in _KEYS.items():
        wanted: dict[tuple[Any, ...], list[int]] = {}
        for day in ("local_day", "'*'"):
            over_all = dimension in ("model", "total") or (day == "'*'" and dimension in ("session", "prompt"))
            place = "''" if over_all else "workspace"
            for row in ask_file(home, _BOOKED.format(key=key, day=day, place=place)):
                wanted[tuple(row[:3])] = [int(each) for each in row[3:]]
            for *about, number in ask_file(home, _LOST.format(key=key, day=day, place=place)):
                sums = wanted.setdefault(tuple(about), [0] * 16)
                sums[0] += number
                sums[1] += number
        kept = {tuple(row[:3]): list(row[3:]) for row in ask_file(home, _KEPT, dimension)}
        if kept != wanted:
            found.append(dimension)
    return found


_PLACES = {"run-1": WORKSPACE, "run-2": "/home/ada/\udcfe"}
_ATTEMPTS = st.lists(
    st.fixed_dictionaries(
        {
            "run": st.sampled_from(sorted(_PLACES)),
            "end": st.sampled_from(["answer", "estimate", "unpriced", "unknown", "not taken"]),
            "day": st.sampled_from(["2026-11-20", "2026-11-21"]),
            "model": st.sampled_from(["a", "b"]),
            "file": st.sampled_from([None, "src/a.py", "src/\udcff.py"]),
            "task": st.sampled_from(["2.1", "\udcfe#"]),
            "pico": st.integers(0, 10**15),
            "tokens": st.integers(0, 10**7),
        }
    ),
    max_size=6,
)


def entry_of(told: dict[str, Any], key: str) -> LedgerEntry:
    values: dict[str, Any] = {
        "workspace": _PLACES[told["run"]],
        "local_day": told["day"],
        "model": told["model"],
        "file": told["file"],
        "task": told["task"],
        "usage": Usage(uncached_input=told["tokens"], cache_read=3, output=told["tokens"] // 7),
        "cost_pico": told["pico"],
        "certainty": "estimated" if told["end"] == "estimate" else "billed",
    }
    if told["end"] == "unknown":
        return unknown(told["run"], key, **{**values, "cost_pico": None, "certainty": "unknown"})
    if told["end"] == "unpriced":
        values |= {"cost_pico": None, "unpriced": True, "at_most_pico": 0}
    return entry(told["run"], key, **values)


async def play(journal: SqliteJournal, attempts: list[dict[str, Any]]) -> None:
    epochs = {run: await owned(journal, run, workspace=_PLACES[run]) for run in _PLACES}
    for n, told in enumerate(attempts, start=1):
        run, key = told["run"], f"m{n}"
        intent = {"counted_tokens": told["tokens"], "max_tokens": 9, "model": told["model"]}
        await begin(journal, epochs[run], run, key, intent={**intent, "file": told["file"]})
        if told["end"] == "not taken":
            for _ in range(2):
                await journal.release_request(run=run, epoch=epochs[run], key=key, attempt=1, why="busy")
        else:
            result = None if told["end"] == "unknown" else {"blocks": []}
            for _ in range(2):
                await settle(journal, epochs[run], run, key, booked=entry_of(told, key), result=result)


@settings(max_examples=12, deadline=None)
@given(_ATTEMPTS)
def test_after_any_writes_each_sum_is_that_of_its_rows(attempts: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        journal = open_at(home)
        try:
            asyncio.run(play(journal, attempts))
            assert differing(home) == []
            assert ask_file(home, "SELECT count(*) FROM not_taken") == [
                (sum(each["end"] == "not taken" for each in attempts),)
            ]
        finally:
            journal.close()


async def test_a_sum_that_is_not_that_of_its_rows_is_seen_by_both(journal: SqliteJournal, home: Path) -> None:
    """The control for the property: each kind of wrong sum is found by the oracle and by the store itself."""
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, result={})
    connection = apsw.Connection(str(home / "bursar.db"))
    for dimension in _KEYS:
        for change in (
            f"UPDATE roll SET output = output + 1 WHERE dimension = '{dimension}' AND local_day <> '*'",
            f"UPDATE roll SET cost_pico = cost_pico - 1 WHERE dimension = '{dimension}' AND local_day = '*'",
            f"DELETE FROM roll WHERE dimension = '{dimension}'",
            f"INSERT INTO roll SELECT dimension, '2026-01-01', key, workspace, agent, {', '.join('0' * 16)} FROM roll"
            f" WHERE dimension = '{dimension}' AND local_day = '*'",
        ):
            with connection:
                connection.execute(change)
            assert differing(home) == [dimension], change
            assert wrong_roll(connection) is not None, change
            with connection:
                rebuild_rolls(connection)
            assert (differing(home), wrong_roll(connection)) == ([], None)
    connection.close()


def test_many_facts_at_once_and_facts_of_other_agents_stay_apart(home: Path) -> None:
    open_at(home).close()
    connection = apsw.Connection(str(home / "bursar.db"))
    usage = Usage(uncached_input=2, output=1)
    fact = Spent(
        local_day="2026-11-21",
        agent="codex",
        model="gpt-5",
        session="s",
        workspace="/w",
        sums=Sums(attempts=1, requests=1, usage=usage, cost_pico=7),
    )
    with connection:
        add_spent(connection, [fact, fact])
        add_spent(connection, [fact])
        add_spent(connection, [])
    (row,) = rolled(connection, "session")
    assert (row.key, row.agent, row.sums.requests, row.sums.cost_pico, row.sums.usage.output) == (
        "s",
        "codex",
        3,
        21,
        3,
    )
    assert rolled(connection, "session", agent="bursar") == []
    assert [each.local_day for each in rolled(connection, "day")] == ["2026-11-21"]
    assert rolled(connection, "model", since="2026-11-22") == []
    (row,) = rolled(connection, "model", since="2026-11-21")
    assert row.sums.usage.uncached_input == 6
    connection.close()


def test_the_dearest_and_the_newest_come_first(home: Path) -> None:
    open_at(home).close()
    connection = apsw.Connection(str(home / "bursar.db"))
    facts = [
        Spent(
            local_day=f"2026-11-{n:02}",
            session=f"s{n % 7}",
            file=f"f{n}",
            workspace=f"/w{n % 2}",
            model="m",
            sums=Sums(attempts=1, requests=1, cost_pico=n * n),
        )
        for n in range(1, 29)
    ]
    with connection:
        add_spent(connection, facts)
    for since in (None, "2026-11-05"):
        days = [each for each in facts if since is None or each.local_day >= since]
        wanted = sorted((each.sums.cost_pico for each in days), reverse=True)[:3]
        assert [each.sums.cost_pico for each in rolled(connection, "file", since=since, most=3)] == wanted
        assert [each.local_day for each in rolled(connection, "day", since=since, most=3)][-1] == "2026-11-28"
        assert len(rolled(connection, "day", since=since, most=3)) == 3
        # Both workspaces of a session are one row.
        found = {each.key: each.sums.cost_pico for each in rolled(connection, "session", since=since)}
        assert found == {
            f"s{m}": sum(each.sums.cost_pico for each in days if each.session == f"s{m}") for m in range(7)
        }
        assert number_of_keys(connection, "session", since=since, agent=None) == 7
        assert number_of_keys(connection, "file", since=since, agent="bursar") == len(days)
        assert number_of_keys(connection, "day", since=since, agent=None) == len(days)
    connection.close()


def test_an_older_store_keeps_its_rows_their_chain_and_their_sums(tmp_path: Path) -> None:
    """A store as it was made before: its rows prove themselves by the hash of that time, and its sums are filled in."""
    connection = apsw.Connection(str(tmp_path / "bursar.db"))
    migrate(connection, tmp_path, MIGRATIONS[: MIGRATIONS.index(ROLLS)])
    chain = CHAIN_START
    rows = [
        entry(key="m1", workspace=WORKSPACE),
        entry(key="m2", local_day="2026-11-20", file=None),
        entry(key="m4", workspace="/other"),
        unknown(key="m3"),
    ]
    for each in rows:
        values = {name: getattr(each, name) for name in OLD_COLUMNS} | each.usage.as_dict()
        chain = old_chain(chain, each)
        connection.execute(
            f"INSERT INTO ledger ({', '.join(values)}, chain) VALUES ({', '.join('?' * len(values))}, ?)",
            (*values.values(), chain),
        )
    connection.execute("UPDATE meta SET value = ? WHERE key = 'chain_head'", (chain,))
    migrate(connection, tmp_path)
    assert broken_row(connection) is None
    assert wrong_roll(connection) is None
    sums = {each.local_day: each.sums for each in rolled(connection, "day", by_workspace=False)}
    assert {day: (each.requests, each.failed, each.cost_pico) for day, each in sums.items()} == {
        "2026-11-20": (1, 0, 1_400),
        "2026-11-21": (3, 1, 2_800),
    }
    assert {each.key: each.sums.requests for each in rolled(connection, "file", by_workspace=False)} == {
        "src/words.py": 3,
        "": 1,
    }
    connection.close()


@pytest.mark.parametrize("name", ["session", "agent", "prompt_version", "operation", "outcome", "at_most_tokens"])
async def test_a_column_that_came_later_is_in_the_chain_too(journal: SqliteJournal, home: Path, name: str) -> None:
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, result={})
    assert journal.verify_chain() is None
    change_file(home, f"UPDATE ledger SET {name} = ?", {"outcome": "stopped", "at_most_tokens": 3}.get(name, "other"))
    assert journal.verify_chain() == 1


def test_a_row_without_what_came_later_has_the_hash_of_its_time() -> None:
    old = entry()
    assert chain_hash(CHAIN_START, old) == old_chain(CHAIN_START, old)
    assert chain_hash(CHAIN_START, entry(session="s")) != old_chain(CHAIN_START, old)


async def test_what_the_hold_knows_goes_into_the_row(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, booked=unknown(), result=None)
    assert ask_file(home, "SELECT session, outcome, at_most_tokens FROM ledger") == [(journal.session, "failed", 1_200)]
    assert journal.session.startswith("session-")


async def test_what_the_user_stopped_has_not_failed(journal: SqliteJournal, home: Path) -> None:
    epoch = await owned(journal)
    for n in (1, 2):
        await begin(journal, epoch, key=f"m{n}")
    assert await journal.request_stop("run-1")
    await settle(journal, epoch, booked=unknown(), result=None)
    await journal.release_request(run="run-1", epoch=epoch, key="m2", attempt=1, why="stopped")
    assert ask_file(home, "SELECT outcome FROM ledger") == [("stopped",)]
    assert ask_file(home, "SELECT count(*) FROM not_taken") == [(0,)]
    assert ask_file(
        home, "SELECT attempts, failed, requests FROM roll WHERE dimension = 'day' AND local_day = '*'"
    ) == [(1, 0, 1)]
    assert differing(home) == []
