"""How each server is started, what it reads, and what it is asked: Bursar and those that it stands beside."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.editor.client import Client

HERE = Path(__file__).parent
BURSAR, NOTHING, RUFF, PYLSP, JEDI = (
    "Bursar",
    "pygls that does nothing",
    "ruff server",
    "python-lsp-server",
    "jedi-language-server",
)

LENSES, HINTS = "textDocument/codeLens", "textDocument/inlayHint"
_DIAGNOSTICS, _SYMBOLS = "textDocument/diagnostic", "textDocument/documentSymbol"
_SAYS = {_DIAGNOSTICS: "diagnostics", _SYMBOLS: "symbols"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One language server: what it is asked first of a new document, and what again after an edit."""

    name: str
    command: tuple[str, ...]
    language: Literal["markdown", "python"]
    first: str
    again: str

    def says(self, method: str) -> str:
        """Its name with what it answers."""
        said = "nothing" if self.name == NOTHING or (self.name, method) == (PYLSP, LENSES) else _SAYS[method]
        return f"{self.name}, {said}"

    def start(self, place: Place) -> Client:
        """A client with a new process of it."""
        return Client(self.command, place.environ, place.workspace, place.folder / "servers.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workspace and a state folder, in a folder that goes away after the run."""

    folder: Path

    @property
    def workspace(self) -> Path:
        """The folder that the editor has open."""
        return self.folder / "workspace"

    @property
    def environ(self) -> Mapping[str, str]:
        """What every server is given: a home of its own, nothing of the user's, and compiled modules may be kept."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "BURSAR_HOME": str(self.folder / "home" / "bursar"),
        }

    def lay_out(self) -> None:
        """Make the folders."""
        for each in (self.workspace, self.folder / "home" / "bursar"):
            each.mkdir(parents=True, exist_ok=True)
        (self.folder / "home" / "bursar").chmod(0o700)

    def file(self, path: str, text: str) -> str:
        """Write a file of the workspace and give its URI."""
        file = self.workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file.as_uri()


def servers(peers: Path | None) -> dict[str, Server]:
    """All that can be started; without the peers' environment only Bursar and the server that does nothing."""
    python = sys.executable if peers is None else str(peers / "python")
    found = [
        Server(
            name=BURSAR,
            command=(sys.executable, "-m", "bursar", "serve"),
            language="markdown",
            first=LENSES,
            again=HINTS,
        ),
        Server(
            name=NOTHING,
            command=(python, str(HERE / "nothing.py")),
            language="markdown",
            first=LENSES,
            again=HINTS,
        ),
    ]
    if peers is not None:
        others = (
            (RUFF, ("ruff", "server"), _DIAGNOSTICS, _DIAGNOSTICS),
            (PYLSP, ("pylsp",), LENSES, _SYMBOLS),
            (JEDI, ("jedi-language-server",), _SYMBOLS, _SYMBOLS),
        )
        found += [
            Server(
                name=name,
                command=(str(peers / command[0]), *command[1:]),
                language="python",
                first=first,
                again=again,
            )
            for name, command, first, again in others
        ]
    return {each.name: each for each in found}
