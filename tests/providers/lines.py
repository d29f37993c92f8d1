"""Answers as Gemini and Ollama send them."""

from __future__ import annotations

import json
from typing import Any

from .support import sse


def g_part(*parts: dict[str, Any], finish: str | None = None, usage: dict[str, Any] | None = None) -> dict[str, Any]:
    """A part of a streamed answer of Gemini's."""
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish is not None:
        candidate["finishReason"] = finish
    found: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "resp-g"}
    return found if usage is None else {**found, "usageMetadata": usage}


G_USAGE = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}


def g_call(name: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args}, "thoughtSignature": "c2ln"}


def l_line(text: str = "", *, done: bool = False, message: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A line of an answer of Ollama's."""
    spoken = {"role": "assistant", "content": text, **(message or {})}
    return {"model": "llama-x", "created_at": "2026-11-21T08:00:00Z", "message": spoken, "done": done, **more}


def l_end(reason: str = "stop", **counts: Any) -> dict[str, Any]:
    return l_line(done=True, done_reason=reason, **(counts or {"prompt_eval_count": 7, "eval_count": 3}))


def l_call(name: str, arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"function": {"name": name, "arguments": arguments}}]}


def lines(*datas: dict[str, Any] | str) -> bytes:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in datas).encode()


def calls(wire: str, name: str, arguments: dict[str, Any]) -> bytes:
    """A whole answer that is one call."""
    if wire == "gemini":
        return sse(g_part(g_call(name, arguments), finish="STOP", usage=G_USAGE))
    return lines(l_line(message=l_call(name, arguments)), l_end())


def kind(wire: str) -> str:
    """The content type that the servers name."""
    return "text/event-stream" if wire == "gemini" else "application/x-ndjson"
