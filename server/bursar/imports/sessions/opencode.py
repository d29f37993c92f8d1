"""opencode's conversations: one in each session of its database, or, before 1.2, of its folder of messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bursar.domain.money.imported import ImportedRequest
from bursar.imports.opencode import AGENT, OpenCodeReader, usage_of
from bursar.imports.reading import BadRecord, moment_of_ms, part, word
from bursar.imports.sessions.conversation import MOST_CHARACTERS, Conversation, LoggedSession


class OpenCodeConversation:
    """Follows the messages of one session in their order; each brings its parts.

    A message is one request, and in older versions one for each of its steps.
    """

    def __init__(self, file: str, session: str, seen: set[int], *, parent: str | None, project: str) -> None:
        self._own = Conversation(agent=AGENT, file=file, name=session, seen=seen, parent=parent, project=project)
        self._file = file
        self._session = session
        self._number = 0

    def message(self, message: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Iterator[LoggedSession]:
        """The session that this message ended. Raises BadRecord for figures that cannot be."""
        self._number += 1
        own, at = self._own, _moment(part(message, "time").get("created"))
        if message.get("role") != "assistant":
            text = "\n".join(each for each in map(_given_text, parts) if each)
            own.given("user", text, at)
        elif message.get("summary") is True:
            yield from _some(own.cut())
            own.given("user", "\n".join(word(each, "text") for each in parts if each.get("type") == "text"), at)
        else:
            self._answer(message, parts, at)
        if own.characters > MOST_CHARACTERS:
            yield from _some(own.cut(notes=["It was divided where it has more text than any window holds."]))

    def end(self) -> Iterator[LoggedSession]:
        """The session that its last message ends."""
        yield from _some(self._own.cut())

    def _answer(self, message: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], at: str) -> None:
        own = self._own
        figures = OpenCodeReader(self._file, {}).requests_of(self._session, message, self._number)
        steps = sum(each.get("type") == "step-finish" for each in parts)
        step = 0
        for each in parts:
            kind, key = word(each, "type"), f"{self._number}.{step}"
            if kind in ("text", "reasoning"):
                spoken, text = own.began(key), word(each, "text")
                own.answered(spoken, "assistant", text, _time(each, "start", at), is_thinking=kind == "reasoning")
            elif kind == "tool":
                self._call(own.began(key), each, at)
            elif kind == "step-finish":
                for one in _of_step(figures, each, step, steps):
                    own.billed(own.began(key), one)
                step += 1
        if steps == 0:
            for one in figures:
                own.billed(own.began(f"{self._number}.0"), one)

    def _call(self, request: int, tool: Mapping[str, Any], at: str) -> None:
        own, state, call = self._own, part(tool, "state"), word(tool, "callID")
        arguments = json.dumps(part(state, "input"), ensure_ascii=False)
        own.answered(request, "tool_call", arguments, _time(state, "start", at), call=call, tool=word(tool, "tool"))
        failed = state.get("status") == "error"
        text = word(state, "error" if failed else "output")
        own.given("tool_result", text, _time(state, "end", at), call=call, is_error=failed)


def parts_in_order(parts: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """The parts of a message by their ids, which grow."""
    return [each for _, each in sorted(parts, key=lambda each: each[0])]


def _of_step(
    figures: Sequence[ImportedRequest], step: Mapping[str, Any], number: int, steps: int
) -> Iterator[ImportedRequest]:
    for each in figures:
        if steps == 1:
            yield each
        else:
            usage = usage_of(part(step, "tokens"))
            yield replace(each, message_id=f"{each.message_id}#{number}", usage=usage, reported_pico=None)


def _given_text(given: Mapping[str, Any]) -> str:
    kind = word(given, "type")
    if kind == "text":
        return "" if given.get("ignored") is True else word(given, "text")
    return f"[{word(given, 'mime') or 'file'}: {word(given, 'filename')}]" if kind == "file" else ""


def _time(value: Mapping[str, Any], name: str, otherwise: str) -> str:
    return _moment(part(value, "time").get(name)) or otherwise


def _moment(value: object) -> str:
    try:
        return moment_of_ms(value)
    except BadRecord:
        return ""


def _some(made: LoggedSession | None) -> tuple[LoggedSession, ...]:
    return () if made is None else (made,)
