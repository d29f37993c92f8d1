"""Which reply a body meets, and the generic model to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bursar.simulator.generic import named_files, slug

from .support import CLAUDE, GPT, TOOLS, Simulator, claude, simulator

TASK = (
    "You work on a spec.\nCurrent task: [1] an old one\n\n"
    "Current task: [2.1] Fix `src/greet.py` and its documentation\n"
    "  - see tests/test_greet.py, ../outside/x.py and /etc/passwd.txt, https://host.example/a/b.html\n"
    "  - then src/greet.py again, e.g. Makefile.inc, v1.2, README.md, pkg/other.toml\n"
)


async def test_replies_are_chosen_by_task_text_and_tool_results(tmp_path: Path) -> None:
    replies = [
        {"when": {"task": "2.1", "tool_results": 1}, "text": "by both"},
        {"when": {"task": "2.1"}, "text": "by task"},
        {"when": {"contains": 'quoted "text"\nover lines'}, "text": "by text"},
    ]
    body = claude(TASK)
    worked = claude(TASK)
    worked["messages"] += [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "finish", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "done"}]},
    ]
    async with simulator(tmp_path, {"replies": replies, "otherwise": "error"}) as server:
        got = [(await server.ask(b)).json() for b in (worked, body, claude('a quoted "text"\nover lines'))]
        none = await server.ask(claude("Current task: [2.2] another"))
        rows = server.rows()
    assert [g["content"][0]["text"] for g in got] == ["by both", "by task", "by text"]
    assert none.status_code == 400
    assert "No reply" in none.json()["error"]["message"]
    assert rows[3]["outcome"] == "refused"


def test_only_relative_files_inside_are_named_in_order_and_at_most_three() -> None:
    assert named_files(TASK.split("[2.1] ")[1]) == ["src/greet.py", "tests/test_greet.py", "README.md"]
    tricky = "read me.md and a..b/../c.py, x/../y.py, C:\\a\\b.py, Node.js-like, 1.2.3, e.g. i.e."
    assert named_files(tricky) == ["me.md"]
    assert named_files("./a/b.rs, a/b.c.d.") == ["./a/b.rs", "a/b.c.d"]


@pytest.mark.parametrize(
    ("task", "name"),
    [("2.1", "2.1"), ("@12", "line-12"), ("T-001", "T-001"), ("../x", "x"), ("задача", "task"), ("a/b c", "a-b-c")],
)
def test_a_note_s_name_is_a_safe_file_name(task: str, name: str) -> None:
    assert slug(task) == name


async def _claude_loop(server: Simulator, missing: set[str]) -> tuple[list[tuple[str, Any]], str]:
    body = claude(TASK, tools=[{"name": n, "input_schema": {}} for n in TOOLS])
    done: list[tuple[str, Any]] = []
    while True:
        message = (await server.ask(body)).json()
        calls = [b for b in message["content"] if b["type"] == "tool_use"]
        if not calls:
            assert message["stop_reason"] == "end_turn"
            return done, message["content"][0]["text"]
        results = []
        for call in calls:
            done.append((call["name"], call["input"]))
            failed = call["input"].get("path") in missing
            content = "not there" if failed else "fine"
            results.append({"type": "tool_result", "tool_use_id": call["id"], "content": content, "is_error": failed})
        body["messages"] += [
            {"role": "assistant", "content": message["content"]},
            {"role": "user", "content": results},
        ]
        assert len(done) < 20


async def _gpt_loop(server: Simulator, missing: set[str]) -> tuple[list[tuple[str, Any]], str]:
    tools = [{"type": "function", "function": {"name": n, "parameters": {}}} for n in TOOLS]
    messages: list[dict[str, Any]] = [{"role": "system", "content": "s"}, {"role": "user", "content": TASK}]
    done: list[tuple[str, Any]] = []
    while True:
        choice = (await server.ask({"model": GPT, "messages": messages, "tools": tools})).json()["choices"][0]
        messages.append(choice["message"])
        if choice["finish_reason"] != "tool_calls":
            return done, choice["message"]["content"]
        for call in choice["message"]["tool_calls"]:
            given = json.loads(call["function"]["arguments"])
            done.append((call["function"]["name"], given))
            failed = given.get("path") in missing
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": "no" if failed else "fine"})
        assert len(done) < 20


@pytest.mark.parametrize("loop", [_claude_loop, _gpt_loop])
async def test_the_generic_model_works_on_a_task_to_its_end(tmp_path: Path, loop: Any) -> None:
    async with simulator(tmp_path) as server:
        done, last = await loop(server, {"tests/test_greet.py"})
        again, _ = await loop(server, {"tests/test_greet.py"})
        log = server.log()
    assert [name for name, _ in done] == ["list_files", "read_file", "read_file", "read_file", "write_file", "finish"]
    assert done[0][1] == {"path": "."}
    assert [given["path"] for _, given in done[1:5]] == [
        "src/greet.py",
        "tests/test_greet.py",
        "README.md",
        "notes/2.1.md",
    ]
    assert "2.1" in done[4][1]["content"]
    assert "2.1" in done[5][1]["summary"]
    assert "2.1" in last
    assert done == again
    # Seven requests each time, and the second time byte for byte those of the first.
    hashes = [entry["sha256_of_body"] for entry in log]
    assert len(set(hashes)) == 7
    assert hashes[7:] == hashes[:7]


async def test_the_generic_model_calls_no_tool_that_is_not_offered(tmp_path: Path) -> None:
    async with simulator(tmp_path) as server:
        bare = (await server.ask(claude(TASK))).json()
        only = (await server.ask(claude(TASK, tools=[{"name": "finish", "input_schema": {}}]))).json()
    assert [b["type"] for b in bare["content"]] == ["text"]
    assert [b.get("name") for b in only["content"]] == [None, "finish"]
    assert bare["model"] == CLAUDE


async def test_a_reply_without_content_is_the_generic_one_at_its_pace(tmp_path: Path) -> None:
    async with simulator(tmp_path, {"replies": [{"when": {}, "chunk_tokens": 1}]}) as server:
        whole = (await server.ask(claude("hi"))).json()["content"][0]["text"]
        streamed = await server.ask(claude("hi", stream=True))
    assert streamed.text.count("event: content_block_delta") == whole.count(" ") + 2
