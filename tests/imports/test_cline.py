"""What Cline and Roo Code wrote down is what the provider billed; cancelled and damaged requests are told."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.imports import FORMATS
from bursar.storage import SqliteJournal

from .logs import imports
from .recorded import FIXTURES, ask, bill_of, every_copy_counts, imported, is_the_bill, spent

RECORDINGS = ("cline-2.18.0", "cline-3.0.65")
MS = 1_795_000_000_000
ROO = "rooveterinaryinc.roo-cline"


def asked(number: int, *, model: str = "claude-sonnet-5-5", provider: str = "anthropic", **figures: Any) -> Any:
    """The message of a request: 100 tokens of input, 10 of output."""
    text = {
        "request": "x",
        "tokensIn": 100,
        "tokensOut": 10,
        "cacheWrites": 0,
        "cacheReads": 0,
        "cost": 0.25,
        **figures,
    }
    info = {"modelInfo": {"providerId": provider, "modelId": model, "mode": "act"}} if model else {}
    return {"ts": MS + number, "type": "say", "say": "api_req_started", "text": json.dumps(text), **info}


PICO = (100 + 2 * 10) * 10**6


def task(folder: Path, *messages: Any) -> Path:
    """A task's folder with these messages behind the first."""
    folder.mkdir(parents=True, exist_ok=True)
    said = [{"ts": MS, "type": "say", "say": "task", "text": "x"}, *messages]
    (folder / "ui_messages.json").write_text(json.dumps(said), encoding="utf-8")
    return folder / "ui_messages.json"


def total(journal: SqliteJournal) -> tuple[int, int]:
    rows = ask(journal, "SELECT coalesce(sum(cost_pico), 0), coalesce(sum(requests), 0) FROM imported")
    return rows[0][0], rows[0][1]


@pytest.mark.parametrize("recording", RECORDINGS)
def test_the_imported_total_is_the_bill(journal: SqliteJournal, recording: str) -> None:
    assert imported(journal, recording, FIXTURES / recording).skipped == 0
    is_the_bill(journal, recording)
    assert imported(journal, recording, FIXTURES / recording).records == 0


@pytest.mark.parametrize("recording", RECORDINGS)
def test_control_where_copies_count_the_total_is_too_high(
    journal: SqliteJournal, recording: str, tmp_path: Path
) -> None:
    """A task that was copied to another editor counts once; with the search for copies taken out, twice."""
    for each in ("one", "two"):
        shutil.copytree(FIXTURES / recording, tmp_path / "tasks" / each)
    imported(journal, recording, tmp_path / "tasks")
    is_the_bill(journal, recording)
    for each in (tmp_path / "tasks").rglob("*.json"):
        each.touch()
    with every_copy_counts("cline"):
        imported(journal, recording, tmp_path / "tasks")
    assert spent(journal) == 3 * Decimal(bill_of(recording)["total_usd"])


def test_a_sub_agent_is_a_session_of_its_own(journal: SqliteJournal) -> None:
    imported(journal, "cline-3.0.65", FIXTURES / "cline-3.0.65")
    rows = ask(journal, "SELECT session, parent_session, workspace, sum(requests) FROM imported GROUP BY 1, 2, 3")
    (main,) = [each for each in rows if each[1] is None]
    (sub,) = [each for each in rows if each[1] is not None]
    assert (main[2:], sub[1:]) == (("/tmp/bursar-recording/project", 3), (main[0], "/tmp/bursar-recording/project", 1))


def test_a_running_task_is_read_again_and_counted_once(journal: SqliteJournal, logs: Path) -> None:
    task(logs / "1", asked(1), asked(2, tokensIn=None, tokensOut=None))
    assert imports(journal, "cline", logs).posted.added == 1
    task(logs / "1", asked(1), asked(2), asked(3))
    done = imports(journal, "cline", logs)
    assert (done.posted.added, done.posted.duplicates) == (2, 1)
    assert total(journal) == (3 * PICO, 3)


def test_what_was_cancelled_is_counted_as_far_as_it_is_known(journal: SqliteJournal, logs: Path) -> None:
    cancelled = {"cancelReason": "user_cancelled"}
    task(
        logs / "1",
        asked(1, **cancelled),
        asked(2, tokensIn=0, tokensOut=0, **cancelled),
        asked(3, tokensIn=0, tokensOut=0, cancelReason="streaming_failed", streamingFailedMessage="x"),
    )
    done = imports(journal, "cline", logs)
    assert [(each.line, each.why[:38]) for each in done.skips] == [
        (3, "it is a request that was cancelled, an"),
        (4, "it is a request that was cancelled, an"),
    ]
    assert total(journal) == (PICO, 1)


def test_requests_of_a_part_that_was_taken_back_count_once(journal: SqliteJournal, logs: Path) -> None:
    both = asked(9, tokensIn=200, tokensOut=20) | {"say": "deleted_api_reqs"}
    # Seen before they were taken back: their sum says nothing new.
    task(logs / "1", asked(1), asked(2))
    imports(journal, "cline", logs)
    task(logs / "1", both)
    imports(journal, "cline", logs)
    assert total(journal) == (2 * PICO, 2)
    # Not seen before: their sum is all that is left of them.
    begun = {"ts": MS + 5, "type": "say", "say": "task"}
    (logs / "2").mkdir()
    (logs / "2" / "ui_messages.json").write_text(json.dumps([begun, both]))
    imports(journal, "cline", logs)
    imports(journal, "cline", logs)
    assert total(journal) == (4 * PICO, 3)


def test_cached_tokens_are_told_within_the_input_or_beside_it(journal: SqliteJournal, logs: Path) -> None:
    cached = {"cacheReads": 40, "cacheWrites": 5}
    task(
        logs / "1",
        asked(1, **cached),
        asked(2, provider="openai", **cached),
        asked(3, provider="", apiProtocol="openai", **cached),
        asked(4, provider="", apiProtocol="anthropic", **cached),
        asked(5, provider="", apiProtocol="anthropic", cacheReads=1_000),
    )
    imports(journal, "cline", logs)
    rows = ask(journal, "SELECT uncached_input, cache_read, cache_write_5m FROM imported ORDER BY n")
    assert rows == [(100, 40, 5), (55, 40, 5), (55, 40, 5), (55, 40, 5), (100, 1_000, 0)]


def test_the_model_is_found_where_a_request_does_not_name_it(journal: SqliteJournal, logs: Path) -> None:
    told = "<environment_details>\n# Current Workspace Directory (/home/ada/project) Files\n<model>claude-x</model>"
    task(logs / "1", asked(1, model="", request=told), asked(2, model=""))
    task(logs / "2", asked(10, model=""), asked(30, model=""))
    used = [{"ts": MS + number, "model_id": f"m{number}", "model_provider_id": "openai-native"} for number in (5, 20)]
    (logs / "2" / "task_metadata.json").write_text(json.dumps({"model_usage": [*used, 7]}))
    imports(journal, "cline", logs)
    assert ask(journal, "SELECT session, provider, model, workspace FROM imported ORDER BY session, n") == [
        ("1", "", "claude-x", "/home/ada/project"),
        ("1", "", "claude-x", "/home/ada/project"),
        ("2", "openai", "m5", ""),
        ("2", "openai", "m20", ""),
    ]


def test_a_condensed_conversation_is_a_request(journal: SqliteJournal, logs: Path) -> None:
    condensed = {
        "ts": MS + 2,
        "type": "say",
        "say": "condense_context",
        "contextCondense": {"cost": 0.02, "prevContextTokens": 100, "newContextTokens": 10, "summary": "x"},
    }
    task(logs / "1", asked(1), condensed, condensed | {"ts": MS + 3, "contextCondense": None})
    imports(journal, "cline", logs)
    assert total(journal) == (2 * PICO, 2)


def test_roo_code_and_cline_are_told_apart(journal: SqliteJournal, logs: Path) -> None:
    task(logs / "globalStorage" / ROO / "tasks" / "1", asked(1))
    task(logs / "globalStorage" / "saoudrizwan.claude-dev" / "tasks" / "2", asked(2), asked(3))
    for agent in ("cline", "roo-code"):
        imports(journal, agent, logs)
    rows = ask(journal, "SELECT agent, sum(requests) FROM imported GROUP BY 1 ORDER BY 1")
    assert rows == [("cline", 2), ("roo-code", 1)]


def test_only_known_places_are_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    roo = FORMATS["roo-code"].places({}, home)
    assert home / ".config/Code/User/globalStorage" / ROO / "tasks" in roo
    assert all(each.name == "tasks" and each.parent.name == ROO for each in roo)
    cline = FORMATS["cline"].places({"CLINE_DIR": "/elsewhere"}, home)
    assert [str(each) for each in cline[-2:]] == ["/elsewhere/data/tasks", "/elsewhere/data/sessions"]


DAMAGE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"tokensIn": -5}, "its tokensIn is -5"),
    ({"tokensOut": "many"}, 'its tokensOut is "many"'),
    ({"tokensIn": 10**13}, "which cannot be a number of tokens"),
    ({"tokensOut": float("nan")}, "NaN stands in the place of a number"),
)


def test_one_damaged_message_takes_no_other_with_it(journal: SqliteJournal, logs: Path) -> None:
    broken = asked(7) | {"text": '{"tokensIn": 100, "tok'}
    late = asked(10**15)
    bad = [asked(number, **damage) for number, (damage, _) in enumerate(DAMAGE, start=20)]
    task(logs / "1", asked(1), *bad, 5, None, broken, late, asked(3) | {"text": 5}, asked(4))
    done = imports(journal, "cline", logs)
    assert [each.line for each in done.skips] == [3, 4, 5, 6, 9, 10, 11]
    for each, (_, why) in zip(done.skips, DAMAGE, strict=False):
        assert why in each.why
    assert total(journal) == (2 * PICO, 2)


def test_damaged_files_are_told_or_hold_nothing(journal: SqliteJournal, logs: Path) -> None:
    for number, content in enumerate(("", '[{"ts": 1', "{}", "[[", "null", '[{"ts": 5}]', "[]")):
        folder = logs / str(number)
        folder.mkdir()
        for name in ("ui_messages.json", "1.messages.json", "task_metadata.json", f"{number}.json"):
            (folder / name).write_text(content)
    done = imports(journal, "cline", logs)
    # As a task the last two are whole, and as a session the third.
    assert (done.files, sorted(int(Path(each.file).parent.name) for each in done.skips)) == (
        14,
        [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6],
    )
    assert total(journal) == (0, 0)


def test_a_model_that_nobody_has_a_price_for_is_not_free(journal: SqliteJournal, logs: Path) -> None:
    task(logs / "1", asked(1, model="new"), asked(2))
    assert imports(journal, "cline", logs).unpriced == {"new"}
    assert ask(journal, "SELECT cost_pico, reported_pico FROM imported ORDER BY n") == [
        (None, 250_000_000_000),
        (PICO, 250_000_000_000),
    ]
