"""Writes a session, in the form that the bench reads, as the agents write theirs: shapes from real logs of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

BEGAN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
MODEL, GPT = "claude-sonnet-5", "gpt-5.5"


def claude_code(trace: dict[str, Any], path: Path, *, session: str = "s-1") -> Path:
    """One record for each block, with the figures of the whole answer in each of them."""
    usage = {each["req"]: each for each in trace["usage"]}
    records: list[dict[str, Any]] = []
    for number, turn in enumerate(trace["turns"]):
        common = {
            "uuid": f"u-{number}",
            "parentUuid": f"u-{number - 1}" if number else None,
            "sessionId": session,
            "timestamp": at(turn["t"]),
            "cwd": trace["source"],
            "isSidechain": False,
        }
        if turn["role"] == "assistant":
            message = {
                "id": f"{trace['id']}-msg-{turn['req']}",
                "model": MODEL,
                "role": "assistant",
                "content": [_claude_block(turn)],
                "usage": _claude_usage(usage.get(turn["req"])),
            }
            records.append({"type": "assistant", "message": message, **common})
        elif turn["kind"] == "tool_result":
            block = {"type": "tool_result", "tool_use_id": turn.get("call", ""), "content": turn["text"]}
            if turn.get("err"):
                block |= {"is_error": True, "content": [{"type": "text", "text": turn["text"]}]}
            records.append({"type": "user", "message": {"role": "user", "content": [block]}, **common})
        else:
            records.append({"type": "user", "message": {"role": "user", "content": turn["text"]}, **common})
    return lines(path, records)


def codex(trace: dict[str, Any], path: Path, *, session: str = "s-1", **meta: Any) -> Path:
    """Items, and behind those of an answer its figures."""
    usage = {each["req"]: each for each in trace["usage"]}
    records: list[dict[str, Any]] = [
        _codex(0, "session_meta", {"id": session, "cwd": trace["source"], "model_provider": "openai", **meta}),
        _codex(0, "turn_context", {"model": GPT, "cwd": trace["source"]}),
    ]
    turns = trace["turns"]
    for number, turn in enumerate(turns):
        records.append(_codex(turn["t"], "response_item", _codex_item(turn)))
        is_last = number + 1 == len(turns) or (turns[number + 1]["role"], turns[number + 1]["req"]) != (
            "assistant",
            turn["req"],
        )
        if turn["role"] == "assistant" and is_last and turn["req"] in usage:
            figures = usage[turn["req"]]
            payload = {"thread_id": session, "response_id": f"{trace['id']}-resp-{turn['req']}"}
            records.append(
                _codex(turn["t"], "token_usage_record", {**payload, "usage": _codex_usage(figures)}),
            )
    return lines(path, records)


def opencode(trace: dict[str, Any], path: Path, *, session: str = "ses_1") -> Path:
    """A database with a message for each request, whose tools' results stand in the parts that called them."""
    results = {each["call"]: each for each in trace["turns"] if each["kind"] == "tool_result"}
    usage = {each["req"]: each for each in trace["usage"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with apsw.Connection(str(path)) as db:
        db.execute("CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text)")
        db.execute(
            "CREATE TABLE message (id text PRIMARY KEY, session_id text, time_updated integer, data text);"
            "CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, data text)"
        )
        db.execute("INSERT INTO session VALUES (?, NULL, ?)", (session, trace["source"]))
        for messages, (role, request, turns) in enumerate(_messages(trace), start=1):
            name = f"msg_{messages:06}"
            time = {"created": _ms(turns[0]["t"])}
            data: dict[str, Any] = {"role": role, "time": time}
            parts = [each for turn in turns for each in _opencode_parts(turn, results)]
            if role == "assistant":
                data |= {
                    "modelID": MODEL,
                    "providerID": "anthropic",
                    "path": {"cwd": trace["source"]},
                    "time": {**time, "completed": _ms(turns[-1]["t"]) + messages},
                    "tokens": _opencode_tokens(usage.get(request)),
                }
                parts = [{"type": "step-start"}, *parts, {"type": "step-finish", "tokens": data["tokens"]}]
            db.execute("INSERT INTO message VALUES (?, ?, 0, ?)", (name, session, json.dumps(data)))
            rows = [(f"prt_{messages:06}_{n:03}", name, session, json.dumps(each)) for n, each in enumerate(parts)]
            db.executemany("INSERT INTO part VALUES (?, ?, ?, ?)", reversed(rows))
    return path


def at(seconds: float | None) -> str:
    return (BEGAN + timedelta(seconds=seconds or 0)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def lines(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    return path


def _claude_block(turn: dict[str, Any]) -> dict[str, Any]:
    if turn["kind"] == "tool_call":
        return {"type": "tool_use", "id": turn.get("call", ""), "name": turn["tool"], "input": json.loads(turn["text"])}
    if turn.get("think"):
        return {"type": "thinking", "thinking": turn["text"], "signature": "x"}
    return {"type": "text", "text": turn["text"]}


def _claude_usage(figures: dict[str, Any] | None) -> dict[str, Any]:
    if figures is None:
        return {}
    return {
        "input_tokens": figures["input"],
        "cache_creation_input_tokens": figures["cache_write"],
        "cache_read_input_tokens": figures["cache_read"],
        "output_tokens": figures["output"],
    }


def _codex(seconds: float | None, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": at(seconds), "type": kind, "payload": payload}


def _codex_item(turn: dict[str, Any]) -> dict[str, Any]:
    if turn["kind"] == "tool_call":
        return {
            "type": "function_call",
            "name": turn["tool"],
            "arguments": turn["text"],
            "call_id": turn.get("call", ""),
        }
    if turn["kind"] == "tool_result":
        return {"type": "function_call_output", "call_id": turn.get("call", ""), "output": turn["text"]}
    if turn.get("think"):
        return {"type": "reasoning", "summary": [{"type": "summary_text", "text": turn["text"]}]}
    kind = "output_text" if turn["role"] == "assistant" else "input_text"
    role = {"system": "developer"}.get(turn["role"], turn["role"])
    return {"type": "message", "role": role, "content": [{"type": kind, "text": turn["text"]}]}


def _codex_usage(figures: dict[str, Any]) -> dict[str, Any]:
    whole = figures["input"] + figures["cache_write"] + figures["cache_read"]
    return {
        "input_tokens": whole,
        "cached_input_tokens": figures["cache_read"],
        "cache_write_input_tokens": figures["cache_write"],
        "output_tokens": figures["output"],
        "reasoning_output_tokens": 0,
    }


def _messages(trace: dict[str, Any]) -> Iterator[tuple[str, int, list[dict[str, Any]]]]:
    """What stands in one message: all of an answer, or something that the user said."""
    answer: list[dict[str, Any]] = []
    for turn in trace["turns"]:
        if answer and (turn["role"], turn["req"]) != ("assistant", answer[0]["req"]) and turn["role"] != "tool":
            yield "assistant", answer[0]["req"], answer
            answer = []
        if turn["role"] == "assistant":
            answer.append(turn)
        elif turn["role"] != "tool":
            yield "user", turn["req"], [turn]
    if answer:
        yield "assistant", answer[0]["req"], answer


def _opencode_parts(turn: dict[str, Any], results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if turn["kind"] != "tool_call":
        kind = "reasoning" if turn.get("think") else "text"
        yield {"type": kind, "text": turn["text"], "time": {"start": _ms(turn["t"]), "end": _ms(turn["t"])}}
        return
    result = results[turn.get("call", "")]
    time = {"start": _ms(turn["t"]), "end": _ms(result["t"])}
    state = {"status": "completed", "input": json.loads(turn["text"]), "output": result["text"], "time": time}
    if result.get("err"):
        state |= {"status": "error", "error": result["text"]}
    yield {"type": "tool", "tool": turn.get("tool", ""), "callID": turn.get("call", ""), "state": state}


def _opencode_tokens(figures: dict[str, Any] | None) -> dict[str, Any]:
    if figures is None:
        return {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    cache = {"read": figures["cache_read"], "write": figures["cache_write"]}
    return {"input": figures["input"], "output": figures["output"], "reasoning": 0, "cache": cache}


def _ms(seconds: float | None) -> int:
    return round((BEGAN.timestamp() + (seconds or 0)) * 1_000)


def trace(requests: int = 30, *, name: str = "one", billed: bool = True, timed: bool = True) -> dict[str, Any]:
    """A session that reads a file in each request, and long after edits it, quotes it and names what stands in it.

    Every tenth request comes after ten minutes.
    """
    turns: list[dict[str, Any]] = [{"role": "user", "kind": "user", "text": "Mend the files.", "req": 0, "t": 0.0}]
    usage: list[dict[str, Any]] = []
    now, prompt = 0.0, 9_000
    for number in range(requests):
        now += 600 if number and number % 10 == 0 else 20
        old = number - 12
        said: dict[str, Any] = {"file_path": f"src/part_{number}.py"}
        tool = "Read"
        if old >= 0:
            tool = "Edit"
            said |= {"file_path": f"src/part_{old}.py", "old_string": f"    return compute_{old}(value_of_{old})"}
        call = f"call-{name}-{number}"
        answer = {"role": "assistant", "req": number}
        if number % 4 == 0:
            turns.append({"kind": "assistant", "text": f"Thinking of {number}.", "t": now, "think": True, **answer})
        turns.append({"kind": "assistant", "text": f"Now number {number}.", "t": now + 1, **answer})
        turns.append(
            {"kind": "tool_call", "text": json.dumps(said), "tool": tool, "call": call, "t": now + 2, **answer}
        )
        text = f"def part_{number}():\n    return compute_{number}(value_of_{number})\n" + f"# line {number}\n" * 120
        result = {"role": "tool", "kind": "tool_result", "text": text, "req": number + 1, "t": now + 3}
        turns.append({**result, "tool": tool, "call": call, **({"err": True} if number % 7 == 3 else {})})
        if billed:
            figures = {"input": 7, "cache_write": 700 if number else 9_000, "cache_read": prompt - 9_000, "output": 40}
            usage.append({"req": number, "t": now, **figures})
            prompt += 700 if number else 9_000
    if not timed:
        turns = [{**each, "t": None} for each in turns]
    return {
        "id": name,
        "source": "/home/dev/parcel",
        "harness": "claude-code",
        "model": MODEL,
        "requests": requests,
        "turns": turns,
        "usage": usage,
    }
