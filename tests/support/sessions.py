"""Recorded sessions made from a seed: an agent that reads, searches, edits, repeats itself and waits."""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

SHORT = Path(__file__).parent.parent / "fixtures" / "sessions" / "short.jsonl"
LONGER = "BURSAR_TRACES"
"""The variable of the environment that names a compressed file of longer sessions of real agents."""


def made_session(seed: int, requests: int = 45, billed: bool = True) -> dict[str, Any]:
    """A session whose later calls use what earlier results showed; with silences of minutes and hours."""
    rng = random.Random(seed)
    files = [_file(rng, name) for name in range(12)]
    turns: list[dict[str, Any]] = [
        {"role": "system", "kind": "system", "text": "You mend things.", "req": 0, "t": 0.0},
        {"role": "user", "kind": "user", "text": "Please mend module_0 and see module_3.", "req": 0, "t": 0.0},
    ]
    usage: list[dict[str, Any]] = []
    now, seen, characters = 0.0, [], sum(len(each["text"]) for each in turns)
    for n in range(requests):
        now += rng.choice([5.0, 20.0, 60.0, 60.0, 301.0, 400.0, 595.0, 4_000.0] if n % 5 == 4 else [5.0, 20.0])
        usage.append(
            {"req": n, "input": 3, "cache_write": 18_000 + round(0.31 * characters), "cache_read": 0, "t": now}
        )
        answer = [{"role": "assistant", "kind": "assistant", "req": n, "t": now, "text": f"Step {n}."}]
        if seen and rng.random() < 0.4:
            answer[0]["text"] += f"\nIt says\n{rng.choice(seen)}"
        results: list[dict[str, Any]] = []
        for call in range(rng.choice([1, 1, 1, 3])):
            tool, arguments, text = _act(rng, files, seen)
            head = {"tool": tool, "call": f"{n}.{call}"}
            answer.append({"role": "assistant", "kind": "tool_call", "req": n, "t": now, "text": arguments, **head})
            results.append({"role": "tool", "kind": "tool_result", "req": n + 1, "t": now + 1, "text": text, **head})
            seen += [each for each in text.split("\n") if len(each) > 30]
        added = [*answer, *results]
        if n % 15 == 14:
            added.append({"role": "user", "kind": "user", "req": n + 1, "t": now + 2, "text": "Go on, please."})
        turns += added
        characters += sum(len(each["text"]) for each in added)
    return {
        "id": f"made-{seed}",
        "source": f"made/{seed % 2}",
        "model": "claude-made",
        "requests": requests,
        "turns": turns,
        "usage": usage if billed else [],
    }


def dev_session(identity: str) -> dict[str, Any] | None:
    """A session of a real agent; None for a longer one where the environment names no file of them."""
    short = [json.loads(line) for line in SHORT.read_text(encoding="utf-8").splitlines()]
    found = next((each for each in short if each["id"] == identity), None)
    longer = os.environ.get(LONGER)
    if found is not None or not longer:
        return found
    with gzip.open(longer, "rt", encoding="utf-8") as lines:
        return next(each for each in map(json.loads, lines) if each["id"] == identity)


def _file(rng: random.Random, name: int) -> list[str]:
    lines = [f"def work_{name}_{line}(value_{line}):" for line in range(60)]
    return [each + (" return value" if rng.random() < 0.5 else "\n    pass") for each in lines]


def _act(rng: random.Random, files: list[list[str]], seen: list[str]) -> tuple[str, str, str]:
    which = rng.randrange(len(files))
    path, lines = f"src/module_{which}.py", "\n".join(files[which]).split("\n")
    if seen and rng.random() < 0.3:
        old = rng.choice(seen)
        arguments = {"path": path, "old_string": f"{old}\n{rng.choice(seen)}", "new_string": old.upper()}
        return "edit", json.dumps(arguments), "done"
    if rng.random() < 0.3:
        return "bash", json.dumps({"command": f"grep -n value {path}"}), "\n".join(rng.sample(lines, 25))
    first = rng.randrange(20)
    shown = [f"{first + n:5d}→{each}" for n, each in enumerate(lines[first : first + 60], start=1)]
    return "read", json.dumps({"path": path, "offset": first}), "\n".join(shown)
