"""Each request counts once, whatever its logs look like; what was read is not read again, and nothing else is."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import apsw
import pytest

from bursar.domain.money.budget import Scope
from bursar.domain.money.imported import ImportedRequest
from bursar.domain.money.price import Price, Unpriced
from bursar.imports import FORMATS
from bursar.imports.finding import Found, open_log
from bursar.imports.reading import LogReader, parsed
from bursar.storage import SqliteJournal

from .logs import Card, add, imports, pico, said, text, write

ROWS = (
    "SELECT agent, session, parent_session, message_id, requests, cost_pico, local_day, workspace, line FROM imported"
)
ALL = "SELECT coalesce(sum(cost_pico), 0), coalesce(sum(requests), 0), coalesce(sum(unpriced), 0) FROM imported"


def ask(journal: SqliteJournal, sql: str) -> list[tuple[Any, ...]]:
    with apsw.Connection(str(journal.path)) as db:
        return list(db.execute(sql))


def total(journal: SqliteJournal) -> tuple[Any, ...]:
    """Money, requests and those without a price, by plain SQL."""
    return ask(journal, ALL)[0]


def test_a_request_is_kept_with_where_it_stands_and_what_it_cost(journal: SqliteJournal, logs: Path) -> None:
    write(logs / "p" / "s1.jsonl", {"type": "user"}, said(1))
    done = imports(journal, "claude-code", logs)
    assert (done.files, done.records, done.posted.added, done.posted.cost_pico) == (1, 1, 1, pico())
    assert ask(journal, ROWS) == [
        ("claude-code", "s1", None, "msg_1", 1, pico(), "2026-11-20", "/home/ada/project", 2),
    ]
    rates, card, file = ask(journal, "SELECT unit_prices, rate_card, file FROM imported")[0]
    assert json.loads(rates) == dict.fromkeys(("input", "cache_read", "cache_write_5m", "cache_write_1h"), "1") | {
        "output": "2"
    }
    assert (card, file) == ("test 1", str(logs / "p" / "s1.jsonl"))


def test_records_of_one_message_count_once_at_the_fullest(journal: SqliteJournal, logs: Path) -> None:
    write(logs / "s1.jsonl", said(1, output=1), said(1, output=40), said(1, output=7), said(2))
    write(logs / "s2.jsonl", said(1, output=40, session="s2"), said(3, session="s2"))
    done = imports(journal, "claude-code", logs)
    assert (done.records, done.posted.added, done.posted.duplicates) == (6, 3, 3)
    assert total(journal) == (pico(output=40) + 2 * pico(), 3, 0)


def test_a_placeholder_is_completed_by_a_later_import_and_no_row_changes(journal: SqliteJournal, logs: Path) -> None:
    log = write(logs / "s1.jsonl", said(1, output=1))
    imports(journal, "claude-code", logs)
    first = ask(journal, "SELECT * FROM imported")
    add(log, text([said(1, output=40, timestamp="2026-11-21T00:00:01.000Z", session="s9")]))
    done = imports(journal, "claude-code", logs)
    assert (done.posted.added, done.posted.updated) == (0, 1)
    assert done.posted.cost_pico == pico(output=40) - pico(output=1)
    assert total(journal) == (pico(output=40), 1, 0)
    rows = ask(journal, "SELECT * FROM imported ORDER BY n")
    assert rows[:1] == first
    assert ask(journal, "SELECT version, local_day, session, output FROM imported ORDER BY n") == [
        (0, "2026-11-20", "s1", 1),
        (1, "2026-11-20", "s1", 39),
    ]


def test_only_what_is_new_is_read_the_next_time(journal: SqliteJournal, logs: Path) -> None:
    log = write(logs / "s1.jsonl", said(1), said(2))
    imports(journal, "claude-code", logs)
    assert imports(journal, "claude-code", logs).records == 0
    add(log, text([said(3)]))
    done = imports(journal, "claude-code", logs)
    assert (done.records, done.posted.added, done.posted.duplicates) == (1, 1, 0)
    assert [row[0] for row in ask(journal, "SELECT line FROM imported")] == [1, 2, 3]


def test_half_a_last_record_is_read_when_it_is_whole(journal: SqliteJournal, logs: Path) -> None:
    whole = text([said(1), said(2)])
    for cut in (len(whole) - 1, len(whole) - 30, len(text([said(1)])) + 1):
        log = logs / f"cut-{cut}.jsonl"
        log.write_text(whole[:cut].replace("msg_", f"msg_{cut}_"), encoding="utf-8")
        once = imports(journal, "claude-code", logs)
        assert once.skipped == 0
        log.write_text(whole.replace("msg_", f"msg_{cut}_"), encoding="utf-8")
        again = imports(journal, "claude-code", logs)
        assert again.skipped == 0
        assert once.posted.added + again.posted.added == 2
    assert total(journal) == (6 * pico(), 6, 0)


@pytest.mark.parametrize(
    ("damaged", "why"),
    [
        (b'{"type": "assistant", "message": {"usage": {"output_tokens": 5', "it is not a whole JSON object"),
        (b'{"type": "assistant" "usage": 1}', "it is not JSON"),
        (b"\0\0\0\0\0\0\0\0", "it is not a whole JSON object"),
        (b"[" * 100_000 + b"]" * 100_000, "it is not a whole JSON object"),
        (b'{"usage": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "it is nested too deeply"),
        (json.dumps(said(9, output=-5)).encode(), "its output_tokens is -5, which cannot be a number of tokens"),
        (json.dumps(said(9, output=10**9)).encode(), "which cannot be a number of tokens"),
        (b'{"type": "assistant", "message": {"usage": {"output_tokens": NaN}}}', "NaN stands in the place of a number"),
        (json.dumps(said(9, timestamp="soon")).encode(), 'its time is "soon"'),
        (json.dumps(said(9, timestamp="0001-01-01T00:00:00+14:00")).encode(), 'its time is "0001-01-01'),
    ],
)
def test_a_damaged_line_is_told_and_passed_over(journal: SqliteJournal, logs: Path, damaged: bytes, why: str) -> None:
    log = logs / "s1.jsonl"
    log.write_bytes(text([said(1)]).encode() + damaged + b"\n" + text([said(2)]).encode())
    done = imports(journal, "claude-code", logs)
    assert (done.skipped, [(each.file, each.line) for each in done.skips]) == (1, [(str(log), 2)])
    assert why in done.skips[0].why
    assert total(journal) == (2 * pico(), 2, 0)
    assert imports(journal, "claude-code", logs).skipped == 0


def test_many_damaged_lines_are_counted_and_few_are_kept(journal: SqliteJournal, logs: Path) -> None:
    (logs / "s1.jsonl").write_text("broken\n" * 5_000)
    done = imports(journal, "claude-code", logs)
    assert (done.skipped, len(done.skips)) == (5_000, 20)


def test_odd_letters_and_line_ends_do_not_matter(journal: SqliteJournal, logs: Path) -> None:
    line = text([said(1, note="naïve \u2028 \x85")]).encode()
    (logs / "bom.jsonl").write_bytes(b"\xef\xbb\xbf" + line)
    (logs / "crlf.jsonl").write_bytes(text([said(2)]).encode().replace(b"\n", b"\r\n"))
    (logs / "latin.jsonl").write_bytes(text([said(3, note="x")]).encode().replace(b'"x"', b'"na\xefve"'))
    name = os.fsdecode(b"na\xefve.jsonl")
    (logs / name).write_bytes(text([said(4, cwd=name)]).encode())
    assert imports(journal, "claude-code", logs).skipped == 0
    assert total(journal) == (4 * pico(), 4, 0)
    assert imports(journal, "claude-code", logs).records == 0
    (logs / "wide.jsonl").write_bytes(text([said(5)]).encode("utf-16"))
    done = imports(journal, "claude-code", logs)
    assert [(each.line, each.why) for each in done.skips] == [(0, "it is UTF-16, and logs are UTF-8")]
    assert imports(journal, "claude-code", logs).skipped == 0


def test_a_model_without_a_price_is_never_zero(journal: SqliteJournal, logs: Path) -> None:
    write(logs / "s1.jsonl", said(1, model="new"), said(2))
    done = imports(journal, "claude-code", logs)
    assert (done.posted.unpriced, done.posted.cost_pico, done.unpriced) == (1, pico(), {"new"})
    assert ask(journal, "SELECT cost_pico FROM imported WHERE model = 'new'") == [(None,)]
    assert total(journal) == (pico(), 2, 1)


class Later(Card):
    """The card of a later day, which knows the new model and asks more of the others."""

    def price(self, *, provider: str, model: str, at: str) -> Price | Unpriced:
        found = super().price(provider=provider, model="" if model == "new" else model, at=at)
        if model == "new" or isinstance(found, Unpriced):
            return found
        return replace(found, rates=replace(found.rates, output=Decimal(1_000)))


def test_a_price_that_becomes_known_is_given_later_and_a_known_one_stays(journal: SqliteJournal, logs: Path) -> None:
    fast = said(3, model="new")
    fast["message"]["usage"]["service_tier"] = "priority"
    log = write(logs / "s1.jsonl", said(1, model="new", output=2), said(2), fast)
    imports(journal, "claude-code", logs)
    assert total(journal) == (pico(), 3, 2)
    add(log, text([said(1, model="new", output=50)]))
    assert imports(journal, "claude-code", logs).posted.updated == 1
    assert total(journal) == (pico(), 3, 2)
    done = imports(journal, "claude-code", logs, card=Later())
    assert (done.records, done.posted.unpriced, done.posted.cost_pico) == (0, -1, pico(output=50))
    # The request in another tier still has no price, and what had one keeps it.
    assert total(journal) == (pico() + pico(output=50), 3, 1)
    assert imports(journal, "claude-code", logs, card=Later()).posted.cost_pico == 0
    assert total(journal) == (pico() + pico(output=50), 3, 1)


def test_a_log_that_was_written_anew_is_read_from_its_start(journal: SqliteJournal, logs: Path) -> None:
    log = write(logs / "s1.jsonl", said(1), said(2))
    imports(journal, "claude-code", logs)
    write(log, said(3), said(1), said(2), said(4))
    done = imports(journal, "claude-code", logs)
    assert (done.posted.added, done.posted.duplicates) == (2, 2)
    write(log, said(5))
    assert imports(journal, "claude-code", logs).posted.added == 1
    log.unlink()
    assert imports(journal, "claude-code", logs).files == 0
    assert total(journal) == (5 * pico(), 5, 0)


def test_nothing_outside_of_the_folder_is_read(journal: SqliteJournal, logs: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    secret = write(outside / "s1.jsonl", said(1))
    (logs / "file.jsonl").symlink_to(secret)
    (logs / "folder").symlink_to(outside)
    (logs / "loop").symlink_to(logs)
    os.mkfifo(logs / "pipe.jsonl")
    (logs / "dir.jsonl").mkdir()
    done = imports(journal, "claude-code", logs)
    assert (done.files, [each.why for each in done.skips]) == (0, ["it is a link, and links are not followed"])
    assert total(journal) == (0, 0, 0)
    place = tmp_path / "place"
    place.symlink_to(outside)
    assert imports(journal, "claude-code", place).posted.added == 1


def test_a_log_that_became_something_else_meanwhile_is_not_opened(logs: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "s1.jsonl", said(1))
    (logs / "p").mkdir()
    for name, make in (
        ("link.jsonl", lambda path: path.symlink_to(outside)),
        ("pipe.jsonl", os.mkfifo),
        ("p/s1.jsonl", lambda path: (path.parent.rmdir(), path.parent.symlink_to(outside.parent))),
        ("gone.jsonl", lambda path: None),
    ):
        found = Found(path=logs / name, place=logs, size=1, mtime_ns=1)
        make(found.path)
        with pytest.raises(OSError):
            open_log(found)
    plain = write(logs / "s1.jsonl", said(1))
    with open_log(Found(path=plain, place=logs, size=1, mtime_ns=1)) as file:
        assert file.read(1) == b"{"


def test_the_order_of_files_and_imports_makes_no_difference(tmp_path: Path) -> None:
    from bursar.storage import open_journal
    from support.fakes import CountingIds, FakeClock

    choose = random.Random(7)
    records = [said(number % 9, output=choose.randrange(1, 60)) for number in range(60)]
    fullest: dict[str, int] = {}
    for each in records:
        output = each["message"]["usage"]["output_tokens"]
        fullest[each["requestId"]] = max(output, fullest.get(each["requestId"], 0))
    expected = sum(pico(output=each) for each in fullest.values())
    for seed in range(3):
        random.Random(seed).shuffle(records)
        home, folder = tmp_path / f"home{seed}", tmp_path / f"logs{seed}"
        journal = open_journal(home, clock=FakeClock(), ids=CountingIds(), failpoint=lambda name: None)
        for number in range(6):
            write(folder / f"{number}.jsonl", *records[number * 10 : number * 10 + 10])
            if number % 2 == seed % 2:
                imports(journal, "claude-code", folder)
        imports(journal, "claude-code", folder)
        assert total(journal) == (expected, 9, 0)
        journal.close()


def test_two_imports_at_once_wait_for_one_another(journal: SqliteJournal, logs: Path) -> None:
    write(logs / "s1.jsonl", *(said(number) for number in range(50)))
    waits = threading.Event()
    done: list[int] = []

    def second() -> None:
        with journal.imports.importing(waits.set):
            done.append(2)

    with journal.imports.importing(lambda: pytest.fail("nobody else is there")):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(30)
        done.append(1)
    thread.join(30)
    assert done == [1, 2]


class Whole:
    """An agent whose log is one JSON file that is written anew."""

    agent = "whole"
    by_line = False

    def places(self, environ: Mapping[str, str], home: Path) -> list[Path]:
        return [home]

    def is_log(self, path: PurePath) -> bool:
        return path.suffix == ".json"

    def open(self, file: str, state: Mapping[str, Any]) -> LogReader:
        assert state == {}
        return WholeReader(file)


class WholeReader:
    def __init__(self, file: str) -> None:
        self._file = file

    def record(self, number: int, data: bytes) -> list[ImportedRequest]:
        reader = FORMATS["claude-code"].open(self._file, {})
        messages = parsed(data)["messages"]
        return [each for record in messages for each in reader.record(number, json.dumps(record).encode())]

    def state(self) -> dict[str, Any]:
        return {}


def test_a_log_that_is_one_whole_is_read_again_when_it_changed(
    journal: SqliteJournal, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "whole", Whole())
    log = logs / "task.json"
    log.write_text(json.dumps({"messages": [said(1), said(2, output=1)]}))
    assert imports(journal, "whole", logs).posted.added == 2
    assert imports(journal, "whole", logs).records == 0
    log.write_text(json.dumps({"messages": [said(1), said(2, output=50), said(3)]}))
    done = imports(journal, "whole", logs)
    assert (done.records, done.posted.added, done.posted.updated) == (3, 1, 1)
    log.write_text('{"messages": [')
    assert [each.why for each in imports(journal, "whole", logs).skips] == ["it is not JSON"]
    assert total(journal) == (pico() + pico(output=50) + pico(), 3, 0)


def test_names_that_no_text_should_hold_are_kept_as_they_are(journal: SqliteJournal, logs: Path) -> None:
    odd = "\ud800 \x1b[31m \0 \ufdd0"
    write(logs / "s1.jsonl", said(1, session=odd, cwd=odd, requestId=odd, model=odd))
    assert imports(journal, "claude-code", logs).posted.added == 1
    assert imports(journal, "claude-code", logs, card=Card()).records == 0
    assert total(journal) == (pico(), 1, 0)
    assert journal.imports.mark("claude-code", str(logs / "s1.jsonl")) is not None


def test_a_mark_that_was_damaged_is_none(journal: SqliteJournal, logs: Path) -> None:
    log = write(logs / "s1.jsonl", said(1))
    imports(journal, "claude-code", logs)
    with apsw.Connection(str(journal.path)) as db:
        db.execute("UPDATE imported_file SET state = '{', size = -1")
    add(log, text([said(2)]))
    done = imports(journal, "claude-code", logs)
    assert (done.posted.added, done.posted.duplicates) == (1, 1)


def test_what_was_spent_on_a_day_is_known_with_whether_it_counts(journal: SqliteJournal, logs: Path) -> None:
    assert journal.imported_on("2026-11-20") is None
    write(logs / "s1.jsonl", said(1), said(2, model="new"))
    imports(journal, "claude-code", logs)
    spent = journal.imported_on("2026-11-20")
    assert spent is not None
    assert (spent.cost_pico, spent.requests, spent.unpriced_requests, spent.counted) == (pico(), 2, 1, False)
    journal.imports.count_in_budgets(True)
    counted = journal.imported_on("2026-11-21")
    assert counted is not None
    assert (counted.cost_pico, counted.requests, counted.counted) == (0, 0, True)


def test_budgets_of_days_and_workspaces_count_it_only_when_the_user_wishes(journal: SqliteJournal, logs: Path) -> None:
    write(logs / "s1.jsonl", said(1), said(2, timestamp="2026-11-16T08:00:00.000Z", cwd="/home/ada/other"))
    imports(journal, "claude-code", logs)
    scopes = {
        Scope(kind="day", key="2026-11-20"): 1,
        Scope(kind="day", key="2026-11-21"): 0,
        Scope(kind="week", key="2026-W47"): 2,
        Scope(kind="month", key="2026-11"): 2,
        Scope(kind="workspace", key="/home/ada/project"): 1,
        Scope(kind="session", key="s1"): 0,
    }
    assert [journal.used(each, "usd").charged for each in scopes] == [0] * 6
    journal.imports.count_in_budgets(True)
    assert [journal.used(each, "usd").charged for each in scopes] == [pico() * number for number in scopes.values()]
    assert [journal.used(each, "requests").charged for each in scopes] == list(scopes.values())
    journal.imports.count_in_budgets(False)
    assert [journal.used(each, "usd").charged for each in scopes] == [0] * 6
