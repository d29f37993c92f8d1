"""Codex's conversations: one in each rollout."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from bursar.domain.context.session import TurnKind
from bursar.imports.codex import AGENT, CodexReader
from bursar.imports.reading import BadRecord, parsed, part, word
from bursar.imports.sessions.conversation import MOST_CHARACTERS, Conversation, LoggedSession

_CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output", "tool_search_output"})


class CodexConversations:
    """Follows one rollout. An answer goes on until something is given to the model, or its figures are written."""

    def __init__(self, file: str, seen: set[int]) -> None:
        self._figures = CodexReader(file, {})
        self._own = Conversation(agent=AGENT, file=file, name=PurePath(file).stem, seen=seen)
        self._is_named = False

    def line(self, number: int, data: bytes) -> Iterator[LoggedSession]:
        """The session that this record ended. Raises BadRecord; the next record may still be good."""
        line = data.strip(b" \t\r\xef\xbb\xbf")
        if not line:
            return
        if not (line.startswith(b"{") and line.endswith(b"}")):
            raise BadRecord("it is not a whole JSON object")
        entry = parsed(line)
        own, at = self._own, word(entry, "timestamp")
        kind, payload = word(entry, "type"), part(entry, "payload")
        if kind == "session_meta":
            self._meta(payload)
        elif kind == "response_item":
            self._item(payload, at)
        elif kind == "compacted":
            yield from self._compacted(payload, at)
        elif kind == "event_msg" and payload.get("type") == "thread_rolled_back":
            own.note("The user went back in it: it is played as if what was taken back were still there.")
        for each in self._figures.record(number, line):
            own.billed(own.unbilled(), each)
            own.ended_answer()
        if own.characters > MOST_CHARACTERS:
            yield from _some(own.cut(notes=["It was divided where it has more text than any window holds."]))

    def end(self) -> Iterator[LoggedSession]:
        """The session that the end of the file ends."""
        yield from _some(self._own.cut())

    def _meta(self, payload: Mapping[str, Any]) -> None:
        if self._is_named:
            return
        self._is_named = True
        own = self._own
        own.name = word(payload, "id") or own.name
        own.project = word(payload, "cwd")
        from_id = word(payload, "forked_from_id")
        own.parent = word(payload, "parent_thread_id") or from_id or None
        own.forked = bool(from_id)
        if "forked_from_ordinal_exclusive" in payload:
            own.note(
                "It goes on from another session whose text is not in this file: that counts as a fixed beginning."
            )

    def _item(self, item: Mapping[str, Any], at: str) -> None:
        own, kind, role = self._own, word(item, "type"), word(item, "role")
        if kind == "message" and role != "assistant":
            own.given("user" if role == "user" else "system", _text_of(item.get("content")), at)
        elif kind == "message":
            own.answered(own.began(), "assistant", _text_of(item.get("content")), at)
        elif kind == "reasoning":
            text = "\n".join(each for each in (_text_of(item.get("summary")), _text_of(item.get("content"))) if each)
            own.answered(own.began(), "assistant", text, at, is_thinking=True)
        elif kind in _CALLS:
            own.answered(own.began(), "tool_call", _arguments(item), at, call=_call(item), tool=_tool(item))
        elif kind in _OUTPUTS:
            output = item.get("output")
            failed = isinstance(output, dict) and output.get("success") is False
            own.given("tool_result", _text_of(output), at, call=_call(item), is_error=failed)
        elif kind == "agent_message":
            own.given("user", _text_of(item.get("content")), at)

    def _compacted(self, payload: Mapping[str, Any], at: str) -> Iterator[LoggedSession]:
        yield from _some(self._own.cut())
        history = payload.get("replacement_history")
        if isinstance(history, list):
            for each in history:
                if isinstance(each, dict) and word(each, "type") == "message":
                    kind: TurnKind = "user" if word(each, "role") in ("user", "assistant") else "system"
                    self._own.given(kind, _text_of(each.get("content")), at)
        else:
            self._own.given("user", word(payload, "message"), at)


def _arguments(item: Mapping[str, Any]) -> str:
    """As the model wrote them."""
    for name in ("arguments", "input", "action"):
        given = item.get(name)
        if isinstance(given, str):
            return given
        if given is not None:
            return json.dumps(given, ensure_ascii=False)
    return ""


def _call(item: Mapping[str, Any]) -> str:
    return word(item, "call_id") or word(item, "id")


def _tool(item: Mapping[str, Any]) -> str:
    return word(item, "name") or word(item, "type").removesuffix("_call")


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _text_of(content.get("content", content.get("body")))
    if not isinstance(content, list):
        return ""
    texts = (
        word(each, "text") or ("[image]" if "image" in word(each, "type") else "")
        for each in content
        if isinstance(each, dict)
    )
    return "\n".join(each for each in texts if each)


def _some(made: LoggedSession | None) -> tuple[LoggedSession, ...]:
    return () if made is None else (made,)
