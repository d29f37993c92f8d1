"""From the bytes of one message to what kind of message it is: strict JSON, and ids that can be answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, cast

from bursar.lsp.strict_json import DEEPEST, read_json

Id = int | str
PARSE_ERROR = -32700
INVALID_REQUEST = -32600


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One message of the client: a request has id and method, a notification no id, a response no method."""

    kind: Literal["request", "notification", "response"]
    id: Id | None
    method: str
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """What is no message, and the error that answers it; ``id`` is a JSON value that was sent as one, else None."""

    id: int | float | str | None
    code: int
    problem: str


def read_message(frame: bytes) -> Incoming | Unreadable:
    """Read one message. Text in it is whole: what is half of a character has become U+FFFD, as long in UTF-16."""
    try:
        value, raw = read_json(frame)
    except RecursionError:
        return Unreadable(id=None, code=PARSE_ERROR, problem=f"This is nested more than {DEEPEST} deep.")
    except ValueError as error:
        return Unreadable(id=None, code=PARSE_ERROR, problem=f"This is not JSON: {_brief(error)}.")
    if not isinstance(raw, dict):
        return Unreadable(id=None, code=INVALID_REQUEST, problem="This is not a message of JSON-RPC 2.0: no object.")
    # As it came: an answer has the very id of its request.
    given, method = value.get("id"), raw.get("method")
    id_ = given if isinstance(given, int | float | str) and not isinstance(given, bool) else None
    if raw.get("jsonrpc") != "2.0":
        return Unreadable(id=id_, code=INVALID_REQUEST, problem='This is not a message of JSON-RPC 2.0: no "jsonrpc".')
    if "method" in raw and not isinstance(method, str):
        return Unreadable(id=id_, code=INVALID_REQUEST, problem="The method's name is no string.")
    if "id" in raw and (id_ is None or isinstance(id_, float)):
        # An error in a message of ours that the client could not read has no id.
        if method is None:
            return Incoming(kind="response", id=None, method="", raw=raw)
        return Unreadable(id=id_, code=INVALID_REQUEST, problem="The id is no integer and no string.")
    if method is None:
        if id_ is None:
            return Unreadable(id=None, code=INVALID_REQUEST, problem="This has neither a method nor an id.")
        return Incoming(kind="response", id=cast(Id, id_), method="", raw=raw)
    kind: Literal["request", "notification"] = "notification" if id_ is None else "request"
    return Incoming(kind=kind, id=cast("Id | None", id_), method=method, raw=raw)


def _brief(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
