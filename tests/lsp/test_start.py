"""What a server loads before its first answer, and what it makes of what the client says of itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from bursar import VERSION
from bursar.lsp.capabilities import KEPT, capability, slim
from bursar.lsp.converter import make_converter
from support.lsp_client import VSCODE, WAIT_S

from .raw_server import Server

# Tells on stderr what is loaded, when the first message is about to be written.
PROBE = """
import os, sys
write = os.write
def first(descriptor, data):
    if bytes(data[:14]) == b"Content-Length":
        os.write = write
        from lsprotocol import types
        tables = {n: vars(c).get("__attrs_attrs__") for n, c in types.ALL_TYPES_MAP.items() if isinstance(c, type)}
        made = [name for name, table in tables.items() if table is not None and type(table).__name__ != "_Fields"]
        write(2, ("LOADED " + " ".join(sorted(sys.modules)) + "\\nMADE " + " ".join(made) + "\\n").encode())
    return write(descriptor, data)
os.write = first
sys.argv = ["bursar", "serve"]
from bursar.__main__ import main
main()
"""
GREETED_PROBE = """
import os, sys
write = os.write
def first(descriptor, data):
    if bytes(data[:14]) == b"Content-Length":
        os.write = write
        write(2, ("LOADED " + " ".join(sys.modules) + "\\n").encode())
    return write(descriptor, data)
os.write = first
sys.argv = ["bursar", "serve"]
from bursar.__main__ import main
main()
"""
HEAVY = {
    *("tiktoken", "httpx", "httpcore", "h11", "pydantic", "pydantic_core", "genai_prices", "tree_sitter", "apsw"),
    *("tenacity", "rich", "markdown_it", "sqlite3", "email", "importlib.metadata", "pygls.lsp._capabilities.py"),
    *("bursar.providers", "bursar.storage", "bursar.prices", "bursar.tokens", "bursar.workspace", "bursar.imports"),
    *("bursar.callsites", "bursar.simulator.server", "bursar.demo", "bursar.domain.rules.registry"),
    *(
        f"bursar.runs.{each}"
        for each in ("driver", "asking", "acting", "batching", "rewinding", "splitting", "prepare")
    ),
}
GREETING = ("greeting", "channels", "frames", "sighting", "strict_json")
THIRD_PARTY = {"attr", "attrs", "cattrs", "lsprotocol", "pygls", "typing_extensions"}
COMMANDS = {"bursar.commandline", "bursar.commandline.arguments", "bursar.commandline.output"}
CLASSES = 60
OURS = 240


# The greeting leaves a number in the place of a yes to the whole server.
NOT_GREETED = {**VSCODE, "window": {"workDoneProgress": 1}}


def first_answer(folder: Path, *options: str, capabilities: Any = NOT_GREETED) -> tuple[set[str], set[str]]:
    """The modules and the protocol's classes that are there when the whole server answers ``initialize``."""
    server = Server(folder, argv=(sys.executable, *options, "-c", PROBE))
    try:
        server.ask(1, "initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        server.send({"method": "exit"})
        assert server.end() == 1
        told = dict(line.split(" ", 1) for line in server.stderr().splitlines() if line[:4] in ("LOAD", "MADE"))
        return set(told["LOADED"].split()), set(told["MADE"].split())
    finally:
        server.close()


def test_what_is_loaded_before_the_first_answer_is_what_it_needs(tmp_path: Path) -> None:
    loaded, made = first_answer(tmp_path)
    assert not {each for each in HEAVY if each in loaded}
    foreign = {each.partition(".")[0] for each in loaded} - sys.stdlib_module_names
    # What an editable installation of ours brings at the start of Python has a name that begins so.
    assert {each for each in foreign if not each.startswith("_")} - {"bursar"} <= THIRD_PARTY
    commands = {each for each in loaded if each.startswith("bursar.commandline")}
    assert {each for each in commands if not each.startswith("bursar.commandline.arguments")} <= COMMANDS
    ours = {each for each in loaded if each.startswith("bursar.")}
    assert 100 < len(ours) < OURS, len(ours)  # of some 450
    assert 20 < len(made) < CLASSES, len(made)  # of some 550


def test_the_greeting_loads_next_to_nothing(tmp_path: Path) -> None:
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    server = Server(tmp_path, argv=(sys.executable, "-c", GREETED_PROBE))
    try:
        server.ask(1, "initialize", {"processId": None, "rootUri": None, "capabilities": VSCODE})
        server.send({"method": "exit"})
        assert server.end() == 1
        (line,) = [each for each in server.stderr().splitlines() if each.startswith("LOADED ")]
    finally:
        server.close()
    loaded = set(line.split()[1:]) - set(bare.stdout.split())
    ours = {each for each in loaded if each.startswith("bursar")}
    assert ours <= {"bursar", "bursar.__main__", "bursar.lsp", *(f"bursar.lsp.{each}" for each in GREETING)}
    assert not loaded & {"asyncio", "typing", "dataclasses", "inspect", "logging", "pathlib", "argparse", "contextlib"}
    assert len(loaded) < 40, loaded


def test_the_version_is_that_of_the_installation() -> None:
    assert version("bursar") == VERSION


def test_only_what_is_kept_of_the_capabilities_can_be_asked_for() -> None:
    can = make_converter().structure(
        slim({**VSCODE, "experimental": {"x": 1}, "window": None}), types.ClientCapabilities
    )
    with pytest.raises(LookupError, match=r"text_document\.completion.*KEPT"):
        capability(can, "text_document.completion.context_support")
    assert slim({"textDocument": {"completion": {"contextSupport": True}, "diagnostic": {"x": 1}}, "window": None}) == {
        "textDocument": {"diagnostic": {"x": 1}},
        "window": None,
    }
    for path in KEPT:
        capability(make_converter().structure(slim(VSCODE), types.ClientCapabilities), path)
    assert slim(7) == 7


def test_a_kept_capability_is_what_the_client_said() -> None:
    can = make_converter().structure(slim(VSCODE), types.ClientCapabilities)
    whole = make_converter().structure(VSCODE, types.ClientCapabilities)
    assert slim(VSCODE) == VSCODE
    assert can == whole
    assert capability(can, "workspace.code_lens.refresh_support") is True
    assert capability(can, "text_document.rename.prepare_support", False) is False
    assert capability(types.ClientCapabilities(), "text_document.diagnostic") is None


def test_a_number_is_no_text_and_a_text_no_number() -> None:
    converter = make_converter()
    assert converter.structure({"line": 1.0, "character": 2}, types.Position) == types.Position(line=1, character=2)
    for bad in ({"line": "1", "character": 2}, {"line": True, "character": 2}, {"line": 1.5, "character": 2}):
        with pytest.raises(TypeError):
            converter.structure(bad, types.Position)
    with pytest.raises(TypeError):
        converter.structure({"uri": None}, types.TextDocumentIdentifier)
    assert converter.structure({"refreshSupport": True}, types.CodeLensWorkspaceClientCapabilities).refresh_support


def test_nothing_is_imported_from_the_folder_that_it_is_started_in(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise SystemExit(99)\n")
    environ = {**os.environ, "BURSAR_HOME": str(tmp_path / "home")}
    ran = subprocess.run(
        [sys.executable, "-m", "bursar", "schema"], cwd=tmp_path, env=environ, capture_output=True, timeout=WAIT_S
    )
    assert ran.returncode == 0, ran
    assert json.dumps(ran.stdout.decode())
