"""Answers ``initialize`` before the server is loaded, which takes ten times as long; the server then takes over.

What the server can do depends on little of what a client says, so the answer is known beforehand. The whole stack reads
the request all the same, and computes its own answer, which nobody is sent: were it another one, the log would say so.
``tests/lsp/test_greeting.py`` holds both against each other. What is not plainly what the protocol says, or does not
come at once, is left to the stack.
"""

# Loaded before everything else, so it imports next to nothing: no dataclasses, no typing.
from __future__ import annotations

import json
import os
import select

from bursar import VERSION
from bursar.lsp.channels import Greeted, take_channels
from bursar.lsp.frames import FrameError, Frames
from bursar.lsp.sighting import Processes, look
from bursar.lsp.strict_json import read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from bursar.lsp.channels import Channels

    Check = Callable[[Any], bool]

_PATIENCE_MS = 100
"""For the client's first message; a client that is slower loses nothing, since the server is loaded meanwhile."""
_READ_BYTES = 64 * 1024
_MOST_BYTES = 4 * 1024 * 1024
"""Of a first message: what is read is joined anew each time, and the server's own reader is made for large ones."""
_COMMANDS = (
    "bursar.openReport",
    "bursar.estimateWith",
    "bursar.runTask",
    "bursar.skipTask",
    "bursar.retryTask",
    "bursar.deferTask",
    "bursar.splitTask",
    "bursar.resumeRun",
    "bursar.pauseRun",
    "bursar.stopRun",
    "bursar.acceptRun",
    "bursar.rewind",
    "bursar.setBudget",
    "bursar.toggleSmallHints",
    "bursar.pin",
    "bursar.unpin",
    "bursar.drop",
    "bursar.recall",
    "bursar.addSelection",
)


def greet() -> Channels | None:
    """Wait a moment for ``initialize`` and answer it; the channels that this was done on, None where it was not."""
    channels = take_channels()
    if not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(channels.read, select.POLLIN)
    frames, found = Frames(), list[bytes]()
    try:
        while not found and len(channels.begun) < _MOST_BYTES and poll.poll(_PATIENCE_MS):
            data = os.read(channels.read, _READ_BYTES)
            if not data:
                return None
            channels.begun += data
            frames.feed_into(data, found)
    except (FrameError, OSError):
        return None  # the server will see the same, and says what is wrong
    greeted = answer(found[0]) if found else None
    if greeted is None:
        return None
    body = json.dumps({"id": greeted.id, "jsonrpc": "2.0", "result": greeted.result}).encode()
    try:
        # A pipe takes so little at once.
        os.write(channels.write, b"Content-Length: %d\r\n\r\n" % len(body) + body)
    except OSError:
        return None
    channels.greeted = greeted
    return channels


def answer(frame: bytes) -> Greeted | None:
    """The answer to a message that is plainly a good ``initialize``; None for anything else."""
    try:
        told, message = read_json(frame)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or message.get("method") != "initialize":
        return None
    id_ = told.get("id")
    if type(id_) not in (int, str) or not _PARAMS(message.get("params")):
        return None
    params = message["params"]
    # Now: once it has its answer it may go away at any time.
    process_id = params.get("processId")
    client = None if process_id is None else look(process_id, Processes())
    result = {"capabilities": _capabilities(params["capabilities"]), "serverInfo": _SERVER}
    return Greeted(id_, result, params=params, client=client)


_SERVER = {"name": "bursar", "version": VERSION}


def _capabilities(can: dict[str, Any]) -> dict[str, Any]:
    document = can.get("textDocument") or {}
    saves = document.get("synchronization") or {}
    sync: dict[str, Any] = {"openClose": True, "change": 2}
    # To a client that says something of them it is said that they are not wanted.
    sync |= {each: False for each in ("willSave", "willSaveWaitUntil") if saves.get(each) is not None}
    found: dict[str, Any] = {
        "positionEncoding": _encoding((can.get("general") or {}).get("positionEncodings") or ()),
        "textDocumentSync": {**sync, "save": True},
        "hoverProvider": True,
        "codeActionProvider": {"codeActionKinds": ["quickfix", "refactor"]},
        "codeLensProvider": {"resolveProvider": False},
        "executeCommandProvider": {"commands": [*_COMMANDS]},
        "inlayHintProvider": {"resolveProvider": False},
    }
    told = ((can.get("workspace") or {}).get("diagnostics") or {}).get("refreshSupport")
    if document.get("diagnostic") is not None and told is True:
        found["diagnosticProvider"] = {
            "interFileDependencies": True,
            "workspaceDiagnostics": True,
            "identifier": "bursar",
        }
    found["workspace"] = {
        "workspaceFolders": {"supported": True, "changeNotifications": True},
        "fileOperations": {},
    }
    return found


def _encoding(offered: Iterable[str]) -> str:
    return next((each for each in offered if each in ("utf-8", "utf-32")), "utf-16")


# -- what is plainly as the protocol says ------------------------------------------------------------------------------
#
# Stricter than the stack: each field that it would make a type of is looked at, and what is left out here is nothing
# that it looks at.


def _is_flag(value: Any) -> bool:
    return value is None or value is True or value is False


def _is_text(value: Any) -> bool:
    return value is None or type(value) is str


def _is_a_text(value: Any) -> bool:
    return type(value) is str


def _is_number(value: Any) -> bool:
    return value is None or type(value) is int


def _is_token(value: Any) -> bool:
    return value is None or type(value) in (int, str)


def _is_anything(value: Any) -> bool:
    return True


def _is_one_of(*words: object) -> Check:
    return lambda value: value is None or (type(value) in (int, str) and value in words)


def _has(**fields: Check) -> Check:
    """An object with such fields, or nothing; a field that is missing is looked at as nothing."""
    return lambda value: (
        value is None or (type(value) is dict and all(check(value.get(name)) for name, check in fields.items()))
    )


def _some(check: Check) -> Check:
    return lambda value: value is not None and check(value)


def _each(check: Check) -> Check:
    return lambda value: value is None or (type(value) is list and all(map(_some(check), value)))


_REGISTERED = _has(dynamicRegistration=_is_flag)
_REFRESHED = _has(refreshSupport=_is_flag)
_TAGS = _has(valueSet=_some(_each(_is_one_of(1, 2))))
_DETAILS = {
    "relatedInformation": _is_flag,
    "tagSupport": _TAGS,
    "codeDescriptionSupport": _is_flag,
    "dataSupport": _is_flag,
}
_FILE_OPERATIONS = (
    "dynamicRegistration",
    *("didCreate", "willCreate", "didRename", "willRename", "didDelete", "willDelete"),
)
_CAPABILITIES = _has(
    workspace=_has(
        applyEdit=_is_flag,
        workspaceEdit=_has(
            documentChanges=_is_flag, resourceOperations=_each(_is_one_of("create", "rename", "delete"))
        ),
        codeLens=_REFRESHED,
        inlayHint=_REFRESHED,
        diagnostics=_REFRESHED,
        configuration=_is_flag,
        didChangeConfiguration=_REGISTERED,
        didChangeWatchedFiles=_REGISTERED,
        fileOperations=_has(**dict.fromkeys(_FILE_OPERATIONS, _is_flag)),
    ),
    textDocument=_has(
        synchronization=_has(willSave=_is_flag, willSaveWaitUntil=_is_flag),
        diagnostic=_has(dynamicRegistration=_is_flag, relatedDocumentSupport=_is_flag, **_DETAILS),
        hover=_has(contentFormat=_each(_is_one_of("plaintext", "markdown"))),
        codeAction=_has(codeActionLiteralSupport=_has(codeActionKind=_some(_has(valueSet=_some(_each(_is_a_text)))))),
        publishDiagnostics=_has(versionSupport=_is_flag, **_DETAILS),
        rename=_has(prepareSupport=_is_flag),
    ),
    window=_has(workDoneProgress=_is_flag, showDocument=_has(support=_is_flag)),
    general=_has(positionEncodings=_each(_is_a_text)),
)
_PARAMS = _some(
    _has(
        capabilities=_some(_CAPABILITIES),
        processId=_is_number,
        clientInfo=_has(name=_is_a_text, version=_is_text),
        locale=_is_text,
        rootPath=_is_text,
        rootUri=_is_text,
        initializationOptions=_is_anything,
        trace=_is_one_of("off", "messages", "verbose"),
        workDoneToken=_is_token,
        workspaceFolders=_each(_has(uri=_is_a_text, name=_is_a_text)),
    )
)
