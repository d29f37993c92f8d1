"""What a run's window holds, in words and in figures: the same for the terminal and for editors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bursar.domain.context.parts import ContextPart, SessionContext
from bursar.domain.money.price import Cost, Unpriced, usd_text
from bursar.views.figures import count, money

_ORIGINS = {
    "system": "rules",
    "tools": "tools",
    "steering": "steering",
    "spec": "spec",
    "pinned": "pinned",
    "task": "task",
    "conversation": "answer",
    "result": "result",
}
_CACHED = {True: "cached", False: "not cached", None: "cache not known"}
_TITLE_CHARS = 44


def context_json(context: SessionContext) -> dict[str, Any]:
    """The window as programs and clients read it; ``label`` and ``description`` are ready to show."""
    return {
        "run": context.run,
        "model": context.model,
        "window_tokens": context.window_tokens,
        "used_tokens": context.used_tokens,
        "next_request": context.next_request,
        "per_request_usd": _usd(context.per_request),
        "provenance": context.provenance,
        "rate_card": context.per_request.rate_card if isinstance(context.per_request, Cost) else None,
        "summary": context_summary(context),
        "parts": [_part_json(each, context) for each in context.parts],
    }


def no_context_json() -> dict[str, Any]:
    """The same where no run is recorded."""
    return {
        "run": None,
        "model": None,
        "window_tokens": None,
        "used_tokens": 0,
        "next_request": 1,
        "per_request_usd": None,
        "provenance": "no run is recorded here",
        "rate_card": None,
        "summary": "No run is recorded here.",
        "parts": [],
    }


def context_summary(context: SessionContext) -> str:
    """``14,210 of 200,000 tokens (7 %) · $0.0071 for the next request``."""
    size = f"{count(context.used_tokens)} tokens"
    if context.window_tokens:
        share = round(100 * context.used_tokens / context.window_tokens)
        size = f"{count(context.used_tokens)} of {count(context.window_tokens)} tokens ({share} %)"
    return f"{size} · {_money(context.per_request)} for the next request"


def context_table(context: SessionContext) -> list[str]:
    """A line for each part, under a head."""
    rows = [("item", "what", "tokens", "share", "per request", "cached", "age", "used", "")]
    for each in context.parts:
        size = count(each.tokens)
        if each.shape != "full":
            size = f"{size} of {count(each.original_tokens)}"
        rows.append(
            (
                each.item,
                _short(each.title if each.title not in each.item else _ORIGINS[each.origin]),
                size,
                _share(each, context),
                _money(each.per_request),
                {True: "yes", False: "no", None: "?"}[each.cached],
                str(each.age_requests),
                "" if each.last_used_request is None else f"by {each.last_used_request}",
                _marks(each),
            )
        )
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    right = {2, 3, 4, 6}
    return [
        "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def actions_for(part: ContextPart) -> list[str]:
    """What the user can do with a part."""
    if part.origin not in ("result", "conversation"):
        return []
    actions = ["unpin" if part.pinned else "pin"]
    if part.origin == "result":
        actions += ["recall"] if part.shape != "full" else []
        actions += ["drop"] if part.shape != "stub" else []
    return actions


def _part_json(part: ContextPart, context: SessionContext) -> dict[str, Any]:
    return {
        "item": part.item,
        "origin": part.origin,
        "title": part.title,
        "tokens": part.tokens,
        "provenance": part.provenance,
        "share": round(part.tokens / context.used_tokens, 4) if context.used_tokens else 0.0,
        "per_request_usd": _usd(part.per_request),
        "cached": part.cached,
        "age_requests": part.age_requests,
        "last_used_request": part.last_used_request,
        "pinned": part.pinned,
        "shape": part.shape,
        "original_tokens": part.original_tokens,
        "label": part.title,
        "description": _description(part, context),
        "actions": actions_for(part),
    }


def _description(part: ContextPart, context: SessionContext) -> str:
    """``1,204 tokens · 8 % · $0.0004 per request · cached · pinned``."""
    said = [f"{count(part.tokens)} tokens", _share(part, context), f"{_money(part.per_request)} per request"]
    said.append(_CACHED[part.cached])
    if part.shape != "full":
        said.append(f"{part.shape} of {count(part.original_tokens)}")
    if part.last_used_request is not None:
        said.append(f"last used by answer {part.last_used_request}")
    if part.pinned:
        said.append("pinned")
    return " · ".join(said)


def _marks(part: ContextPart) -> str:
    marks: Sequence[str] = (*(["pinned"] if part.pinned else []), *([part.shape] if part.shape != "full" else []))
    return ", ".join(marks)


def _share(part: ContextPart, context: SessionContext) -> str:
    return f"{100 * part.tokens / context.used_tokens:.0f} %" if context.used_tokens else ""


def _money(cost: Cost | Unpriced) -> str:
    return "no price" if isinstance(cost, Unpriced) else money(cost.pico)


def _usd(cost: Cost | Unpriced) -> str | None:
    return None if isinstance(cost, Unpriced) else usd_text(cost.pico)


def _short(text: str) -> str:
    return text if len(text) <= _TITLE_CHARS else f"{text[: _TITLE_CHARS - 1]}…"
