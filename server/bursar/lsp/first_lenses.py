"""Answers the first requests for lenses before the rest of the server is loaded, which takes three times as long.

An editor that opens on a tasks file asks for its lenses at once. They follow from the text; what was recorded and
counted comes in later, also in the whole server, and the editor is then told to ask again. So this is for editors that
can be told so. The server reads the same messages afterwards and leaves out the requests that were answered here.
``tests/lsp/test_first_lenses.py`` holds these answers against the server's own.
"""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bursar.lsp.channels import Channels
from bursar.lsp.frames import FrameError, Frames
from bursar.lsp.messages import Id, Incoming, read_message
from bursar.lsp.ready import READY_BYTES, is_ready
from bursar.lsp.uris import path_of
from bursar.session.where import may_be_read, spec_of, workspace_of
from bursar.settings import Settings, load_settings
from bursar.system.home import home_folder
from bursar.system.roots import workspace_root
from bursar.views.annotations import Lens
from bursar.views.spec_annotations import first_lenses

_READ_BYTES = 64 * 1024
_MOST_BYTES = 1024 * 1024
_MOST_CHARS = 50_000
"""Of a document; reading a longer one would keep the rest waiting."""


def answer_first_lenses(channels: Channels, environ: Mapping[str, str]) -> None:
    """Answer what was asked meanwhile, as far as nothing else came before it that might matter."""
    greeted = channels.greeted
    if greeted is None or not _is_told_to_ask_again(greeted.params):
        return
    try:
        texts, asked = _first_messages(_arrived(channels), greeted.id)
        answers = _answers(greeted.params, texts, asked, environ)
    except Exception:  # noqa: BLE001 - whatever it is, the server meets it too, and says what is wrong
        return
    for id_, lenses in answers.items():
        _send(channels, {"id": id_, "jsonrpc": "2.0", "result": [lens_json(each) for each in lenses]})
        channels.answered.add(id_)


def _answers(
    params: dict[str, Any], texts: Mapping[str, str], asked: Mapping[Id, str], environ: Mapping[str, str]
) -> dict[Id, tuple[Lens, ...]]:
    if not any(uri in texts for uri in asked.values()):
        return {}
    options = params.get("initializationOptions")
    told = options.get("settings") if isinstance(options, dict) else None
    settings = load_settings(home_folder(environ), environ, told if isinstance(told, dict) else {})
    folders = _folders(params)
    found = {
        id_: lenses_of(uri, texts[uri], folders=folders, settings=settings)
        for id_, uri in asked.items()
        if uri in texts
    }
    return {id_: lenses for id_, lenses in found.items() if lenses is not None}


def lenses_of(uri: str, text: str, *, folders: tuple[str, ...], settings: Settings) -> tuple[Lens, ...] | None:
    """The lenses of a tasks file of which nothing is known but its text; None for anything else."""
    path = path_of(uri)
    if path is None or len(text) > _MOST_CHARS or not (settings.files.include or may_be_read(Path(path))):
        return None
    root = workspace_of(Path(path), folders, workspace_root)
    place = Path(path).relative_to(root).as_posix()
    if settings.files.kind_of(place) != "tasks":
        return None
    spec = spec_of(text, place)
    return first_lenses(uri, text, spec) if spec.tasks else None


def lens_json(lens: Lens) -> dict[str, Any]:
    """As ``to_lsp.code_lenses`` makes it, without the protocol's types."""
    command: dict[str, Any] = {"title": lens.title, "command": lens.command or "", "arguments": list(lens.arguments)}
    if lens.tooltip:
        command["tooltip"] = lens.tooltip
    place = {"line": lens.line, "character": 0}
    return {"range": {"start": place, "end": place}, "command": command}


def _is_told_to_ask_again(params: dict[str, Any]) -> bool:
    workspace = params["capabilities"].get("workspace") or {}
    return (workspace.get("codeLens") or {}).get("refreshSupport") is True


def _folders(params: dict[str, Any]) -> tuple[str, ...]:
    uris = [each["uri"] for each in params.get("workspaceFolders") or []]
    if not uris and params.get("rootUri"):
        uris = [params["rootUri"]]
    return tuple(path for each in uris if (path := path_of(each)) is not None)


def _arrived(channels: Channels) -> Iterator[bytes]:
    """What has come behind the first message, without waiting for more."""
    poll = select.poll()
    poll.register(channels.read, select.POLLIN)
    while len(channels.begun) < _MOST_BYTES and poll.poll(0):
        data = os.read(channels.read, _READ_BYTES)
        if not data:
            break
        channels.begun += data
    found: list[bytes] = []
    try:
        Frames().feed_into(channels.begun, found)
    except FrameError:
        return  # the server says what is wrong
    yield from found[1:]


def _first_messages(frames: Iterator[bytes], greeted: Id) -> tuple[dict[str, str], dict[Id, str]]:
    """The documents that are opened, and the requests for lenses, up to the first message that might change them."""
    texts: dict[str, str] = {}
    asked: dict[Id, str] = {}
    # An id that is used again says nothing of which request was answered: by it the server would leave out both.
    ids = {greeted}
    for frame in frames:
        message = read_message(frame)
        if not isinstance(message, Incoming) or message.id in ids:
            break
        if message.id is not None:
            ids.add(message.id)
        if message.method == "$/cancelRequest":
            return {}, {}
        told = message.raw.get("params")
        params: dict[str, Any] = told if isinstance(told, dict) else {}
        document = params.get("textDocument")
        named: dict[str, Any] = document if isinstance(document, dict) else {}
        uri = named.get("uri")
        if message.method == "textDocument/didOpen" and message.kind == "notification":
            if not _is_opened(named) or named["uri"] in texts:
                break
            texts[named["uri"]] = named["text"]
        elif message.kind == "request" and message.id is not None and message.method.startswith("textDocument/"):
            if message.method == "textDocument/codeLens" and isinstance(uri, str) and params.keys() == {"textDocument"}:
                asked[message.id] = uri
        elif message.method not in ("initialized", "$/setTrace"):
            break
    return texts, asked


def _is_opened(document: Mapping[str, Any]) -> bool:
    texts = all(isinstance(document.get(name), str) for name in ("uri", "languageId", "text"))
    return texts and type(document.get("version")) is int


def _send(channels: Channels, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    left = memoryview(channels.unwritten + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    try:
        while left and is_ready(channels.write):
            left = left[os.write(channels.write, left[:READY_BYTES]) :]
    except OSError:
        pass  # the server finds out that nobody reads it
    channels.unwritten = bytes(left)
