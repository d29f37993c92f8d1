"""Codex CLI: a JSONL file, called rollout, for each session below ``sessions``, sub-agents and forks included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from bursar.domain.money.imported import ImportedRequest
from bursar.domain.money.usage import Usage
from bursar.imports.reading import BadRecord, digest, ident, moment, nothing_used, parsed, part, tokens, word

AGENT = "codex"
_FIELDS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)
_USUAL_TIERS = ("", "default", "auto", "standard")
_LOOKED_AT = (
    b'"token_count"',
    b'"token_usage_record"',
    b'"turn_context"',
    b'"session_meta"',
    b'"thread_settings_applied"',
)
_Counts = tuple[int, ...]


class Codex:
    """Newer versions write a record with the answer's id for each request; older ones only running sums."""

    agent = AGENT
    by_line = True

    def places(self, environ: Mapping[str, str], home: Path) -> Sequence[Path]:
        """``sessions`` and ``archived_sessions`` below CODEX_HOME, else below ``~/.codex``."""
        chosen = environ.get("CODEX_HOME")
        base = Path(chosen).expanduser() if chosen else home / ".codex"
        return (base / "sessions", base / "archived_sessions")

    def is_log(self, path: PurePath) -> bool:
        """``rollout-*.jsonl``."""
        return path.suffix == ".jsonl" and path.name.startswith("rollout-")

    def open(self, file: str, state: Mapping[str, Any]) -> CodexReader:
        """Reads on with the sums, the model and the session from before."""
        return CodexReader(file, state)


class CodexReader:
    """Follows one rollout.

    A running sum without a record beside it has no id. Its id is then made from the oldest session that the file
    descends from and all sums up to it: a fork, which begins with a copy of these, makes the same ids for the same
    requests, and another session never does.
    """

    def __init__(self, file: str, state: Mapping[str, Any]) -> None:
        self._file = file
        self._session = word(state, "session")
        self._parent = word(state, "parent")
        self._root = word(state, "root")
        self._provider = word(state, "provider")
        self._model = word(state, "model")
        self._tier = word(state, "tier")
        self._cwd = word(state, "cwd")
        self._chain = word(state, "chain")
        self._sums = _kept(state.get("sums"))

    def state(self) -> dict[str, Any]:
        """All of it."""
        return {
            "session": self._session,
            "parent": self._parent,
            "root": self._root,
            "provider": self._provider,
            "model": self._model,
            "tier": self._tier,
            "cwd": self._cwd,
            "chain": self._chain,
            "sums": None if self._sums is None else list(self._sums),
        }

    def record(self, number: int, data: bytes) -> Sequence[ImportedRequest]:
        """The request that a usage record or a grown sum stands for."""
        line = data.strip(b" \t\r\xef\xbb\xbf")
        if not line:
            return ()
        if not (line.startswith(b"{") and line.endswith(b"}")):
            raise BadRecord("it is not a whole JSON object")
        # The kind of a record stands near its beginning; the rest may be megabytes of text.
        head = line[:512]
        if not any(each in head for each in _LOOKED_AT):
            return ()
        entry = parsed(line)
        kind, payload = word(entry, "type"), part(entry, "payload")
        if kind == "session_meta":
            self._meta(payload)
        elif kind == "turn_context":
            self._model = word(payload, "model") or self._model
            self._cwd = word(payload, "cwd") or self._cwd
        elif kind == "token_usage_record":
            return self._reported(entry, payload, number)
        elif kind == "event_msg" and payload.get("type") == "thread_settings_applied":
            tier = word(part(payload, "thread_settings"), "service_tier")
            self._tier = "" if tier in _USUAL_TIERS else tier
        elif kind == "event_msg" and payload.get("type") == "token_count":
            return self._counted(entry, part(payload, "info"), number)
        return ()

    def _meta(self, payload: Mapping[str, Any]) -> None:
        own = word(payload, "id")
        from_id = word(payload, "forked_from_id")
        if not self._session:
            spawn = part(part(part(payload, "source"), "subagent"), "thread_spawn")
            self._session = own
            self._parent = from_id or word(spawn, "parent_thread_id") or word(payload, "parent_thread_id")
            self._provider = word(payload, "model_provider")
            self._cwd = word(payload, "cwd")
        # Behind its own, a fork holds the records of those that it descends from.
        self._root = from_id or own or self._root

    def _reported(self, entry: Mapping[str, Any], payload: Mapping[str, Any], number: int) -> Sequence[ImportedRequest]:
        counts = _counts(part(payload, "usage"))
        sums = part(payload, "thread_token_usage")
        if sums:
            # The sum that follows in its own record says nothing more.
            self._sums = _counts(sums)
            self._link()
        response = word(payload, "response_id")
        usage = _usage(counts)
        if nothing_used(usage):
            return ()
        made = digest(word(payload, "thread_id"), word(payload, "turn_id"), self._chain)
        session = word(payload, "thread_id") or self._session
        return (self._request(entry, usage, ident(response) or made, number, session=session),)

    def _counted(self, entry: Mapping[str, Any], info: Mapping[str, Any], number: int) -> Sequence[ImportedRequest]:
        if not info:
            return ()
        sums, told = _counts(part(info, "total_token_usage")), part(info, "last_token_usage")
        before = self._sums
        if sums == before:
            return ()
        self._sums = sums
        self._link()
        grown = before is not None and all(now >= then for now, then in zip(sums, before, strict=True))
        # The first sum of a file, and one that began anew, may hold requests that are none of this file's.
        counts = (
            tuple(now - then for now, then in zip(sums, before, strict=True)) if grown and before else _counts(told)
        )
        if before is None and not told and not self._parent:
            counts = sums
        usage = _usage(counts)
        if nothing_used(usage):
            return ()
        return (self._request(entry, usage, self._chain, number, session=self._session),)

    def _link(self) -> None:
        self._chain = digest(self._chain or self._root or self._session, self._sums)

    def _request(
        self, entry: Mapping[str, Any], usage: Usage, message_id: str, number: int, *, session: str
    ) -> ImportedRequest:
        own = session == self._session
        return ImportedRequest(
            agent=AGENT,
            session=ident(session or PurePath(self._file).stem),
            parent_session=ident(self._parent) if own and self._parent else None,
            message_id=message_id,
            request_id="",
            at=moment(word(entry, "timestamp")),
            project=self._cwd,
            provider=self._provider or "openai",
            model=self._model,
            usage=usage,
            file=self._file,
            line=number,
            tier=self._tier,
        )


def _counts(usage: Mapping[str, Any]) -> _Counts:
    return tuple(tokens(usage, name) for name in _FIELDS)


def _kept(value: Any) -> _Counts | None:
    return tuple(int(each) for each in value) if isinstance(value, list) else None


def _usage(counts: _Counts) -> Usage:
    """Disjoint buckets: OpenAI's input holds what was read from and written to the cache."""
    whole, read, written, output, reasoning = counts
    if read + written > whole:
        raise BadRecord(f"its cached tokens ({read} read, {written} written) are more than its input ({whole})")
    return Usage(
        uncached_input=whole - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=output,
        reasoning=reasoning,
    )
