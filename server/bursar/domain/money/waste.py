"""Steps that brought nothing: files that were read again unchanged, calls that failed, edits that changed nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.domain.runs import RequestRow, StepRecord

WasteKind = Literal["read_again", "failed", "no_change"]
WASTE_KINDS: tuple[WasteKind, ...] = ("read_again", "failed", "no_change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """A step that brought nothing, and its share of the answer that asked for it: what that cost over its calls.

    ``pico`` is None where that is not known or has no price. What the result costs as input of later requests comes
    on top and is not counted.
    """

    kind: WasteKind
    run: str
    step: str
    tool: str
    about: str
    pico: int | None


def wasted(run: str, steps: Sequence[StepRecord], requests: Iterable[RequestRow]) -> tuple[Waste, ...]:
    """The wasteful steps of one run, in their order."""
    shares = _shares(steps, requests)
    seen: dict[str, object] = {}
    found = []
    for step in sorted(steps, key=lambda each: each.n):
        if step.kind not in ("look", "edit", "command") or step.status != "done" or step.result is None:
            continue
        kind = _kind(step, seen)
        if kind is not None:
            asked = step.intent.get("input")
            found.append(
                Waste(
                    kind=kind,
                    run=run,
                    step=step.key,
                    tool=str(step.intent.get("tool") or step.kind),
                    about=_about(asked if isinstance(asked, dict) else {}),
                    pico=shares.get(_answer_of(step.key)),
                )
            )
    return tuple(found)


def _kind(step: StepRecord, seen: dict[str, object]) -> WasteKind | None:
    result = step.result or {}
    if result.get("error"):
        return "failed"
    if step.kind == "edit" and "sha256_after" in step.intent:
        same = step.intent.get("sha256_before") == step.intent["sha256_after"]
        return "no_change" if same else None
    if step.intent.get("tool") != "read_file":
        return None
    key, content = json.dumps(step.intent.get("input"), sort_keys=True), result.get("content")
    again = content is not None and seen.get(key) == content
    seen[key] = content
    return "read_again" if again else None


def _shares(steps: Sequence[StepRecord], requests: Iterable[RequestRow]) -> Mapping[str, int]:
    """By request: what it cost, all its attempts, over the calls of its answer."""
    calls: dict[str, int] = {}
    for each in steps:
        if each.kind in ("look", "edit", "command"):
            calls[_answer_of(each.key)] = calls.get(_answer_of(each.key), 0) + 1
    cost: dict[str, int | None] = {}
    for row in requests:
        known = cost.get(row.step, 0)
        cost[row.step] = None if known is None or row.cost_pico is None else known + row.cost_pico
    return {key: pico // max(calls.get(key, 1), 1) for key, pico in cost.items() if pico is not None}


def _answer_of(key: str) -> str:
    """``t3.1`` belongs to ``m3``."""
    return f"m{key[1:].partition('.')[0]}"


def _about(asked: Mapping[str, object]) -> str:
    for name in ("path", "pattern", "argv"):
        if name in asked:
            value = asked[name]
            return " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return ""
