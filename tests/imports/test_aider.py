"""What Aider wrote down is what was billed, within its rounding; it is called estimated, and damage is told."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.imports import FORMATS
from bursar.storage import SqliteJournal

from .logs import imports
from .recorded import FIXTURES, ask, bill_of, every_copy_counts, imported, spent

RECORDING = "aider-0.86.2"
HISTORY = ".aider.chat.history.md"
HEAD = (
    "\n# aider chat started at 2026-11-20 09:30:00\n\n> Aider v0.86.2  \n"
    "> Model: anthropic/claude-x with diff edit format  \n"
)
MILLIONTH = Decimal("0.000001")


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The history has times of the machine's own zone."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def told(figures: str) -> str:
    return f"\n#### a question  \n\nan answer\n\n> Tokens: {figures}  \n"


def history(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / HISTORY).write_text(text, encoding="utf-8")
    return folder / HISTORY


def buckets(journal: SqliteJournal) -> list[tuple[int, ...]]:
    return ask(journal, "SELECT uncached_input, cache_read, cache_write_5m, output FROM imported ORDER BY n")


def test_the_imported_total_is_the_bill_within_the_rounding(journal: SqliteJournal) -> None:
    done = imported(journal, RECORDING, FIXTURES / RECORDING)
    assert (done.skipped, done.posted.added) == (0, 5)
    # By the bill's prices: 2 for a million in, 10 out, 2.5 written to the cache, 0.1 read from it.
    exact = [683 * 2 + 5 * 10, 0, 0, 0, 651 * 2 + 5 * 10]
    rounded = [
        0,
        13_000 * Decimal("2.5") + 5 * 10,
        13_000 * Decimal("2.5") + 5 * 10,
        13_000 * Decimal("0.1") + 5 * 10,
        0,
    ]
    assert spent(journal) == (sum(exact) + sum(rounded)) * MILLIONTH
    bill = [Decimal(each["cost_usd"]) for each in bill_of(RECORDING)["requests"]]
    # Whole answers below 1,000 tokens are exact; of a streamed one Aider counts the tokens by itself.
    assert bill[0] == exact[0] * MILLIONTH
    assert abs(bill[4] - exact[4] * MILLIONTH) < bill[4] / 20
    # '26k sent, 13k cache write' may each be 500 off, and the input is the first without twice the other.
    off = [500 * Decimal("2.5") + 1_500 * 2, 500 * Decimal("2.5") + 1_500 * 2, 500 * Decimal("0.1") + 1_000 * 2]
    for there, here, most in zip(bill[1:4], rounded[1:4], off, strict=True):
        assert 0 < abs(there - here * MILLIONTH) <= most * MILLIONTH
    assert abs(Decimal(bill_of(RECORDING)["total_usd"]) - spent(journal)) <= sum(off) * MILLIONTH + bill[4] / 20
    assert imported(journal, RECORDING, FIXTURES / RECORDING).records == 0


def test_every_request_is_called_estimated(journal: SqliteJournal) -> None:
    imported(journal, RECORDING, FIXTURES / RECORDING)
    assert ask(journal, "SELECT DISTINCT certainty FROM imported") == [("estimated",)]
    assert journal.imports.totals()["aider"].estimated_requests == 5
    sums = ask(
        journal, "SELECT requests, estimated_requests, cost_pico - estimated_pico FROM roll WHERE dimension = 'day'"
    )
    assert sum(each[1] for each in sums) == sum(each[0] for each in sums) > 0
    assert {each[2] for each in sums} == {0}
    assert ask(journal, "SELECT sum(estimated_requests), sum(cost_pico - estimated_pico) FROM fact") == [(5, 0)]


def test_a_copied_project_counts_once(journal: SqliteJournal, logs: Path) -> None:
    text = HEAD + told("683 sent, 5 received. Cost: $0.0014 message, $0.0014 session.")
    history(logs / "a", text)
    history(logs / "b", text + told("700 sent, 6 received."))
    done = imports(journal, "aider", logs)
    assert (done.posted.added, done.posted.duplicates) == (2, 1)
    assert buckets(journal) == [(683, 0, 0, 5), (700, 0, 0, 6)]


def test_control_where_copies_count_there_are_more(journal: SqliteJournal, logs: Path) -> None:
    text = HEAD + told("683 sent, 5 received.")
    for each in ("a", "b"):
        history(logs / each, text)
    with every_copy_counts("aider"):
        assert imports(journal, "aider", logs).posted.added == 2


def test_like_requests_of_other_sessions_and_turns_are_not_copies(journal: SqliteJournal, logs: Path) -> None:
    turn = told("683 sent, 5 received.")
    history(logs, HEAD + turn + turn + HEAD.replace("09:30:00", "09:31:00") + turn)
    assert imports(journal, "aider", logs).posted.added == 3
    assert ask(journal, "SELECT at FROM imported ORDER BY n") == [
        ("2026-11-20T09:30:00.000Z",),
        ("2026-11-20T09:30:00.000Z",),
        ("2026-11-20T09:31:00.000Z",),
    ]


def test_a_growing_history_is_read_on_in_its_session(journal: SqliteJournal, logs: Path) -> None:
    whole = HEAD + told("683 sent, 5 received.") + told("1.2k sent, 6 received.")
    log = history(logs, "")
    for cut in (10, 60, len(HEAD) + 30, len(whole) - 20, len(whole) - 1, len(whole)):
        log.write_text(whole[:cut])
        assert imports(journal, "aider", logs).skipped == 0
    assert buckets(journal) == [(683, 0, 0, 5), (1_200, 0, 0, 6)]
    assert ask(journal, "SELECT DISTINCT provider, model FROM imported") == [("anthropic", "claude-x")]


def test_cached_tokens_are_taken_out_of_what_was_sent(journal: SqliteJournal, logs: Path) -> None:
    history(
        logs,
        HEAD
        + told("26k sent, 13k cache write, 14 received.")
        + told("13k sent, 13k cache hit, 1.4k received.")
        + told("30k sent, 5.0k cache write, 12k cache hit, 14 received.")
        + told("5.4k sent, 3.0k cache write, 90k cache hit, 14 received."),
    )
    imports(journal, "aider", logs)
    assert buckets(journal) == [
        (0, 0, 13_000, 14),
        (0, 13_000, 0, 1_400),
        (8_000, 12_000, 5_000, 14),
        # What was read is more than all that was sent: an older version, which left it out.
        (2_400, 90_000, 3_000, 14),
    ]


def test_the_newest_model_of_the_session_counts(journal: SqliteJournal, logs: Path) -> None:
    lines = (
        "> Main model: gpt-4o with diff edit format  ",
        "> Models: gpt-4-turbo with udiff edit format, weak model gpt-3.5-turbo  ",
        "> Model: openrouter/anthropic/claude-x with diff edit format  ",
    )
    for each in lines:
        with (logs / HISTORY).open("a") as file:
            file.write(f"{HEAD}{each}\n" + told("683 sent, 5 received. Cost: $0.0014 message, $0.0014 session."))
    imports(journal, "aider", logs)
    assert ask(journal, "SELECT provider, model, reported_pico FROM imported ORDER BY n") == [
        ("", "gpt-4o", 1_400_000_000),
        ("", "gpt-4-turbo", 1_400_000_000),
        ("openrouter", "anthropic/claude-x", 1_400_000_000),
    ]


def test_a_session_without_a_known_model_is_not_free(journal: SqliteJournal, logs: Path) -> None:
    history(logs, HEAD.replace("anthropic/claude-x", "new") + told("683 sent, 5 received."))
    assert imports(journal, "aider", logs).unpriced == {"new"}
    assert ask(journal, "SELECT cost_pico, unpriced FROM imported") == [(None, 1)]


def test_damaged_figures_are_told(journal: SqliteJournal, logs: Path) -> None:
    damaged = ("-5", "many", "999999999k", "1.5")
    turns = [told(f"{each} sent, 5 received.") for each in damaged]
    history(logs, HEAD + "".join(turns) + told("683 sent, 5 received."))
    done = imports(journal, "aider", logs)
    assert [(each.line, each.why) for each in done.skips] == [
        (11 + 6 * number, f"it says '{each}' where a number of tokens belongs") for number, each in enumerate(damaged)
    ]
    assert buckets(journal) == [(683, 0, 0, 5)]


def test_a_session_without_a_time_is_told(journal: SqliteJournal, logs: Path) -> None:
    starts = ("soon", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "")
    for number, start in enumerate(starts):
        text = HEAD.replace("2026-11-20 09:30:00", start) + told("683 sent, 5 received.")
        history(logs / str(number), text)
    assert imports(journal, "aider", logs).skipped == len(starts)
    assert buckets(journal) == []


def test_nothing_and_rubbish_hold_nothing(journal: SqliteJournal, logs: Path) -> None:
    history(logs / "empty", "")
    (history(logs / "rubbish", "")).write_bytes(os.urandom(4_096).replace(b">", b"") + b"\n> Tokens: \xff sent\n")
    (history(logs / "long", "")).write_bytes(b"> Tokens: " + b"9" * 5_000_000 + b" sent, 5 received.\n")
    assert imports(journal, "aider", logs).skipped == 0
    assert buckets(journal) == []


def test_the_history_that_is_named_and_those_around_this_folder_are_read(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    here = tmp_path / "project" / "deep"
    text = told("683 sent, 5 received.")
    history(tmp_path / "project", HEAD + text)
    history(tmp_path / "home", HEAD + text + text)
    history(here / "node_modules", HEAD + "not looked into" + text)
    named = tmp_path / "elsewhere.md"
    named.write_text(HEAD.replace("09:30", "09:35") + text)
    environ = {"PWD": str(here), "AIDER_CHAT_HISTORY_FILE": str(named)}
    places = FORMATS["aider"].places(environ, tmp_path / "home")
    done = imports(journal, "aider", *places)
    assert (done.files, done.posted.added) == (3, 3)


def test_what_is_estimated_is_said(journal: SqliteJournal, logs: Path) -> None:
    history(logs, HEAD + told("683 sent, 5 received."))
    imports(journal, "aider", logs)
    total = journal.imports.totals()["aider"]
    assert (total.requests, total.estimated_requests) == (1, 1)
    assert json.loads(ask(journal, "SELECT state FROM imported_file")[0][0])["start"] == "2026-11-20 09:30:00"
