"""Conversation blocks as JSON for the journal, and back: what is read equals what was written."""

from __future__ import annotations

from typing import Any

from bursar.domain.conversation import Block, BrokenToolCall, Text, ToolCall, ToolResult


def block_to_json(block: Block) -> dict[str, Any]:
    """One block as a JSON object with its kind."""
    match block:
        case Text():
            return {"kind": "text", "text": block.text}
        case ToolCall():
            return {"kind": "call", "id": block.id, "name": block.name, "input": block.input}
        case BrokenToolCall():
            return {"kind": "broken", "id": block.id, "name": block.name, "raw": block.raw_input, "why": block.why}
        case ToolResult():
            return {"kind": "result", "call": block.call_id, "content": block.content, "error": block.is_error}


def block_from_json(data: dict[str, Any]) -> Block:
    """The block that was written. Raises ValueError for a kind that this version does not know."""
    match data["kind"]:
        case "text":
            return Text(text=data["text"])
        case "call":
            return ToolCall(id=data["id"], name=data["name"], input=data["input"])
        case "broken":
            return BrokenToolCall(id=data["id"], name=data["name"], raw_input=data["raw"], why=data["why"])
        case "result":
            return ToolResult(call_id=data["call"], content=data["content"], is_error=data["error"])
        case other:
            raise ValueError(f"the journal holds a block of kind {other!r}, which this version does not know")
