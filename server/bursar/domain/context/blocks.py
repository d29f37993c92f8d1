"""A request's body as the blocks that a prompt cache reads, in its order: tools, system text, turns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Part: TypeAlias = Literal["tools", "system", "message"]

_MARKS = ("cache_control", "prompt_cache_breakpoint")
_LIVES_S = {"5m": 300, "1h": 3_600}
_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction")
_TURNS = ("messages", "input", "contents")
_SYSTEM_ROLES = ("system", "developer")
# What may differ between two requests without a prompt cache minding it.
_NO_MATTER = frozenset(
    {
        *_SYSTEM,
        *_TURNS,
        *_MARKS,
        "tools",
        "model",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "stream",
        "stream_options",
        "metadata",
        "store",
        "background",
        "user",
        "safety_identifier",
        "service_tier",
    }
)
_DOCUMENT = re.compile(r'^<document path="([^"\n]*)"(?: lines="[0-9]+-[0-9]+")?>$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBlock:
    """One block: its bytes as text without marks, how many seconds the mark at its end asks for (0 without one).

    ``title`` names its place in words; ``words`` is what people wrote in it.
    """

    part: Part
    title: str
    text: str
    words: str
    life_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is cached of a request, by whom, and under which options. ``opening`` is the index of the last block that
    the request shares with others that begin a conversation alike: the first block of the first turn of the user."""

    model: str
    blocks: tuple[PromptBlock, ...]
    options: tuple[tuple[str, str], ...]
    opening: int

    @property
    def marks(self) -> tuple[int, ...]:
        """The indices of the marked blocks."""
        return tuple(n for n, each in enumerate(self.blocks) if each.life_s)


def prompt_of(body: bytes) -> Prompt | None:
    """The prompt in a body; None for what is no JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    blocks: list[PromptBlock] = []
    opening = -1
    for each, is_opening in _blocks(value):
        if is_opening:
            opening = len(blocks)
        blocks.append(each)
    if blocks and isinstance(value.get("cache_control"), dict) and not blocks[-1].life_s:
        last = blocks[-1]
        life_s = _life_s(value)
        blocks[-1] = PromptBlock(part=last.part, title=last.title, text=last.text, words=last.words, life_s=life_s)
    options = tuple(sorted((name, _text(_option(each))) for name, each in value.items() if name not in _NO_MATTER))
    return Prompt(model=str(value.get("model", "")), blocks=tuple(blocks), options=options, opening=opening)


def changed_document(earlier: str, later: str) -> tuple[str, str] | None:
    """The first document that is not as before in a text of several, and what became of it: edited, added, removed or
    moved; None where all are as before, or there are none."""
    one, other = _documents(earlier), _documents(later)
    for n in range(max(len(one), len(other))):
        was, now = one[n] if n < len(one) else None, other[n] if n < len(other) else None
        if was == now:
            continue
        if was is not None and now is not None and was[0] == now[0]:
            return now[0], "edited"
        if now is not None and now[0] not in {path for path, _ in one}:
            return now[0], "added"
        if was is not None and was[0] not in {path for path, _ in other}:
            return was[0], "removed"
        return (now or was or ("", ""))[0], "moved"
    return None


def _documents(text: str) -> list[tuple[str, str]]:
    found = list(_DOCUMENT.finditer(text))
    texts = []
    for n, each in enumerate(found):
        is_last = n + 1 == len(found)
        # What parts it from the next one is not its own.
        own = text[each.end() :] if is_last else text[each.end() : found[n + 1].start()].removesuffix("\n\n")
        texts.append((each[1], own))
    return texts


def _blocks(body: dict[str, Any]) -> Iterator[tuple[PromptBlock, bool]]:
    tools = body.get("tools")
    for each in tools if isinstance(tools, list) else []:
        yield _block("tools", "the list of tools", each), False
    for name in _SYSTEM:
        value = body.get(name)
        for each in value if isinstance(value, list) else [] if value is None else [value]:
            yield _block("system", "the system text", each), False
    opened = False
    for name in _TURNS:
        value = body.get(name)
        for n, turn in enumerate(value if isinstance(value, list) else [], start=1):
            role = turn.get("role") if isinstance(turn, dict) else None
            is_system = role in _SYSTEM_ROLES
            for i, each in enumerate(_of_turn(turn)):
                head = f"{role}:" if i == 0 else ""
                if is_system:
                    yield _block("system", "the system text", each, head), False
                else:
                    is_first = role == "user" and not opened
                    opened = opened or is_first
                    yield _block("message", f"turn {n}", each, head), is_first


def _of_turn(turn: Any) -> list[Any]:
    """The blocks of a turn; its other fields, calls of tools for one, are a block behind them."""
    if not isinstance(turn, dict):
        return [turn]
    for name in ("content", "parts"):
        content = turn.get(name)
        if isinstance(content, list) and content:
            rest = {key: each for key, each in turn.items() if key not in (name, "role", *_MARKS)}
            return [*content, rest] if rest else content
    return [turn]


def _block(part: Part, title: str, value: Any, head: str = "") -> PromptBlock:
    bare = _unmarked(value)
    return PromptBlock(
        part=part, title=title, text=head + _text(bare), words="\n".join(_words(bare)), life_s=_life_s(value)
    )


def _life_s(value: Any) -> int:
    """What the mark on a block, or within it, asks for."""
    if isinstance(value, list):
        return max((_life_s(each) for each in value), default=0)
    if not isinstance(value, dict):
        return 0
    for name in _MARKS:
        mark = value.get(name)
        if isinstance(mark, dict):
            return _LIVES_S.get(str(mark.get("ttl", "5m")), 300)
    return _life_s(value.get("content"))


def _option(value: Any) -> Any:
    """An option without the bound of the answer that some formats keep within it."""
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if name not in ("maxOutputTokens", "num_predict", "num_ctx")}


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unmarked(each) for name, each in value.items() if name not in _MARKS}
    return [_unmarked(each) for each in value] if isinstance(value, list) else value


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, dict):
        for name in ("text", "content", "parts"):
            yield from _words(value.get(name))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
