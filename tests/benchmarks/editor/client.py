"""A small LSP client for measuring: one thread, frames written and read without waiting, stamps in nanoseconds.

The same for every server. A stamp is taken when a frame is handed over to be written and when the bytes that complete
an answer were read, so neither contains the work of encoding and decoding here. Imports nothing of what it measures.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.editor.capabilities import VSCODE

PATIENCE_S = 300.0
_READ_BYTES = 1 << 20


class ServerFailed(Exception):
    """A server that ended, answered with an error, or did not answer for a very long time."""


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request, when it was handed over, and its answer once that is there."""

    method: str
    sent_ns: int = 0
    arrived_ns: int = 0
    result: Any = None
    error: Any = None

    @property
    def took_ms(self) -> float:
        """From the request's last byte handed over to the answer's last byte read."""
        return (self.arrived_ns - self.sent_ns) / 1e6


class Frames:
    """Cuts what is read into messages."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted = -1

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are whole with this data."""
        self._held += data
        found = []
        while True:
            if self._wanted < 0:
                end = self._held.find(b"\r\n\r\n")
                if end < 0:
                    return found
                fields = dict(line.split(b":", 1) for line in bytes(self._held[:end]).lower().split(b"\r\n"))
                self._wanted = int(fields[b"content-length"])
                del self._held[: end + 4]
            if len(self._held) < self._wanted:
                return found
            found.append(bytes(self._held[: self._wanted]))
            del self._held[: self._wanted]
            self._wanted = -1


def framed(message: Mapping[str, Any]) -> bytes:
    """A message as it goes over the pipe."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


@dataclass(slots=True)
class Client:
    """One editor with one server process; ends the process when it is left."""

    command: Sequence[str]
    environ: Mapping[str, str]
    folder: Path
    log: Path
    started_ns: int = 0
    told: Counter[str] = field(default_factory=Counter)
    _process: subprocess.Popen[bytes] | None = None
    _frames: Frames = field(default_factory=Frames)
    _out: deque[memoryview] = field(default_factory=deque)
    _poll: select.poll = field(default_factory=select.poll)
    _asked: dict[int, Asked] = field(default_factory=dict)
    _n: int = 0

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.started_ns = time.monotonic_ns()
            self._process = subprocess.Popen(
                self.command,
                env=dict(self.environ),
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        for descriptor in (self._write_fd, self._read_fd):
            os.set_blocking(descriptor, False)
        self._poll.register(self._read_fd, select.POLLIN)
        return self

    def __exit__(self, *_: object) -> None:
        process = self._running
        process.kill()
        process.wait()
        for each in (process.stdin, process.stdout):
            assert each is not None
            with contextlib.suppress(OSError):
                each.close()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._running.pid

    # -- messages ------------------------------------------------------------------------------------------------------

    def ask(self, method: str, params: Any) -> Asked:
        """Send a request and do not wait for its answer."""
        self._n += 1
        asked = self._asked[self._n] = Asked(method=method)
        asked.sent_ns = self._send({"jsonrpc": "2.0", "id": self._n, "method": method, "params": params})
        return asked

    def request(self, method: str, params: Any) -> Asked:
        """Send a request and wait for its answer. Raises ServerFailed."""
        return self.wait(self.ask(method, params))

    def notify(self, method: str, params: Any) -> int:
        """Send a notification; when it was handed over."""
        return self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def wait(self, asked: Asked) -> Asked:
        """Wait for an answer. Raises ServerFailed."""
        self.until(lambda: asked.arrived_ns, f"an answer to {asked.method}")
        if asked.error is not None:
            raise ServerFailed(f"{self.command[0]} answered {asked.method} with {asked.error}")
        return asked

    def until(self, there: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S) -> None:
        """Read and write until something is there. Raises ServerFailed where it does not come."""
        end_ns = time.monotonic_ns() + int(patience_s * 1e9)
        while not there():
            left_ns = end_ns - time.monotonic_ns()
            if left_ns <= 0:
                raise ServerFailed(f"{self.command[0]}: {what} did not come within {patience_s:g} s")
            self._turn(left_ns / 1e6)

    def pause(self, seconds: float) -> None:
        """Read and write for so long."""
        end_ns = time.monotonic_ns() + int(seconds * 1e9)
        while (left_ns := end_ns - time.monotonic_ns()) > 0:
            self._turn(left_ns / 1e6)

    # -- an editor -----------------------------------------------------------------------------------------------------

    def initialize(self) -> Asked:
        """The first request, as VS Code sends it; the answer's stamp is from the start of the process on."""
        params = {
            "processId": os.getpid(),
            "clientInfo": {"name": "Visual Studio Code", "version": "1.105.1"},
            "locale": "en",
            "rootPath": str(self.folder),
            "rootUri": self.folder.as_uri(),
            "capabilities": VSCODE,
            "trace": "off",
            "workspaceFolders": [{"uri": self.folder.as_uri(), "name": self.folder.name}],
            "initializationOptions": {"trusted": True},
        }
        return self.request("initialize", params)

    def begin(self) -> None:
        """``initialize`` and ``initialized``."""
        self.initialize()
        self.notify("initialized", {})

    def open(self, uri: str, language: str, text: str) -> None:
        """Open a document as its version 1."""
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def close(self, uri: str) -> None:
        """Close a document."""
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def end(self) -> None:
        """``shutdown`` and ``exit``, and the end of the process."""
        self.request("shutdown", None)
        self.notify("exit", None)
        self.until(lambda: not self._out, "the last message")
        self._running.wait(PATIENCE_S)

    # -- the pipe ------------------------------------------------------------------------------------------------------

    def _send(self, message: Mapping[str, Any]) -> int:
        data = memoryview(framed(message))
        stamp = time.monotonic_ns()
        self._out.append(data)
        self._write()
        return stamp

    def _write(self) -> None:
        while self._out:
            try:
                written = os.write(self._write_fd, self._out[0])
            except BlockingIOError:
                self._poll.register(self._write_fd, select.POLLOUT)
                return
            if written == len(self._out[0]):
                self._out.popleft()
            else:
                self._out[0] = self._out[0][written:]
        with contextlib.suppress(KeyError):
            self._poll.unregister(self._write_fd)

    def _turn(self, wait_ms: float) -> None:
        for descriptor, _ in self._poll.poll(max(wait_ms, 1)):
            if descriptor == self._read_fd:
                self._read()
            else:
                self._write()

    def _read(self) -> None:
        try:
            data = os.read(self._read_fd, _READ_BYTES)
        except BlockingIOError:
            return
        stamp = time.monotonic_ns()
        if not data:
            raise ServerFailed(f"{self.command[0]} ended with {self._running.wait()}; its log is {self.log}")
        for body in self._frames.feed(data):
            self._take(json.loads(body), stamp)

    def _take(self, message: dict[str, Any], stamp: int) -> None:
        method = message.get("method")
        if method is None:
            asked = self._asked.pop(message["id"])
            asked.result, asked.error = message.get("result"), message.get("error")
            asked.arrived_ns = stamp
            return
        self.told[method] += 1
        if "id" in message:
            items = message["params"]["items"] if method == "workspace/configuration" else ()
            answer = [None for _ in items] if method == "workspace/configuration" else None
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": answer})

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the client is used inside its with"
        return self._process

    @property
    def _write_fd(self) -> int:
        assert self._running.stdin is not None
        return self._running.stdin.fileno()

    @property
    def _read_fd(self) -> int:
        assert self._running.stdout is not None
        return self._running.stdout.fileno()
