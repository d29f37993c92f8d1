"""One conversation of a log as it is put together, record by record, into a session that can be played again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

from bursar.domain.context.session import RecordedSession, TurnKind
from bursar.domain.context.sizes import FALLBACK_BASE_TOKENS, FALLBACK_TOKENS_PER_CHARACTER
from bursar.domain.money.imported import ImportedRequest, fuller
from bursar.imports.recorded import session_of

MOST_CHARACTERS = 8 << 20
"""More text than any window holds: a conversation that has more is divided there."""

HISTORY = "history"
"""The role of turns that an earlier session's requests brought: the first request here carries them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSession:
    """A conversation between two compactions. ``record`` is the same in the form that the bench reads.

    ``billed`` are the requests of which the log has figures; ``models`` in the order of how many requests each
    answered; ``assumed`` says, in sentences, what the log does not tell and what stands in for it.
    """

    agent: str
    file: str
    name: str
    parent: str | None
    began: str
    session: RecordedSession
    record: dict[str, Any]
    billed: tuple[ImportedRequest, ...]
    models: tuple[str, ...]
    provider: str
    assumed: tuple[str, ...]


@dataclass(slots=True)
class _Said:
    kind: TurnKind
    text: str
    request: int
    at: str
    tool: str = ""
    call: str = ""
    is_error: bool = False
    is_thinking: bool = False
    answers: bool = False


@dataclass(slots=True)
class _Asked:
    """A request as its answer was found. ``copied``: it was made, and paid for, in another session."""

    billed: ImportedRequest | None = None
    copied: bool = False


@dataclass(slots=True)
class Conversation:
    """Collects what was said in the order of the log, and which request each answer belongs to.

    ``seen`` are the requests of all conversations so far, so that none that was copied into another log counts twice.
    ``forked``: it begins with what another session said, so the first requests without figures are that one's.
    """

    agent: str
    file: str
    name: str
    seen: set[int]
    parent: str | None = None
    project: str = ""
    forked: bool = False
    notes: list[str] = field(default_factory=list)
    characters: int = 0
    _part: int = 0
    _said: list[_Said] = field(default_factory=list)
    _asked: list[_Asked] = field(default_factory=list)
    _keys: dict[str, int] = field(default_factory=dict)
    _tools: dict[str, str] = field(default_factory=dict)
    _open: bool = False

    @property
    def requests(self) -> int:
        """How many requests began so far."""
        return len(self._asked)

    @property
    def turns(self) -> int:
        """How many turns it has so far."""
        return len(self._said)

    def note(self, sentence: str) -> None:
        """What is assumed of it, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def given(
        self, kind: TurnKind, text: str, at: str, *, call: str = "", tool: str = "", is_error: bool = False
    ) -> None:
        """What the next request carries first: what a user wrote, or a tool's result, whose call says the tool."""
        self._open = False
        tool = tool or self._tools.get(call, "")
        self._add(_Said(kind=kind, text=text, request=self.requests, at=at, tool=tool, call=call, is_error=is_error))

    def began(self, key: str = "", *, copied: bool = False) -> int:
        """The request of this key, begun if it is new; without a key that of the answer that is under way."""
        if key:
            known = self._keys.get(key)
            if known is not None:
                return known
            self._keys[key] = self.requests
        elif self._open:
            return self.requests - 1
        self._asked.append(_Asked(copied=copied))
        self._open = True
        return self.requests - 1

    def answered(
        self,
        request: int,
        kind: TurnKind,
        text: str,
        at: str,
        *,
        call: str = "",
        tool: str = "",
        is_thinking: bool = False,
    ) -> None:
        """A part of the answer to this request."""
        if call and tool:
            self._tools[call] = tool
        self._add(
            _Said(
                kind=kind,
                text=text,
                request=request,
                at=at,
                tool=tool,
                call=call,
                is_thinking=is_thinking,
                answers=True,
            )
        )

    def billed(self, request: int, figures: ImportedRequest) -> None:
        """What the log says that this request used; of several records the fullest counts."""
        if not 0 <= request < self.requests:
            return
        asked = self._asked[request]
        if asked.billed is None:
            key = hash(figures.key)
            asked.copied = asked.copied or key in self.seen
            self.seen.add(key)
            asked.billed = figures
        elif fuller(asked.billed.usage, figures.usage) is figures.usage:
            asked.billed = figures
        if not self.project:
            self.project = figures.project

    def unbilled(self) -> int:
        """The newest request if its figures are not known; else one of which nothing but these is known."""
        if not self._asked or self._asked[-1].billed is not None:
            self._open = False
            return self.began()
        return self.requests - 1

    def ended_answer(self) -> None:
        """What is said next belongs to another request."""
        self._open = False

    def cut(self, *, keep: int = 0, notes: Iterable[str] = ()) -> LoggedSession | None:
        """The session up to here, None where nothing in it was asked; the first ``keep`` turns begin the next one."""
        made = self._made()
        kept = self._said[:keep]
        for each in kept:
            each.request, each.answers = -1, False
        self._said, self._asked, self._keys, self._open = kept, [], {}, False
        self.characters = sum(len(each.text) for each in kept)
        self.notes = list(notes)
        if made is not None:
            self._part += 1
        return made

    def _add(self, said: _Said) -> None:
        # A log may hold halves of letters, which no file can.
        said.text = said.text.encode("utf-8", "replace").decode("utf-8")
        if said.text:
            self.characters += len(said.text)
            self._said.append(said)

    def _made(self) -> LoggedSession | None:
        copied = self._copied()
        asked = self._asked[copied:]
        if not asked:
            return None
        zero = next((each.at for each in self._said if each.at), "")
        name = self.name if self._part == 0 else f"{self.name}.{self._part + 1}"
        billed = [(number, each.billed) for number, each in enumerate(asked) if each.billed is not None]
        models = [each.model for _, each in billed if each.model]
        by_count = sorted(dict.fromkeys(models), key=models.count, reverse=True)
        record = {
            "id": name,
            "source": self.project or self.file.rpartition("/")[0] or self.file,
            "harness": self.agent,
            "model": by_count[0] if by_count else "",
            "requests": len(asked),
            "turns": [_turn(each, copied, _seconds(zero)) for each in self._said],
            "usage": [_usage(number, each, _seconds(zero)) for number, each in billed],
        }
        session = session_of(record)
        notes = [*self.notes, *_assumed(session, len(billed), has_history=copied > 0, models=by_count)]
        return LoggedSession(
            agent=self.agent,
            file=self.file,
            name=name,
            parent=self.parent,
            began=zero,
            session=session,
            record=record,
            billed=tuple(each for _, each in billed),
            models=tuple(by_count),
            provider=billed[0][1].provider if billed else "",
            assumed=tuple(dict.fromkeys(notes)),
        )

    def _copied(self) -> int:
        """How many requests at the beginning were made in another session."""
        if self.forked and any(each.billed is not None and not each.copied for each in self._asked):
            return len(list(takewhile(lambda each: each.copied or each.billed is None, self._asked)))
        return len(list(takewhile(lambda each: each.copied, self._asked)))


def _assumed(session: RecordedSession, billed: int, *, has_history: bool, models: Sequence[str]) -> Iterable[str]:
    if has_history:
        yield "It goes on from another session: what that one said is carried by its first request, as new."
    if not billed:
        yield (
            f"No usage in the log: {FALLBACK_TOKENS_PER_CHARACTER} tokens a character and {FALLBACK_BASE_TOKENS:,}"
            " tokens of system text and tools are assumed."
        )
    elif session.tokens_per_character == FALLBACK_TOKENS_PER_CHARACTER:
        yield f"Too little was billed to fit a token's size: {FALLBACK_TOKENS_PER_CHARACTER} a character are assumed."
    if any(each.at_s is None for each in session.requests):
        yield "Not every request has a time: where none is known no pause is assumed, so the cache is never cold there."
    if len(models) > 1:
        yield f"{', '.join(models)} answered: all of it is priced as {models[0]}."


def _turn(said: _Said, copied: int, zero: float | None) -> dict[str, Any]:
    request = said.request - copied
    role = "assistant" if said.answers else "tool" if said.kind == "tool_result" else said.kind
    at = _seconds(said.at)
    turn: dict[str, Any] = {
        "role": HISTORY if request < 0 else role,
        "kind": said.kind,
        "text": said.text,
        "req": max(request, 0),
        "t": None if at is None or zero is None else round(at - zero, 3),
    }
    more = {"tool": said.tool, "call": said.call, "err": said.is_error, "think": said.is_thinking}
    return turn | {name: value for name, value in more.items() if value}


def _usage(number: int, figures: ImportedRequest, zero: float | None) -> dict[str, Any]:
    usage, at = figures.usage, _seconds(figures.at)
    return {
        "req": number,
        "t": None if at is None or zero is None else round(at - zero, 3),
        "input": usage.uncached_input,
        "cache_write": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read": usage.cache_read,
        "output": usage.output,
    }


def _seconds(at: str) -> float | None:
    if not at:
        return None
    try:
        return datetime.fromisoformat(at).timestamp()
    except (ValueError, OverflowError):
        return None
