"""Claude Code's conversations: the main one of a file, and those of its sub-agents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from bursar.domain.money.imported import ImportedRequest
from bursar.imports.claude_code import AGENT, ClaudeCodeReader
from bursar.imports.reading import BadRecord, parsed, part, word
from bursar.imports.sessions.conversation import MOST_CHARACTERS, Conversation, LoggedSession

_MADE_UP = "<synthetic>"
# Of an attachment that does not say what was sent of it: where its text stands.
_TEXTS = ("content", "text", "snippet", "prompt", "stdout", "stderr", "file")
_NOT_SENT = frozenset({"prompt_snapshot"})


class ClaudeCodeConversations:
    """Follows the records of one file. A user who goes back to an earlier point begins a session from there."""

    def __init__(self, file: str, seen: set[int]) -> None:
        self._file = file
        self._seen = seen
        self._figures = ClaudeCodeReader(file)
        self._open: dict[str, Conversation] = {}
        self._chains: dict[str, str] = {}
        self._places: dict[str, tuple[str, int, int]] = {}

    def line(self, number: int, data: bytes) -> Iterator[LoggedSession]:
        """The sessions that this record ended. Raises BadRecord; the next record may still be good."""
        line = data.strip(b" \t\r\xef\xbb\xbf")
        if not line:
            return
        if not (line.startswith(b"{") and line.endswith(b"}")):
            raise BadRecord("it is not a whole JSON object")
        entry = parsed(line)
        figures = self._figures.record(number, line)
        kind = word(entry, "type")
        if kind not in ("user", "assistant", "attachment", "system"):
            return
        chain = self._chain(entry)
        own = self._conversation(chain, entry)
        if kind == "system":
            if entry.get("subtype") == "compact_boundary":
                yield from _some(own.cut())
                self._places.clear()
        elif kind == "assistant":
            self._assistant(own, entry, figures)
        elif kind == "attachment":
            self._attachment(own, entry)
        else:
            yield from self._user(own, chain, entry)
        if own.characters > MOST_CHARACTERS:
            yield from _some(own.cut(notes=["It was divided where it has more text than any window holds."]))
        uuid = word(entry, "uuid")
        if uuid:
            self._places[uuid] = (chain, own.requests, own.turns)

    def end(self) -> Iterator[LoggedSession]:
        """The sessions that the end of the file ends."""
        for each in self._open.values():
            yield from _some(each.cut())

    def _chain(self, entry: Mapping[str, Any]) -> str:
        """Which conversation of the file a record is of: '' for the main one."""
        if entry.get("isSidechain") is not True:
            return ""
        agent = word(entry, "agentId")
        if agent:
            return agent
        uuid = word(entry, "uuid")
        chain = self._chains.get(word(entry, "parentUuid"), uuid)
        self._chains[uuid] = chain
        return chain

    def _conversation(self, chain: str, entry: Mapping[str, Any]) -> Conversation:
        own = self._open.get(chain)
        if own is None:
            session = word(entry, "sessionId") or PurePath(self._file).stem
            own = self._open[chain] = Conversation(
                agent=AGENT,
                file=self._file,
                name=chain or session,
                parent=session if chain else None,
                project=word(entry, "cwd"),
                seen=self._seen,
            )
        return own

    def _assistant(self, own: Conversation, entry: Mapping[str, Any], figures: Sequence[ImportedRequest]) -> None:
        message, at = part(entry, "message"), word(entry, "timestamp")
        if word(message, "model") == _MADE_UP or entry.get("isApiErrorMessage") is True:
            return
        # A record that was copied from another session says where its request was made.
        made_in = word(entry, "requestSessionId")
        copied = bool(made_in) and made_in != word(entry, "sessionId")
        request = own.began(word(message, "id") or word(entry, "uuid"), copied=copied)
        for block in _blocks(message.get("content")):
            kind = word(block, "type")
            if kind == "text":
                own.answered(request, "assistant", word(block, "text"), at)
            elif kind == "thinking":
                own.answered(request, "assistant", word(block, "thinking"), at, is_thinking=True)
            elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
                given = json.dumps(block.get("input"), ensure_ascii=False)
                own.answered(request, "tool_call", given, at, call=word(block, "id"), tool=word(block, "name"))
            elif kind.endswith("_tool_result"):
                own.answered(
                    request, "tool_result", _text_of(block.get("content")), at, call=word(block, "tool_use_id")
                )
        for each in figures:
            own.billed(request, each)

    def _attachment(self, own: Conversation, entry: Mapping[str, Any]) -> None:
        attached = part(entry, "attachment")
        if word(attached, "type") in _NOT_SENT:
            return
        rendered = entry.get("rendered")
        sent = _text_of(rendered) if isinstance(rendered, list) else "\n".join(_texts_below(attached))
        own.given("user", sent, word(entry, "timestamp"))

    def _user(self, own: Conversation, chain: str, entry: Mapping[str, Any]) -> Iterator[LoggedSession]:
        at, content = word(entry, "timestamp"), part(entry, "message").get("content")
        results = [each for each in _blocks(content) if word(each, "type") == "tool_result"]
        if not results and entry.get("isMeta") is not True:
            place = self._places.get(word(entry, "parentUuid"))
            if place is not None and place[0] == chain and place[1] < own.requests:
                yield from _some(own.cut(keep=place[2], notes=["The user went back: it begins with what was kept."]))
        for each in results:
            is_error = each.get("is_error") is True
            text = _text_of(each.get("content"))
            own.given("tool_result", text, at, call=word(each, "tool_use_id"), is_error=is_error)
        rest = [each for each in _blocks(content) if word(each, "type") != "tool_result"]
        if rest:
            own.given("user", _text_of(rest), at)


def _blocks(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def _text_of(content: Any) -> str:
    """What of a content is text; of a picture only that there is one."""
    texts: list[str] = []
    for each in _blocks(content):
        kind = word(each, "type")
        if kind in ("image", "document"):
            texts.append(f"[{kind}]")
        else:
            texts.append(word(each, "text") or word(each, "content"))
    return "\n".join(each for each in texts if each)


def _texts_below(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts_below(each)
    elif isinstance(value, dict):
        for name in _TEXTS:
            if name in value:
                yield from _texts_below(value[name])


def _some(made: LoggedSession | None) -> tuple[LoggedSession, ...]:
    return () if made is None else (made,)
