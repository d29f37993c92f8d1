"""Tools as functions, as OpenAI's chat format has them and Ollama's took over: how they are told, and how they read."""

from __future__ import annotations

from typing import Any

from bursar.domain.conversation import ModelRequest
from bursar.providers.canonical import canonical_text


def function_tools(request: ModelRequest) -> list[dict[str, Any]]:
    """The tools of a request as a body has them."""
    return [
        {
            "type": "function",
            "function": {"name": each.name, "description": each.description, "parameters": each.input_schema},
        }
        for each in request.tools
    ]


def prompt_of(body: dict[str, Any]) -> str:
    """Tool definitions and messages of a body, as the model reads them; arguments may be a text or an object."""
    parts = [canonical_text(each["function"]) for each in body.get("tools", [])]
    for message in body["messages"]:
        parts += [message["content"]] if message.get("content") else []
        for call in message.get("tool_calls", []):
            arguments = call["function"]["arguments"]
            parts += [call["function"]["name"], arguments if isinstance(arguments, str) else canonical_text(arguments)]
    return "\n".join(parts)
