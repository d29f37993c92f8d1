"""Aider: a chat history in Markdown in each project, with rounded figures behind each answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

from bursar.domain.money.imported import ImportedRequest
from bursar.domain.money.usage import Usage
from bursar.imports.reading import BadRecord, digest, ident, local_moment, nothing_used, reported, word

AGENT = "aider"
HISTORY = ".aider.chat.history.md"
_MOST_TOKENS = 10**8
_START = b"# aider chat started at "
_MODEL = re.compile(r"^> (?:Main model|Models?): ([^\s,]{1,200}) with ")
_TOKENS = re.compile(
    r"^> Tokens: (?P<sent>\S{1,20}) sent"
    r"(?:, (?P<write>\S{1,20}) cache write)?(?:, (?P<hit>\S{1,20}) cache hit)?, (?P<received>\S{1,20}) received\."
    r"(?: Cost: \$(?P<cost>[0-9.]{1,20}) message,)?"
)
_COUNT = re.compile(r"(?P<number>[0-9]{1,9})(?:\.(?P<tenth>[0-9]))?(?P<thousands>k?)")


class Aider:
    """Figures are Aider's own: from 1,000 on they are rounded, and of a streamed answer they are its own count."""

    agent = AGENT
    by_line = True

    def places(self, environ: Mapping[str, str], home: Path) -> Sequence[Path]:
        """The history that AIDER_CHAT_HISTORY_FILE names, that of the home, and of this folder and those around it."""
        here = Path(environ.get("PWD") or home)
        named = environ.get("AIDER_CHAT_HISTORY_FILE")
        found = [*([here / named] if named else []), *(each / HISTORY for each in (here, *here.parents, home))]
        return tuple(dict.fromkeys(found))

    def is_log(self, path: PurePath) -> bool:
        """The history, under its usual name."""
        return path.name == HISTORY

    def open(self, file: str, state: Mapping[str, Any]) -> AiderReader:
        """Reads on in the session and with the model from before."""
        return AiderReader(file, state)


class AiderReader:
    """A request has no id. Its id is made from all lines of its session up to it, which only a copy has, too."""

    def __init__(self, file: str, state: Mapping[str, Any]) -> None:
        self._file = file
        self._start = word(state, "start")
        self._model = word(state, "model")
        self._chain = word(state, "chain")

    def state(self) -> dict[str, Any]:
        """The session, its model and its lines so far."""
        return {"start": self._start, "model": self._model, "chain": self._chain}

    def record(self, number: int, data: bytes) -> Sequence[ImportedRequest]:
        """The request that a line with its tokens ends."""
        line = data.rstrip(b" \t\r")
        if line.startswith(_START):
            self._start = line[len(_START) :].decode("utf-8", "replace")[:40]
            self._model = self._chain = ""
        self._chain = digest(self._chain, line.decode("utf-8", "replace"))
        if not line.startswith(b"> "):
            return ()
        text = line[:1_000].decode("utf-8", "replace")
        model = _MODEL.match(text)
        if model:
            self._model = model[1]
        figures = _TOKENS.match(text)
        if not figures:
            return ()
        usage = _usage(*(_count(figures[name] or "0") for name in ("sent", "write", "hit", "received")))
        if nothing_used(usage):
            return ()
        if not self._start:
            raise BadRecord("it belongs to no session, so its time is not known")
        provider, slash, name = self._model.partition("/")
        cost = figures["cost"]
        return (
            ImportedRequest(
                agent=AGENT,
                session=ident(f"{self._start} {PurePath(self._file).parent.name}"),
                parent_session=None,
                message_id=self._chain,
                request_id="",
                at=local_moment(self._start),
                project=str(PurePath(self._file).parent),
                provider=provider if slash else "",
                model=name if slash else self._model,
                usage=usage,
                file=self._file,
                line=number,
                reported_pico=reported(cost.rstrip(".")) if cost else None,
                certainty="estimated",
            ),
        )


def _count(text: str) -> tuple[int, int]:
    """A figure, and by how much it may be wrong because it is rounded."""
    found = _COUNT.fullmatch(text)
    if not found or (found["tenth"] and not found["thousands"]):
        raise BadRecord(f"it says '{text}' where a number of tokens belongs")
    if not found["thousands"]:
        number, off = int(found["number"]), 0
    else:
        number = int(Decimal(f"{found['number']}.{found['tenth'] or 0}") * 1_000)
        off = 50 if found["tenth"] else 500
    if number > _MOST_TOKENS:
        raise BadRecord(f"it says '{text}' where a number of tokens belongs")
    return number, off


def _usage(sent: tuple[int, int], write: tuple[int, int], hit: tuple[int, int], received: tuple[int, int]) -> Usage:
    """Disjoint buckets. What was sent holds what was read from the cache, and what was written to it twice.

    Where it is too small for that, beyond all rounding, an older version wrote it, which left out what was read and
    counted what was written once.
    """
    rest = sent[0] - 2 * write[0] - hit[0]
    if rest < -(sent[1] + 2 * write[1] + hit[1]):
        rest = sent[0] - write[0]
    return Usage(uncached_input=max(rest, 0), cache_read=hit[0], cache_write_5m=write[0], output=received[0])
