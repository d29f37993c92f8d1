"""opencode: a SQLite database; before 1.2 a JSON file for each message below ``storage/message``."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from bursar.domain.money.imported import ImportedRequest, Table
from bursar.domain.money.usage import Usage
from bursar.imports.reading import (
    digest,
    ident,
    moment_of_ms,
    nothing_used,
    parsed,
    part,
    reported,
    tokens,
    word,
)

AGENT = "opencode"
# A clock that was set back must not hide what is new; what is read twice is counted once.
_MARGIN_MS = 24 * 3_600_000


class OpenCode:
    """A message has the sums of its requests: one since the database, before that one for each step."""

    agent = AGENT
    by_line = False
    leaves_out = "requests for the titles of sessions and the summaries of messages"

    def places(self, environ: Mapping[str, str], home: Path) -> Sequence[Path]:
        """``opencode`` below XDG_DATA_HOME, else below ``~/.local/share``."""
        data = environ.get("XDG_DATA_HOME")
        return ((Path(data) if data else home / ".local" / "share") / "opencode",)

    def is_log(self, path: PurePath) -> bool:
        """``opencode.db`` (and those of other channels), ``message/SESSION/msg_*.json``."""
        if self.is_database(path):
            return True
        return path.name.startswith("msg_") and path.suffix == ".json" and path.parent.parent.name == "message"

    def is_database(self, path: PurePath) -> bool:
        """Whether it is the newer kind."""
        return path.name.startswith("opencode") and path.suffix == ".db"

    def beside(self, path: PurePath) -> tuple[PurePath, Sequence[str]]:
        """The steps of a message, and its session, are files of their own."""
        session, message = glob.escape(path.parent.name), glob.escape(path.stem)
        return path.parents[2], (f"session/*/{session}.json", f"part/{message}/*.json")

    def open(self, file: str, state: Mapping[str, Any]) -> OpenCodeReader:
        """Of a database only messages that changed since are read."""
        return OpenCodeReader(file, state)


class OpenCodeReader:
    """A fork copies messages under new ids but with their times, so a message is known by these."""

    def __init__(self, file: str, state: Mapping[str, Any]) -> None:
        self._file = file
        since = state.get("updated")
        self._updated = since if isinstance(since, int) else 0
        self._parents: dict[str, str] = {}
        self._steps: list[Mapping[str, Any]] = []

    def state(self) -> dict[str, Any]:
        """Up to when messages were read."""
        return {"updated": self._updated}

    def tables(self) -> Sequence[Table]:
        """Sessions before messages."""
        since = ("time_updated", self._updated - _MARGIN_MS) if self._updated else None
        return (
            Table(name="session", columns=("id", "parent_id")),
            Table(name="message", columns=("session_id", "time_updated", "data"), since=since),
        )

    def row(self, table: str, number: int, values: Sequence[Any]) -> Sequence[ImportedRequest]:
        """The request of a message in the database."""
        if table == "session":
            own, parent = (_letters(each) for each in values)
            if parent:
                self._parents[own] = parent
            return ()
        session, updated, data = values
        if isinstance(updated, int):
            self._updated = max(self._updated, updated)
        if not isinstance(data, bytes):
            return ()
        return self.requests_of(_letters(session), parsed(data), number)

    def companion(self, name: PurePath, data: bytes) -> None:
        """A step of the message to come, or its session."""
        value = parsed(data)
        if name.parent.parent.name == "session":
            parent = word(value, "parentID")
            if parent:
                self._parents[name.stem] = parent
        elif value.get("type") == "step-finish":
            self._steps.append(part(value, "tokens"))

    def problems(self) -> Sequence[tuple[int, str]]:
        """None: a message is one request."""
        return ()

    def record(self, number: int, data: bytes) -> Sequence[ImportedRequest]:
        """The request of a message in a file of its own."""
        value = parsed(data)
        return self.requests_of(word(value, "sessionID") or PurePath(self._file).parent.name, value, number)

    def requests_of(self, session: str, message: Mapping[str, Any], number: int) -> Sequence[ImportedRequest]:
        """The request of an assistant's message that is whole; none for any other."""
        time = part(message, "time")
        # Until then it grows, and a copy of it could not be told from it.
        if message.get("role") != "assistant" or time.get("completed") is None:
            return ()
        usage = (
            sum((usage_of(each) for each in self._steps), Usage()) if self._steps else usage_of(part(message, "tokens"))
        )
        if nothing_used(usage):
            return ()
        provider, model, cwd = word(message, "providerID"), word(message, "modelID"), word(part(message, "path"), "cwd")
        who = word(message, "agent") or word(message, "mode")
        parent = self._parents.get(session)
        return (
            ImportedRequest(
                agent=AGENT,
                session=ident(session),
                parent_session=ident(parent) if parent else None,
                message_id=digest(time.get("created"), time.get("completed"), provider, model, cwd, who),
                request_id="",
                at=moment_of_ms(time.get("created")),
                project=cwd,
                provider=provider,
                model=model,
                usage=usage,
                file=self._file,
                line=number,
                reported_pico=reported(message.get("cost")),
            ),
        )


def usage_of(counts: Mapping[str, Any]) -> Usage:
    """The disjoint buckets of a message's or a step's tokens."""
    cache = part(counts, "cache")
    read, written = tokens(cache, "read"), tokens(cache, "write")
    given, output, reasoning = tokens(counts, "input"), tokens(counts, "output"), tokens(counts, "reasoning")
    # Versions that write a total take reasoning out of the output; in the others it is a part of that.
    if counts.get("total") is not None and tokens(counts, "total") != given + read + written + output:
        output += reasoning
    return Usage(
        uncached_input=given, cache_read=read, cache_write_5m=written, output=output, reasoning=min(reasoning, output)
    )


def _letters(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
