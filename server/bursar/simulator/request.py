"""One request in the simulator's own words, the same for every wire format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_TASK_LINE = re.compile(r"^Current task: \[(?P<task>[^\]]+)\] (?P<title>.*)$", re.MULTILINE)


class Refusal(Exception):
    """A request that is answered with an error: nothing is generated and nothing is billed."""

    def __init__(self, status: int, kind: str, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.code = code


GIVEN_UP = Refusal(
    500, "api_error", "The server had an error while it processed your request. Sorry about that!", code="server_error"
)
"""What a client is told of an answer that was begun and is not ended, however far it has got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A piece of the prompt: its bytes as the cache compares them, its tokens, the lifetime mark at its end."""

    content: bytes
    tokens: int
    mark: str | None = None
    boundary: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call that the conversation already holds."""

    id: str
    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a request asks for, as far as the simulator looks at it."""

    model: str
    stream: bool
    max_tokens: int | None
    include_usage: bool
    blocks: tuple[Block, ...]
    first_user_text: str
    text: str
    calls: tuple[Call, ...]
    tool_results: int
    tools: frozenset[str]
    background: bool = False
    store: bool = False
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """The namespace that a tool is offered in, for those that are in one."""

    @property
    def task(self) -> str | None:
        """The address of the current task, from the last line that names one in the first user message."""
        found = self._task_line()
        return found["task"] if found else None

    @property
    def statement(self) -> str:
        """The current task's title and all that follows it; the whole first message where no task is named."""
        found = self._task_line()
        return self.first_user_text[found.start("title") :] if found else self.first_user_text

    def _task_line(self) -> re.Match[str] | None:
        return next(reversed(list(_TASK_LINE.finditer(self.first_user_text))), None)


def canonical(value: Any) -> bytes:
    """The bytes of decoded JSON as the cache compares them: key order counts, spaces between tokens do not."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def strings(value: Any) -> Iterator[str]:
    """Every string value of decoded JSON, names left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)


def invalid(message: str) -> Refusal:
    """The refusal of a request that is not well formed."""
    return Refusal(400, "invalid_request_error", message)


def decode(raw: bytes) -> dict[str, Any]:
    """The JSON object in a request body; raises Refusal."""
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        canonical(body)  # What is nested too deeply to be written again is not taken in.
    except (ValueError, RecursionError) as error:
        raise invalid("The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise invalid("The request body must be a JSON object.")
    return body


def model_name(body: Mapping[str, Any]) -> str:
    """The model that a body names; raises Refusal."""
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise invalid("model: Field required")
    return name


def flag(body: Mapping[str, Any], name: str) -> bool:
    """A boolean field that may be left out; raises Refusal for anything else."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name}: Input should be a valid boolean")
    return bool(value)


def positive(body: Mapping[str, Any], name: str) -> int | None:
    """A positive whole number that may be left out; raises Refusal for anything else."""
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise invalid(f"{name}: Input should be a whole number greater than 0")
    return value


def messages_of(body: Mapping[str, Any], roles: tuple[str, ...]) -> list[dict[str, Any]]:
    """The messages of a body, each an object with one of these roles; raises Refusal."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    for i, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in roles:
            raise invalid(f"messages.{i}.role: Input should be one of {', '.join(roles)}")
    return messages


def parts_of(content: Any, where: str) -> list[dict[str, Any]]:
    """A message's content as a list of parts; raises Refusal."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, list) and all(isinstance(p, dict) and isinstance(p.get("type"), str) for p in content):
        return content
    raise invalid(f"{where}: Input should be a string or a list of content blocks")


def text_of(parts: list[dict[str, Any]]) -> str:
    """The text parts of a message, one below the other."""
    return "\n".join(p["text"] for p in parts if p["type"] == "text" and isinstance(p.get("text"), str))


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
