"""A server process that is written to byte by byte; what it sends is read with a parser of three lines."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from .framing import Difference, frame

PATIENCE_S = 120


@dataclass
class Server:
    """``bursar serve`` and all it has answered; what it sends is read with a parser of three lines."""

    home: Path
    argv: tuple[str, ...] = (sys.executable, "-m", "bursar", "serve")
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.told: Counter[str] = Counter()
        self.foreign = b""
        self._news = threading.Condition()
        self.log = (self.home / "stderr").open("wb")
        self.process = subprocess.Popen(
            self.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, "BURSAR_HOME": str(self.home / "state"), **self.environ},
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, *messages: dict[str, Any]) -> None:
        """In one write."""
        self.write(b"".join(frame(json.dumps({"jsonrpc": "2.0", **each}).encode()) for each in messages))

    def ask(self, id_: object, method: str, params: Any = None) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        self.send({"id": id_, "method": method, "params": params})
        return self.until(lambda: next((each for each in self.answers if each.get("id") == id_), None))

    def initialize(self) -> None:
        self.ask("initialize", "initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self.send({"method": "initialized", "params": {}})

    def until(self, what: Callable[[], Any]) -> Any:
        """Wait for something that its answers lead to."""
        with self._news:
            if not self._news.wait_for(lambda: what() or self.process.poll() is not None, PATIENCE_S):
                raise Difference("no answer: the server hangs")
            found = what()
        if not found:
            raise Difference(f"the server ended with {self.process.returncode}: {self.stderr()[-600:]}")
        return found

    def stderr(self) -> str:
        return (self.home / "stderr").read_text(encoding="utf-8", errors="replace")

    def end(self) -> int:
        """Wait until it has ended by itself."""
        code = self.process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for each in (self.process.stdin, self.process.stdout, self.log):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()

    def take(self, message: dict[str, Any]) -> None:
        """Keep an answer."""
        if "method" not in message:
            self.answers.append(message)
        else:
            self.told[message["method"]] += 1

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while head := stream.readline():
            match = re.fullmatch(rb"Content-Length: (\d+)\r\n", head)
            if match is None:
                self.foreign += head
                continue
            while stream.readline() not in (b"\r\n", b""):
                pass
            message = json.loads(stream.read(int(match[1])), parse_constant=_refuse)
            with self._news:
                self.take(message)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"the server sent {name}")
