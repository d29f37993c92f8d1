"""What OpenAI's formats share with one another and with those who took them over: functions, service, cache marks."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from bursar.domain.context.rules import rules_for
from bursar.domain.conversation import ModelRequest
from bursar.providers.canonical import canonical_bytes, canonical_text

VENDORS_HOST = "api.openai.com"
BREAKPOINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}
"""In a content block of a user's or the developer's: a prefix that ends with it is kept (OpenAI, 'Prompt caching')."""


def usual_service(base_url: str) -> dict[str, str]:
    """What asks OpenAI itself for the usual service: a project may be set to one that costs twice what is held.

    Empty for other servers, which may not know the field.
    """
    return {"service_tier": "default"} if urlsplit(base_url).hostname == VENDORS_HOST else {}


def marks_prefix(request: ModelRequest, base_url: str) -> bool:
    """Whether the end of what several runs share is to be marked, as ``BREAKPOINT``.

    From GPT-5.6 on a prefix is found at marks alone, and the one that the provider sets itself stands at the newest
    message, which no other run has. Other servers, and older models, may not know the field.
    """
    at_vendors = urlsplit(base_url).hostname == VENDORS_HOST
    return at_vendors and not request.once and rules_for(request.model).lookup == "exact"


def cache_key(shared: list[Any]) -> str:
    """The same for all requests that share their beginning, so that they meet the same cache."""
    return f"bursar-{hashlib.sha256(canonical_bytes(shared)).hexdigest()[:32]}"


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
        content = message.get("content") or []
        parts += [content] if isinstance(content, str) else [each["text"] for each in content]
        for call in message.get("tool_calls", []):
            arguments = call["function"]["arguments"]
            parts += [call["function"]["name"], arguments if isinstance(arguments, str) else canonical_text(arguments)]
    return "\n".join(parts)
