"""Scores a file of decisions from the definitions alone: slowly, in another way, and with nothing of Bursar's.

Whoever wants to check the bench with a program of his own can begin here. ``rescore`` takes a session as it was
recorded, the lines of one policy under one price set, and that set's figures.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, TypeAlias

Uses: TypeAlias = list[tuple[str, str, list[int]]]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[./\-][A-Za-z0-9_]+)*")


@dataclass(frozen=True)
class Figures:
    """read, write, time to live, output, minimum, edge and what it multiplies by."""

    r: float
    w: float
    ttl: float
    o: float
    minimum: int
    edge: float = float("inf")
    times: float = 1


A = Figures(0.1, 1.25, 300, 5, 4_096)
F = Figures(0.025, 2, 3_600, 5, 512)
CLIFF = Figures(0.1, 1.25, 300, 5, 512, 100_000, 5)


@dataclass
class Found:
    cost: float = 0
    penalty: float = 0
    kept: dict[str, int] = field(default_factory=lambda: {"atom": 0, "edit": 0, "quote": 0})
    used: dict[str, int] = field(default_factory=lambda: {"atom": 0, "edit": 0, "quote": 0})

    def share(self, kind: str) -> float:
        return self.kept[kind] / self.used[kind] if self.used[kind] else 1


def uses_of(trace: dict[str, Any]) -> list[Uses]:
    """By request: what is used again, as (kind, text, all turns of that prompt which have it)."""
    return [_uses(trace["turns"], _first(trace), k) for k in range(trace["requests"])]


def rescore(trace: dict[str, Any], uses: list[Uses], lines: list[dict[str, Any]], p: Figures) -> Found:
    found = Found()
    turns, last = trace["turns"], trace["requests"] - 1
    first = _first(trace)
    rate, base = _token_model(trace, first)
    size = [max(4, round(rate * len(each["text"])) + 6) for each in turns]
    by_request = {each["request"]: each for each in lines}
    state: dict[int, tuple[str, int, str]] = {}  # what stands in the prompt of a turn: its text, and what it takes
    summary = 0
    prompt_before = 0
    fetched: dict[int, int] = {}
    began = _began(trace)
    for k in range(last + 1):
        line = by_request[k]
        before = dict(state)
        for i, each in enumerate(turns):
            if first[i] == k:
                state[i] = ("full", size[i], each["text"])
        context = base + summary + sum(each[1] for each in state.values())
        for change in line["changes"]:
            i, to = change["turn"], change["to"]
            text = {"full": turns[i]["text"], "excerpt": change.get("text", "")}.get(to, "")
            tokens = {"full": size[i], "stub": 14, "dropped": 0}.get(to, change["tokens"])
            assert set(text.split("\n")) <= {*turns[i]["text"].split("\n"), ""}, "an excerpt has whole lines"
            state[i] = (to, tokens, text)
        gap = began[k] - began[k - 1] if k and k in began and k - 1 in began else 0
        if k and by_request[k - 1]["ping"] and gap > p.ttl - 10:
            found.cost += (p.times if prompt_before > p.edge else 1) * (p.r * prompt_before + p.o)
            is_warm = gap <= 2 * p.ttl - 10
        else:
            is_warm = gap <= p.ttl
        if line["summary"]:
            found.cost += p.r * context + p.w * 400 + p.o * 2_000
            summary = 2_000
        prompt = base + summary + sum(each[1] for each in state.values())
        changed = [first[i] for i, each in before.items() if state[i] != each]
        if k == 0:
            cached = 0
        elif line["summary"] or (changed and min(changed) == 0):
            cached = base
        elif changed:
            cached = base + summary + sum(each[1] for i, each in state.items() if first[i] < min(changed))
        else:
            cached = prompt_before
        if not is_warm or cached < p.minimum:
            cached = 0
        found.cost += (p.times if prompt > p.edge else 1) * (p.r * cached + p.w * (prompt - cached))
        if k == last and line["ping"]:
            found.cost += (p.times if prompt > p.edge else 1) * (p.r * prompt + p.o)
        for kind, text, holders in uses[k]:
            found.used[kind] += 1
            if any(_stands(kind, text, state[i][2]) for i in holders):
                found.kept[kind] += 1
            elif kind != "quote":
                source = max(i for i in holders if turns[i]["kind"] == "tool_result")
                if source not in fetched or k - fetched[source] > 10:
                    fetched[source] = k
                    found.penalty += p.r * prompt + p.w * size[source] + 10 * p.r * size[source] + 80 * p.o
        prompt_before = prompt
    return found


def _first(trace: dict[str, Any]) -> list[int]:
    return [each["req"] + (each["role"] == "assistant") for each in trace["turns"]]


def _token_model(trace: dict[str, Any], first: list[int]) -> tuple[float, int]:
    usage = {each["req"]: each["input"] + each["cache_write"] + each["cache_read"] for each in trace["usage"]}

    def characters(k: int) -> int:
        return sum(len(each["text"]) for each, at in zip(trace["turns"], first, strict=True) if at == k)

    steps = [(usage[k] - usage[k - 1], characters(k)) for k in usage if k - 1 in usage]
    steps = [each for each in steps if 0 < each[0] < 60_000]
    rate = 0.3
    if len(usage) >= 10 and sum(b for _, b in steps) >= 20_000:
        fitted = sum(a for a, _ in steps) / sum(b for _, b in steps)
        rate = fitted if 0.18 < fitted < 0.6 else 0.3
    if not usage:
        return rate, 3_000
    rests = [usage[k] - rate * sum(characters(each) for each in range(k + 1)) for k in sorted(usage)[:5]]
    return rate, max(2_000, round(median(rests)))


def _began(trace: dict[str, Any]) -> dict[int, float]:
    times: dict[int, list[float]] = {}
    for each in trace["turns"]:
        if each["role"] == "assistant" and each.get("t") is not None:
            times.setdefault(each["req"], []).append(each["t"])
    return {k: min(each) for k, each in times.items()}


def _uses(turns: list[dict[str, Any]], first: list[int], k: int) -> Uses:
    sent = [i for i in range(len(turns)) if first[i] <= k]
    found: Uses = []

    def add(kind: str, text: str) -> bool:
        holders = [i for i in sent if _stands(kind, text, turns[i]["text"])]
        results = [i for i in holders if turns[i]["kind"] == "tool_result"]
        if not results or (kind != "quote" and holders[0] != results[0]):
            return False
        found.append((kind, text, holders))
        return True

    for each in turns:
        if each["req"] != k or each["kind"] not in ("assistant", "tool_call"):
            continue
        texts = [each["text"]]
        if each["kind"] == "tool_call":
            names = {name for name in NAME.findall(each["text"]) if _tells(name)}
            count = 0
            for name in sorted(names, key=lambda name: hashlib.md5(name.encode()).hexdigest()):
                count += count < 30 and add("atom", name)
            try:
                arguments = json.loads(each["text"])
            except ValueError:
                arguments = each["text"]
            if isinstance(arguments, dict):
                for key in ("old_string", "old_str", "oldText"):
                    if isinstance(arguments.get(key), str):
                        lines = [line.strip() for line in arguments[key].split("\n")]
                        for line in [line for line in lines if len(line) >= 20][:10]:
                            add("edit", line)
            texts = _all_texts(arguments)
        for text in texts:
            for line in text.split("\n"):
                if len(line.strip()) >= 20:
                    add("quote", line.strip())
    return found


def _tells(name: str) -> bool:
    if len(name) < 6 or len(name) > 120:
        return False
    inner = name.strip("_")
    camel = any(a.islower() and b.isupper() for a, b in pairwise(name))
    return "_" in inner or "/" in name or "." in name or camel or any(each.isdigit() for each in name)


def _stands(kind: str, text: str, where: str) -> bool:
    if kind == "atom":
        return text in where and text in set(NAME.findall(where))
    return text in where


def _all_texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for each in inner for text in _all_texts(each)]
