"""Chats with models as files: which message says how much to whom, line by line. Reading never raises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LARGEST_CHARS = 8_000_000
"""Above this the messages of a transcript are not looked at."""

_LOOKED_AT = 8
_LONGEST_LOOKED_AT_CHARS = 1_000_000
_DEEPEST = 8
_ROLES = ("system", "developer", "user", "human", "assistant", "ai", "model", "tool")
_CODEX = ("session_meta", "response_item", "turn_context", "event_msg", "compacted")
_SAME = {"human": "user", "ai": "assistant", "model": "assistant"}
_LINE_END = re.compile(r"\r\n|\n|\r")
_MARK = re.compile(
    rf"(?:(?P<heading>#{{1,6}})[ \t]+)?(?:\*\*|__)?[ \t]*(?:[^\w\s*#]{{1,3}}[ \t]*)?(?P<role>{'|'.join(_ROLES)})[ \t]*"
    r"(?P<colon>:?)(?:\*\*|__)?(?P<colon2>:?)[ \t]*\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one role says in a message: ``user``, ``assistant``, ``thinking``, ``tool`` and so on."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEntry:
    """A message, or in training files a whole example on one line, at 0-based lines; ``end_line`` is exclusive."""

    line: int
    end_line: int
    messages: int
    said: tuple[Said, ...]


def is_transcript(path: str, text: str) -> bool:
    """Whether a file holds a chat, by its name and its first lines; cheap."""
    if path.endswith(".md"):
        return next(iter(_marks(text)), None) is not None
    looked = [each for each in _first_lines(text) if each.strip()]
    if any(len(each) > _LONGEST_LOOKED_AT_CHARS for each in looked):
        return False
    read = [each for each in map(_entry, looked) if each is not None]
    return bool(looked) and len(read) == len(looked) and any(known for known, _, _ in read)


def read_transcript(path: str, text: str) -> Iterator[ChatEntry]:
    """The entries of a transcript that have text, in its order; lines that are none are left out."""
    if path.endswith(".md"):
        yield from _markdown(text)
        return
    for number, line in enumerate(_LINE_END.split(text)):
        found = _entry(line) if line.strip() else None
        if found is not None and found[2]:
            yield ChatEntry(line=number, end_line=number + 1, messages=found[1], said=tuple(found[2]))


def _first_lines(text: str) -> Iterable[str]:
    end = 0
    for _ in range(_LOOKED_AT):
        found = _LINE_END.search(text, end)
        yield text[end : found.start() if found else len(text)]
        if found is None:
            return
        end = found.end()


def _entry(line: str) -> tuple[bool, int, list[Said]] | None:
    """Whether it is a message for certain, how many it holds, and what they say; None for what no chat has."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    inner = record.get("messages")
    if isinstance(inner, list):
        messages = [each for each in inner if isinstance(each, dict) and isinstance(each.get("role"), str)]
        said = [each for message in messages for each in _message(message)]
        return (True, len(messages), said) if messages and len(messages) == len(inner) else None
    if isinstance(record.get("role"), str) and ("content" in record or "parts" in record or "tool_calls" in record):
        return True, 1, list(_message(record))
    if isinstance(record.get("payload"), dict) and record.get("type") in _CODEX:
        said = list(_item(record["payload"])) if record["type"] == "response_item" else []
        return True, int(bool(said)), said
    message = record.get("message")
    if isinstance(message, dict) and isinstance(message.get("role"), str):
        return True, 1, list(_message(message))
    if isinstance(record.get("type"), str):
        said = list(_item(record))
        # Agents' logs have lines of many kinds between the messages.
        return bool(said), int(bool(said)), said
    return None


def _message(message: Mapping[str, Any]) -> Iterator[Said]:
    role = str(message["role"]).lower()
    role = "tool" if role == "function" else _SAME.get(role, role)
    yield from _content(role, message.get("content", message.get("parts")), 0)
    calls = message.get("tool_calls")
    for each in calls if isinstance(calls, list) else ():
        function = each.get("function") if isinstance(each, dict) else None
        if isinstance(function, dict):
            yield from _texts(role, function.get("name"), function.get("arguments"))


def _content(role: str, content: Any, depth: int) -> Iterator[Said]:
    if isinstance(content, str):
        yield from _texts(role, content)
    elif isinstance(content, list) and depth < _DEEPEST:
        for each in content:
            if isinstance(each, str):
                yield from _texts(role, each)
            elif isinstance(each, dict):
                yield from _block(role, each, depth)


def _block(role: str, block: Mapping[str, Any], depth: int) -> Iterator[Said]:
    match block.get("type"):
        case "tool_use":
            yield from _texts(role, block.get("name"), block.get("input"))
        case "tool_result":
            yield from _content("tool", block.get("content"), depth + 1)
        case "thinking":
            yield from _texts("thinking", block.get("thinking"))
        case _:
            yield from _texts(role, block.get("text"))


def _item(item: Mapping[str, Any]) -> Iterator[Said]:
    """An item of the Responses format, as Codex keeps them."""
    match item.get("type"):
        case "message" if isinstance(item.get("role"), str):
            yield from _message(item)
        case "function_call":
            yield from _texts("assistant", item.get("name"), item.get("arguments"))
        case "function_call_output":
            yield from _texts("tool", item.get("output"))
        case "reasoning":
            yield from _content("thinking", item.get("summary"), 0)


def _texts(role: str, *values: Any) -> Iterator[Said]:
    for each in values:
        if isinstance(each, str) and each:
            yield Said(role=role, text=each)
        elif isinstance(each, dict | list) and each:
            yield Said(role=role, text=json.dumps(each, ensure_ascii=False, separators=(",", ":")))


def _marks(text: str) -> Iterator[tuple[int, str]]:
    """The lines that name who speaks; none inside a fenced block."""
    fence = ""
    for number, line in enumerate(_LINE_END.split(text)):
        stripped = line.strip()
        if fence:
            fence = "" if stripped.startswith(fence) and not stripped.strip(fence[0]) else fence
        elif stripped.startswith(("```", "~~~")):
            fence = stripped[:3]
        elif (found := _MARK.match(stripped)) and (found["heading"] or found["colon"] or found["colon2"]):
            role = found["role"].lower()
            yield number, _SAME.get(role, role)


def _markdown(text: str) -> Iterator[ChatEntry]:
    lines = _LINE_END.split(text)
    marks = list(_marks(text))
    ends = [*(line for line, _ in marks[1:]), len(lines)]
    for (line, role), end in zip(marks, ends, strict=False):
        said = "\n".join(lines[line + 1 : end]).strip()
        if said:
            yield ChatEntry(line=line, end_line=end, messages=1, said=(Said(role=role, text=said),))


def totals(entries: Sequence[tuple[ChatEntry, Sequence[int]]]) -> dict[str, int]:
    """Tokens by role, from the tokens of everything that each entry says."""
    by_role: dict[str, int] = {}
    for entry, tokens in entries:
        for said, each in zip(entry.said, tokens, strict=True):
            by_role[said.role] = by_role.get(said.role, 0) + each
    return by_role
