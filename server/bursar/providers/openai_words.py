"""What OpenAI's formats share with one another and with those who took them over: functions, the usual service."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from bursar.domain.conversation import ModelRequest
from bursar.providers.canonical import canonical_text

VENDORS_HOST = "api.openai.com"


def usual_service(base_url: str) -> dict[str, str]:
    """What asks OpenAI itself for the usual service: a project may be set to one that costs twice what is held.

    Empty for other servers, which may not know the field.
    """
    return {"service_tier": "default"} if urlsplit(base_url).hostname == VENDORS_HOST else {}


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
