"""Conversations from logs: what was said by whom, which request carried it, and what no log can be trusted in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from bursar.domain.ports.imports import OtherDatabase
from bursar.imports.sessions.conversation import MOST_CHARACTERS, LoggedSession
from bursar.imports.sessions.reading import Reading
from bursar.storage.foreign import copied_database

from . import written
from .written import at, lines, trace

WRITERS: dict[str, tuple[Callable[..., Path], str]] = {
    "claude-code": (written.claude_code, "s.jsonl"),
    "codex": (written.codex, "rollout-s.jsonl"),
    "opencode": (written.opencode, "opencode.db"),
}


class Read:
    """All conversations in these places."""

    def __init__(self, tmp_path: Path, *places: Path) -> None:
        @contextmanager
        def databases(path: Path, opened: Callable[[Path], BinaryIO]) -> Iterator[OtherDatabase]:
            with copied_database(tmp_path / "home", path, opened) as database:
                yield database

        (tmp_path / "home").mkdir(exist_ok=True)
        self.reading = Reading(databases=databases)
        self.sessions = list(self.reading.sessions(self.reading.find(places)))
        self.why = [each.why for each in self.reading.skipped]

    def one(self) -> LoggedSession:
        assert len(self.sessions) == 1, [each.name for each in self.sessions]
        return self.sessions[0]


def said(logged: LoggedSession) -> list[tuple[str, str, str, int]]:
    return [(each["role"], each["kind"], each["text"], each["req"]) for each in logged.record["turns"]]


@pytest.mark.parametrize("agent", WRITERS)
def test_a_conversation_is_read_as_it_was_had(agent: str, tmp_path: Path) -> None:
    write, name = WRITERS[agent]
    had = trace()
    logged = Read(tmp_path, write(had, tmp_path / "logs" / name)).one()
    fields = ("role", "kind", "text", "req", "tool", "call", "think")
    assert [{each: turn.get(each) for each in fields} for turn in logged.record["turns"]] == [
        {each: turn.get(each) for each in fields} for turn in had["turns"]
    ]
    assert logged.record["requests"] == 30
    assert [each["t"] for each in logged.record["turns"]] == pytest.approx([each["t"] for each in had["turns"]])
    buckets = ("req", "input", "cache_write", "cache_read", "output")
    assert [{each: one[each] for each in buckets} for one in logged.record["usage"]] == [
        {each: one[each] for each in buckets} for one in had["usage"]
    ]
    assert (logged.agent, logged.record["source"], len(logged.billed)) == (agent, "/home/dev/parcel", 30)
    assert logged.assumed == ()
    assert logged.session.gap_s(10) == pytest.approx(600)


def test_what_a_log_does_not_tell_is_said(tmp_path: Path) -> None:
    logged = Read(tmp_path, written.claude_code(trace(3, billed=False), tmp_path / "s.jsonl")).one()
    assert any("No usage in the log: 0.3 tokens a character" in each for each in logged.assumed)
    path = tmp_path / "untimed.jsonl"
    records = [json.loads(each) for each in (tmp_path / "s.jsonl").read_text().splitlines()]
    lines(path, [{**each, "timestamp": ""} for each in records])
    # figures without a time are of no use to anybody; here there are none
    assert any("no pause is assumed" in each for each in Read(tmp_path, path).one().assumed)


def claude(number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": f"u{number}",
        "parentUuid": f"u{number - 1}" if number else None,
        "sessionId": "main",
        "timestamp": at(number),
        **more,
    }


def asked(number: int, text: str, **more: Any) -> dict[str, Any]:
    return claude(number, "user", message={"role": "user", "content": text}, **more)


def answer(number: int, message: str, text: str, **more: Any) -> dict[str, Any]:
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 100, "output_tokens": 5}
    content = [{"type": "text", "text": text}]
    given = {"id": message, "model": written.MODEL, "content": content, "usage": usage}
    return claude(number, "assistant", message=given, **more)


def test_a_compaction_begins_another(tmp_path: Path) -> None:
    boundary = claude(2, "system", subtype="compact_boundary")
    records = [asked(0, "first"), answer(1, "a", "one"), boundary, asked(3, "a summary"), answer(4, "b", "two")]
    read = Read(tmp_path, lines(tmp_path / "s.jsonl", records))
    assert [(each.name, said(each)) for each in read.sessions] == [
        ("main", [("user", "user", "first", 0), ("assistant", "assistant", "one", 0)]),
        ("main.2", [("user", "user", "a summary", 0), ("assistant", "assistant", "two", 0)]),
    ]


@pytest.mark.parametrize("mark", [{"agentId": "sub"}, {}], ids=["named", "by its chain"])
def test_a_sub_agent_is_one_of_its_own(mark: dict[str, str], tmp_path: Path) -> None:
    side = {"isSidechain": True, **mark}
    records = [
        asked(0, "go"),
        asked(10, "count", parentUuid=None, **side),
        answer(1, "a", "I delegate", parentUuid="u0"),
        answer(11, "b", "four", **side),
    ]
    read = {each.parent: said(each) for each in Read(tmp_path, lines(tmp_path / "s.jsonl", records)).sessions}
    assert read == {
        None: [("user", "user", "go", 0), ("assistant", "assistant", "I delegate", 0)],
        "main": [("user", "user", "count", 0), ("assistant", "assistant", "four", 0)],
    }


def test_a_fork_carries_what_was_said_before_and_pays_for_its_own(tmp_path: Path) -> None:
    copied = {"sessionId": "fork", "requestSessionId": "main"}
    records = [asked(0, "go"), answer(1, "a", "one", **copied), asked(2, "on"), answer(3, "b", "two", sessionId="fork")]
    logged = Read(tmp_path, lines(tmp_path / "s.jsonl", records)).one()
    assert said(logged) == [
        ("history", "user", "go", 0),
        ("history", "assistant", "one", 0),
        ("user", "user", "on", 0),
        ("assistant", "assistant", "two", 0),
    ]
    assert len(logged.billed) == 1
    assert logged.assumed[0].startswith("It goes on from another session")


def test_what_two_logs_both_have_counts_once(tmp_path: Path) -> None:
    records = [asked(0, "go"), answer(1, "a", "one"), asked(2, "on"), answer(3, "b", "two")]
    first = lines(tmp_path / "1.jsonl", records[:2])
    second = lines(tmp_path / "2.jsonl", records)
    read = Read(tmp_path, first, second)
    assert sum(len(each.billed) for each in read.sessions) == 2
    alone = Read(tmp_path, second)
    assert [len(each.billed) for each in alone.sessions] == [2]


def test_a_user_who_goes_back_begins_from_there(tmp_path: Path) -> None:
    records = [
        asked(0, "go"),
        answer(1, "a", "one"),
        asked(2, "wrong way"),
        answer(3, "b", "lost"),
        asked(4, "other way", parentUuid="u1"),
        answer(5, "c", "found"),
    ]
    first, second = Read(tmp_path, lines(tmp_path / "s.jsonl", records)).sessions
    assert [each[2] for each in said(first)] == ["go", "one", "wrong way", "lost"]
    assert [each[2] for each in said(second)] == ["go", "one", "other way", "found"]
    assert [each[0] for each in said(second)] == ["history", "history", "user", "assistant"]


def test_of_what_the_agent_adds_that_counts_which_it_sent(tmp_path: Path) -> None:
    records = [
        asked(0, "go"),
        claude(1, "attachment", attachment={"type": "date", "date": "x"}, rendered=[{"content": "It is Monday."}]),
        claude(2, "attachment", attachment={"type": "file", "content": {"file": {"content": "an old one"}}}),
        claude(3, "attachment", attachment={"type": "prompt_snapshot", "text": "the system prompt"}),
        answer(4, "a", "one"),
    ]
    logged = Read(tmp_path, lines(tmp_path / "s.jsonl", records)).one()
    assert [each[2] for each in said(logged)] == ["go", "It is Monday.", "an old one", "one"]


def test_damage_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    whole = json.dumps(asked(0, "go")) + "\n"
    path = tmp_path / "s.jsonl"
    end = json.dumps(answer(3, "b", "half a record"))[:80]
    path.write_bytes(
        whole.encode() + b'{"type": "user", \xff\n' + json.dumps(answer(1, "a", "one")).encode() + b"\n" + end.encode()
    )
    read = Read(tmp_path, path)
    assert [each[2] for each in said(read.one())] == ["go", "one"]
    assert [(each.line, each.why) for each in read.reading.skipped] == [
        (2, "it is not a whole JSON object"),
        (4, "it is not a whole JSON object, and nothing follows it: the log ends in the middle of a record"),
    ]


def test_more_text_than_any_window_holds_is_no_one_session(tmp_path: Path) -> None:
    """So what is in memory at once is bounded, whatever the size of the log."""
    part = "text " * (MOST_CHARACTERS // 20)
    records = [asked(0, "go"), *(answer(n, f"m{n}", part) for n in range(1, 7))]
    read = Read(tmp_path, lines(tmp_path / "s.jsonl", records))
    assert [(each.name, each.record["requests"]) for each in read.sessions] == [("main", 5), ("main.2", 1)]
    assert any("more text than any window holds" in each for each in read.sessions[1].assumed)


def test_half_a_letter_in_a_text_is_no_end(tmp_path: Path) -> None:
    logged = Read(tmp_path, lines(tmp_path / "s.jsonl", [asked(0, "go \ud83d"), answer(1, "a", "one")])).one()
    assert said(logged)[0][2] == "go ?"


def test_what_is_no_log_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text('{"text": 1}\n')
    assert Read(tmp_path, tmp_path / "notes.jsonl").why == ["it is no log of claude-code, codex, opencode"]
    (tmp_path / "opencode.db").write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    assert "SQLite says" in Read(tmp_path, tmp_path / "opencode.db").why[0]


def codex(number: int, kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": at(number), "type": kind, "payload": payload}


def spoken(number: int, role: str, text: str) -> dict[str, Any]:
    return codex(number, "response_item", type="message", role=role, content=[{"type": "x_text", "text": text}])


def figures(number: int, response: str) -> dict[str, Any]:
    usage = {"input_tokens": 100, "cached_input_tokens": 0, "output_tokens": 3}
    return codex(number, "token_usage_record", thread_id="s", response_id=response, usage=usage)


def test_a_codex_sub_agent_begins_with_what_was_said_before(tmp_path: Path) -> None:
    """Its file holds copies of the items, without the figures of their requests."""
    records = [
        codex(0, "session_meta", id="sub", forked_from_id="main", parent_thread_id="main"),
        codex(0, "session_meta", id="main"),
        spoken(0, "user", "go"),
        spoken(0, "assistant", "I delegate"),
        spoken(1, "user", "count"),
        spoken(2, "assistant", "four"),
        figures(2, "r1"),
    ]
    logged = Read(tmp_path, lines(tmp_path / "rollout-1.jsonl", records)).one()
    assert (logged.name, logged.parent, logged.record["requests"]) == ("sub", "main", 1)
    assert [each[0] for each in said(logged)] == ["history", "history", "user", "assistant"]


def test_a_codex_compaction_begins_with_what_it_left(tmp_path: Path) -> None:
    left = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a summary"}]},
    ]
    records = [
        codex(0, "session_meta", id="s"),
        spoken(0, "user", "go"),
        spoken(1, "assistant", "one"),
        figures(1, "r1"),
        figures(2, "r2"),
        codex(3, "compacted", message="a summary", replacement_history=left),
        spoken(4, "user", "on"),
        spoken(5, "assistant", "two"),
        figures(5, "r3"),
    ]
    first, second = Read(tmp_path, lines(tmp_path / "rollout-1.jsonl", records)).sessions
    # the request for the summary is one of the first session, though nothing of it is in the log
    assert (first.record["requests"], second.record["requests"]) == (2, 1)
    assert [each[2] for each in said(second)] == ["go", "a summary", "on", "two"]


def test_the_steps_of_an_older_opencode_message_are_requests(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    tokens = {"input": 50, "output": 5, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    state = {"status": "completed", "input": {"filePath": "a.py"}, "output": "text of a"}
    parts = [
        {"type": "tool", "tool": "read", "callID": "c1", "state": state},
        {"type": "step-finish", "tokens": tokens},
        {"type": "text", "text": "Done."},
        {"type": "step-finish", "tokens": {**tokens, "input": 70}},
    ]
    message = {"sessionID": "ses_1", "role": "assistant", "modelID": "m", "providerID": "anthropic", "tokens": tokens}
    message |= {"time": {"created": 1795277837541, "completed": 1795277839046}}
    put(storage / "session" / "global" / "ses_1.json", {"id": "ses_1", "parentID": "ses_0", "directory": "/work"})
    put(storage / "message" / "ses_1" / "msg_1.json", {"sessionID": "ses_1", "role": "user", "time": {"created": 1}})
    put(storage / "part" / "msg_1" / "prt_1.json", {"type": "text", "text": "go"})
    put(storage / "message" / "ses_1" / "msg_2.json", message)
    for number, each in enumerate(parts):
        put(storage / "part" / "msg_2" / f"prt_{number}.json", each)
    logged = Read(tmp_path, storage).one()
    assert (logged.name, logged.parent, [each["input"] for each in logged.record["usage"]]) == (
        "ses_1",
        "ses_0",
        [50, 70],
    )
    assert said(logged) == [
        ("user", "user", "go", 0),
        ("assistant", "tool_call", '{"filePath": "a.py"}', 0),
        ("tool", "tool_result", "text of a", 1),
        ("assistant", "assistant", "Done.", 1),
    ]


def put(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
