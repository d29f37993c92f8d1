"""A wire format is one file and one row, a model is one setting: nothing else has to know."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bursar
from support.program import User, make_workspace, simulator

ROOT = Path(__file__).parents[2]

# A format of nobody's: fields of one line, words between bars.
MORSE = '''
"""Morse, which no vendor speaks: one JSON object, its words between bars."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bursar.domain.conversation import Block, ModelRequest, Text
from bursar.domain.money.usage import Usage
from bursar.providers.canonical import canonical_bytes, reported_text
from bursar.providers.sse import SseEvent, SseParser
from bursar.providers.strict_json import json_object
from bursar.providers.usage_fields import Figures, Reported
from bursar.providers.wire import BadStream, Reading


def open_wire(*, base_url: str) -> MorseWire:
    """The adapter for the server at this address."""
    return MorseWire()


class MorseWire:
    """The wire format of POST /tap."""

    name = "morse"
    seller = "openai"
    limit_path = ("most",)
    terse_fields: Mapping[str, Any] = MappingProxyType({})

    def knows(self, part: dict[str, Any], /) -> bool:
        """A telegram."""
        return "taps" in part

    def url(self, base_url: str, /, *, model: str = "") -> str:
        """Where requests go."""
        return f"{base_url}/tap"

    def headers(self, key: str | None, /) -> dict[str, str]:
        """None."""
        return {}

    def body(self, request: ModelRequest, /) -> bytes:
        """The words of all turns."""
        words = [each.text for turn in request.messages for each in turn.blocks if isinstance(each, Text)]
        return canonical_bytes({"model": request.model, "most": request.max_tokens, "words": words})

    def sent(self, body: bytes, /) -> bytes:
        """All of it."""
        return body

    def prompt_text(self, body: dict[str, Any], /) -> str:
        """The words."""
        return " ".join(body["words"])

    def reader(self, *, most_input_tokens: int, most_output_tokens: int) -> MorseReader:
        """A reader for one answer."""
        return MorseReader(most_input_tokens, most_output_tokens)


class MorseReader:
    """Reads one telegram."""

    parser = SseParser

    def __init__(self, most_input_tokens: int, most_output_tokens: int) -> None:
        self.most = most_input_tokens, most_output_tokens
        self.chars = 0
        self.ended = False
        self.request_id: str | None = None
        self.may_end = False
        self._telegram: dict[str, Any] = {}

    def take(self, event: SseEvent, /) -> None:
        """Read it."""
        data = json_object(event.data)
        if data is None:
            raise BadStream("no telegram")
        self.take_whole(data)

    def take_whole(self, answer: dict[str, Any], /) -> bool:
        """Read it."""
        self._telegram = answer
        self.chars += len(answer["taps"])
        self.ended = answer.get("stop") is True
        return True

    def reading(self) -> Reading:
        """The answer with its usage."""
        return Reading(
            request_id=None,
            model=self._telegram.get("by"),
            blocks=self.kept(),
            stop_reason="end_turn",
            reported=self.so_far(),
            usage_raw=reported_text(self._telegram.get("count")),
            said=self._telegram["taps"],
        )

    def so_far(self) -> Reported | None:
        """What was counted."""
        raw = self._telegram.get("count")
        if not isinstance(raw, dict):
            return None
        figures = Figures("count")
        heard = figures.number(raw, "heard", most=self.most[0])
        tapped = figures.number(raw, "tapped", most=self.most[1])
        return figures.reported(Usage(uncached_input=heard, output=tapped))

    def kept(self) -> tuple[Block, ...]:
        """The words."""
        return (Text(text=self._telegram["taps"]),)
'''

LIVE = """
import asyncio, json, sys
from bursar.domain.conversation import Message, ModelRequest, Text
from bursar.providers import make_provider
from bursar.system.clock import SystemClock
from bursar.system.ids import SystemIds

ANSWER = b'data: {"by":"gpt-fix","taps":"|one|two|","stop":true,"count":{"heard":5,"tapped":2}}\\n\\n'

async def serve(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    lines = head.lower().split(b"\\r\\n")
    length = next(int(each.split(b":")[1]) for each in lines if each.startswith(b"content-length"))
    await reader.readexactly(length)
    assert head.startswith(b"POST /tap ")
    writer.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\nconnection: close\\r\\n\\r\\n" + ANSWER)
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    provider = make_provider(name="sea", wire="morse", base_url=url, key=lambda: None, key_name=None,
                             clock=SystemClock(), ids=SystemIds())
    request = ModelRequest(model="gpt-fix", system="", tools=(), max_tokens=9,
                           messages=(Message(role="user", blocks=(Text(text="sos"),)),))
    reply = await provider.send(provider.body(request), on_stream=lambda event: None, keep=lambda data: None)
    print(json.dumps({"text": reply.blocks[0].text, "usage": reply.usage.as_dict()}))
    server.close()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source with one more file and one more row."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copytree(
        Path(bursar.__file__).parent, root / "server" / "bursar", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "pyproject.toml", root)
    package = root / "server" / "bursar"
    (package / "providers" / "morse.py").write_text(MORSE.lstrip(), encoding="utf-8")
    table = package / "domain" / "wires.py"
    before = table.read_text(encoding="utf-8")
    after = before.replace('    "anthropic",\n', '    "anthropic",\n    "morse",\n')
    assert len(after.splitlines()) == len(before.splitlines()) + 1
    table.write_text(after, encoding="utf-8")
    return root


def run(tree: Path, *argv: object, home: Path) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tree / "server"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BURSAR_HOME": str(home),
    }
    return subprocess.run(
        [sys.executable, *map(str, argv)], cwd=tree, env=environ, capture_output=True, text=True, check=False
    )


def test_a_wire_format_is_one_file_and_one_row(tree: Path, tmp_path: Path) -> None:
    where = run(tree, "-c", "import bursar; print(bursar.__file__)", home=tmp_path)
    assert where.stdout.startswith(str(tree)), "the copy is what is run"
    answer = tmp_path / "telegram.json"
    answer.write_text(json.dumps({"by": "gpt-fix", "taps": "|one|", "stop": True, "count": {"heard": 5, "tapped": 2}}))
    prices = ROOT / "tests" / "fixtures" / "responses" / "prices.json"
    explained = run(tree, "-m", "bursar", "cost", answer, "--json", "--prices", prices, home=tmp_path)
    assert explained.returncode == 0, explained.stderr
    said = json.loads(explained.stdout)
    assert (said["format"], said["certainty"], said["cost_usd"]) == ("morse", "billed", "0.00003")
    schema = json.loads(run(tree, "-m", "bursar", "schema", "settings", home=tmp_path).stdout)
    assert "morse" in schema["properties"]["providers"]["additionalProperties"]["properties"]["wire"]["enum"]
    (tmp_path / "settings.json").write_text(
        json.dumps({"providers": {"sea": {"wire": "morse", "base_url": "http://127.0.0.1:9"}}})
    )
    assert run(tree, "-m", "bursar", "budget", "--json", home=tmp_path).returncode == 0
    live = run(tree, "-c", LIVE, home=tmp_path)
    assert live.returncode == 0, live.stderr
    answered = json.loads(live.stdout)
    assert answered["text"] == "|one|two|"
    assert (answered["usage"]["uncached_input"], answered["usage"]["output"]) == (5, 2)


def test_it_breaks_no_rule_about_who_imports_whom(tree: Path, tmp_path: Path) -> None:
    linted = run(tree, "-c", "from importlinter.cli import lint_imports_command as it; it()", home=tmp_path)
    assert "0 broken" in linted.stdout, linted.stdout + linted.stderr
    file = tree / "server" / "bursar" / "providers" / "morse.py"
    file.write_text(MORSE.lstrip() + "\nimport bursar.storage  # noqa\n", encoding="utf-8")
    linted = run(tree, "-c", "from importlinter.cli import lint_imports_command as it; it()", home=tmp_path)
    file.write_text(MORSE.lstrip(), encoding="utf-8")
    assert "0 broken" not in linted.stdout, "the linter must see a file that breaks one"
    assert "bursar.providers.morse" in linted.stdout


def test_without_its_row_it_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(
        json.dumps({"providers": {"sea": {"wire": "morse", "base_url": "http://127.0.0.1:9"}}})
    )
    user = User(home=tmp_path, cwd=tmp_path)
    done = user.do("cost", ROOT / "tests" / "fixtures" / "responses" / "anthropic" / "whole.json")
    assert done.code == 2
    assert "providers.sea.wire" in done.err
    assert "must be one of anthropic, openai-chat, openai-responses, gemini, ollama" in done.err


def test_the_model_is_one_setting(tmp_path: Path) -> None:
    """The same task, the same files: only the setting 'model' differs, and another wire format is spoken."""
    asked = []
    scenario = {"replies": [{"when": {}, "tool_calls": [{"name": "finish", "input": {"summary": "s"}}]}]}
    with simulator(tmp_path / "sim", scenario) as sim:
        entries = {
            "one": {"wire": "anthropic", "base_url": sim.url},
            "two": {"wire": "openai-chat", "base_url": sim.url},
        }
        for number, model in enumerate(("one/claude-sonnet-5-5", "two/gpt-6-sol")):
            workspace = make_workspace(tmp_path / f"workspace{number}")
            user = User(home=tmp_path / f"home{number}", cwd=workspace)
            user.settings(providers=entries, model=model)
            done = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
            assert done.code == 0, done.err
            (request,) = user.do("usage", "--json").json()["requests"]
            assert (request["model"], request["certainty"]) == (model.partition("/")[2], "billed")
            asked.append(json.loads(sim.bodies()[-1]))
    assert [each["model"] for each in asked] == ["claude-sonnet-5-5", "gpt-6-sol"]
    assert "system" in asked[0]
    assert asked[1]["messages"][0]["role"] == "system"
