"""Makes logs of any size in the shape of real ones: much text, records repeated for each block, forks that copy."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CLAUDE_MODEL = "claude-sonnet-4-20250514"
GPT_MODEL = "gpt-5"
FORKS_ONE_IN = 5
_WORDS = ("import", "parcel", "rates", "\\n    return", "naïve", "{'zone': 3}", "error", "tests/test_rates.py")
_START = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Truth:
    """What is really in the logs, added up while they are made."""

    requests: int = 0
    tokens: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def add(self, **tokens: int) -> None:
        self.requests += 1
        for name, number in tokens.items():
            self.tokens[name] = self.tokens.get(name, 0) + number


def claude_logs(folder: Path, size: int, seed: int = 1) -> Truth:
    """Sessions of Claude Code of about so many bytes in all."""
    choose, truth, number = random.Random(seed), Truth(), 0
    while truth.size < size:
        number += 1
        records = list(_claude_session(choose, truth, f"session-{number:06}"))
        _write(folder / f"project-{number % 20}" / f"session-{number:06}.jsonl", records, truth)
        if number % FORKS_ONE_IN == 0:
            copied = [{**each, "sessionId": f"fork-{number:06}"} for each in records[: len(records) // 2]]
            own = list(_claude_session(choose, truth, f"fork-{number:06}", turns=10))
            _write(folder / f"project-{number % 20}" / f"fork-{number:06}.jsonl", [*copied, *own], truth)
    return truth


def codex_logs(folder: Path, size: int, seed: int = 2) -> Truth:
    """Rollouts of Codex with running sums, of about so many bytes in all; forks copy the sums."""
    choose, truth, number = random.Random(seed), Truth(), 0
    while truth.size < size:
        number += 1
        name = f"{number:08}-0000-7000-8000-000000000000"
        meta = {"id": name, "cwd": "/home/ada/project", "model_provider": "openai"}
        records = [_record("session_meta", meta, 0), _record("turn_context", {"model": GPT_MODEL}, 0)]
        sums = dict.fromkeys(("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens"), 0)
        for turn in range(80):
            records += _turn(choose, truth, sums, number * 100 + turn)
        _write(_rollout(folder, number, name), records, truth)
        if number % FORKS_ONE_IN == 0:
            child = f"{number:08}-1111-7000-8000-000000000000"
            own = [_record("session_meta", {**meta, "id": child, "forked_from_id": name}, 0)]
            for turn in range(10):
                own_turns = _turn(choose, truth, sums, number * 100 + 80 + turn)
                records = [*records, *own_turns]
            _write(_rollout(folder, number, child), [*own, *records], truth)
    return truth


def _claude_session(choose: random.Random, truth: Truth, session: str, turns: int = 60) -> Iterator[dict[str, Any]]:
    for turn in range(turns):
        at = _START + timedelta(minutes=choose.randrange(150 * 24 * 60))
        usual = {"sessionId": session, "cwd": "/home/ada/project", "version": "2.1.0", "isSidechain": False}
        yield {**usual, "type": "user", "timestamp": _text(at), "message": {"content": _talk(choose, 3_000)}}
        new, read = choose.randrange(20), choose.randrange(150_000)
        written, output = choose.randrange(4_000), choose.randrange(20, 3_000)
        truth.add(input=new, cache_read=read, cache_write=written, output=output)
        usage = {
            "input_tokens": new,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "service_tier": "standard",
        }
        for block in range(blocks := choose.randrange(1, 4)):
            message = {
                "id": f"msg_{session}_{turn}",
                "model": CLAUDE_MODEL,
                "role": "assistant",
                "content": [{"type": "text", "text": _talk(choose, 800)}],
                # Blocks that are written while the answer streams hold the output so far.
                "usage": {**usage, "output_tokens": output if block == blocks - 1 else min(output, 1 + block)},
            }
            request = f"req_{session}_{turn}"
            yield {**usual, "type": "assistant", "timestamp": _text(at), "requestId": request, "message": message}
        yield {**usual, "type": "user", "timestamp": _text(at), "toolUseResult": _talk(choose, 6_000)}


def _turn(choose: random.Random, truth: Truth, sums: dict[str, int], minute: int) -> list[dict[str, Any]]:
    read, new = 128 * choose.randrange(1_000), choose.randrange(1, 4_000)
    output = choose.randrange(20, 3_000)
    thought = choose.randrange(output)
    truth.add(input=new, cache_read=read, cache_write=0, output=output)
    last = {
        "input_tokens": read + new,
        "cached_input_tokens": read,
        "output_tokens": output,
        "reasoning_output_tokens": thought,
    }
    for name, number in last.items():
        sums[name] += number
    info = {
        "total_token_usage": {**sums, "total_tokens": sums["input_tokens"] + sums["output_tokens"]},
        "last_token_usage": {**last, "total_tokens": read + new + output},
    }
    talk = {"type": "function_call_output", "output": _talk(choose, 9_000)}
    return [
        _record("response_item", talk, minute),
        _record("event_msg", {"type": "token_count", "info": info}, minute),
        _record("event_msg", {"type": "token_count", "info": info, "rate_limits": {}}, minute),
    ]


def _record(kind: str, payload: dict[str, Any], minute: int) -> dict[str, Any]:
    at = _START + timedelta(minutes=minute % (150 * 24 * 60))
    return {"timestamp": _text(at), "type": kind, "payload": payload}


def _rollout(folder: Path, number: int, name: str) -> Path:
    return folder / "2026" / "06" / f"{number % 28 + 1:02}" / f"rollout-2026-06-01T00-00-00-{name}.jsonl"


def _write(path: Path, records: list[dict[str, Any]], truth: Truth) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(f"{json.dumps(each, separators=(',', ':'))}\n" for each in records).encode()
    path.write_bytes(data)
    truth.size += len(data)


def _talk(choose: random.Random, about: int) -> str:
    words = choose.choices(_WORDS, k=40)
    return " ".join(words * (choose.randrange(about // 2, about * 2) // 500 + 1))


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
