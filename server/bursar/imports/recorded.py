"""Recorded sessions: JSON lines (also gzipped), one session each, with its turns and what its provider billed."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bursar.domain.context.session import RecordedSession, Request, Turn
from bursar.domain.context.sizes import base_tokens, tokens_per_character, turn_tokens, window_tokens
from bursar.domain.errors import BadInput

_KINDS = frozenset({"system", "user", "assistant", "tool_call", "tool_result"})
_BILLED = ("input", "cache_write", "cache_read")


def read_sessions(path: Path) -> list[RecordedSession]:
    """The sessions of a file, in its order. Raises BadInput that names the line that is no session."""
    try:
        sessions = [_session_at(path, number, line) for number, line in _lines(path) if line.strip()]
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read ({error.strerror or error}): give the path of a file of recorded sessions"
        ) from error
    except (EOFError, zlib.error) as error:
        raise BadInput(f"{path} is a damaged gzip file ({error}): fetch it again") from error
    if not sessions:
        raise BadInput(f"{path} has no session in it: give a file with one JSON object per line")
    return sessions


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            yield from enumerate(raw, start=1)
            return
        with gzip.open(raw) as opened:
            yield from enumerate(opened, start=1)


def _session_at(path: Path, number: int, line: bytes) -> RecordedSession:
    try:
        return session_of(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadInput(
            f"{path}, line {number}, is no recorded session ({type(error).__name__}: {error}): each line is a JSON "
            f"object with id, source, requests, turns and usage"
        ) from error


def session_of(record: dict[str, Any]) -> RecordedSession:
    """The session that a record says. Raises ValueError, KeyError, TypeError and others for what is none."""
    count = int(record["requests"])
    if count < 1:
        raise ValueError("it has no requests")
    turns = record["turns"]
    firsts = [_first_request(each) for each in turns]
    characters = [0] * (max([count, *firsts]) + 1)
    for turn, first in zip(turns, firsts, strict=True):
        characters[first] += len(turn["text"])
    billed = {int(each["req"]): sum(int(each.get(name) or 0) for name in _BILLED) for each in record.get("usage", ())}
    billed = {each: total for each, total in sorted(billed.items()) if 0 <= each < count}
    rate = tokens_per_character(billed, characters)
    order = sorted(range(len(turns)), key=firsts.__getitem__)
    began = _began(turns)
    return RecordedSession(
        id=str(record["id"]),
        source=str(record["source"]),
        turns=tuple(_turn(turns[each], each, firsts[each], rate) for each in order),
        requests=tuple(Request(n=each, at_s=began.get(each)) for each in range(count)),
        base_tokens=base_tokens(billed, characters, rate),
        window_tokens=window_tokens(billed, str(record.get("model") or "")),
        tokens_per_character=rate,
    )


def _first_request(turn: dict[str, Any]) -> int:
    """What an answer says is carried by the request after it."""
    request = int(turn["req"])
    if request < 0:
        raise ValueError(f"a turn is of request {request}")
    return request + 1 if turn["role"] == "assistant" else request


def _began(turns: list[dict[str, Any]]) -> dict[int, float]:
    """When the answer to each request began."""
    began: dict[int, float] = {}
    for turn in turns:
        if turn["role"] == "assistant" and turn.get("t") is not None:
            request, at_s = int(turn["req"]), float(turn["t"])
            began[request] = min(at_s, began.get(request, at_s))
    return began


def _turn(turn: dict[str, Any], index: int, first: int, rate: float) -> Turn:
    kind, text = turn["kind"], turn["text"]
    if kind not in _KINDS:
        raise ValueError(f"a turn is of the kind {kind!r}")
    at_s = turn.get("t")
    return Turn(
        index=index,
        kind=kind,
        text=text,
        request=first,
        tokens=turn_tokens(len(text), rate),
        at_s=None if at_s is None else float(at_s),
        tool=str(turn.get("tool") or ""),
        call=str(turn.get("call") or ""),
        is_error=bool(turn.get("err")),
        is_thinking=bool(turn.get("think")),
    )
