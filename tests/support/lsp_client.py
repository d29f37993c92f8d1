"""An editor for tests: speaks the protocol to a real ``bursar serve`` over pipes, and keeps all that it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support import plain_text

WAIT_S = 120.0
VSCODE: dict[str, Any] = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True},
        "configuration": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "codeLens": {"refreshSupport": True},
        "inlayHint": {"refreshSupport": True},
        "diagnostics": {"refreshSupport": True},
    },
    "textDocument": {
        "diagnostic": {"dynamicRegistration": True, "relatedInformation": True},
        "publishDiagnostics": {"relatedInformation": True},
    },
    "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    "general": {"positionEncodings": ["utf-16"]},
}


class LspError(Exception):
    """The server answered with an error."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


@dataclass
class Client:
    """One editor window."""

    process: asyncio.subprocess.Process
    configuration: dict[str, Any] = field(default_factory=dict)
    answer: Callable[[dict[str, Any]], str | Awaitable[str | None] | None] = lambda params: None
    applies_edits: bool = True
    keys_fd: int | None = None
    notifications: list[tuple[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    unanswerable: list[Any] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    capabilities: dict[str, Any] = field(default_factory=dict)
    _n: int = 0
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _jobs: set[asyncio.Task[Any]] = field(default_factory=set)

    # -- the protocol

    async def request(self, method: str, params: Any = None) -> Any:
        self._n += 1
        future = self._waiting[self._n] = asyncio.get_running_loop().create_future()
        self.send({"jsonrpc": "2.0", "id": self._n, "method": method, "params": params})
        return await asyncio.wait_for(future, WAIT_S)

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: Any, *, header: str = "Content-Length") -> None:
        data = json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(f"{header}: {len(data)}\r\n\r\n".encode() + data)

    async def until(self, what: Callable[[], Any]) -> Any:
        """Wait until something that the server's messages lead to is there."""
        async with asyncio.timeout(WAIT_S), self._news:
            while not (found := what()):
                await self._news.wait()
            return found

    async def until_asked(self, ask: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> Any:
        """Ask again after each message of the server until the answer is good."""
        async with asyncio.timeout(WAIT_S):
            while True:
                seen = len(self.requests) + len(self.notifications)
                found = await ask()
                if good(found):
                    return found
                await self.until(lambda seen=seen: len(self.requests) + len(self.notifications) > seen)

    def told(self, method: str) -> list[Any]:
        return [params for name, params in self.notifications if name == method]

    def asked(self, method: str) -> list[Any]:
        return [params for name, params in self.requests if name == method]

    # -- an editor

    async def initialize(
        self,
        folder: Path,
        *,
        trusted: bool | None = True,
        capabilities: Any = None,
        process_id: int | None = None,
        **options: Any,
    ) -> Any:
        if trusted is not None:
            options["trusted"] = trusted
        params = {
            "processId": os.getpid() if process_id is None else process_id,
            "rootUri": folder.as_uri(),
            "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
            "capabilities": VSCODE if capabilities is None else capabilities,
            "initializationOptions": options,
        }
        result = await self.request("initialize", params)
        self.capabilities = result["capabilities"]
        self.notify("initialized", {})
        return result

    def open(self, path: Path, text: str | None = None) -> str:
        uri = path.as_uri()
        self.texts[uri] = path.read_bytes().decode() if text is None else text
        self.versions[uri] = 1
        item = {"uri": uri, "languageId": "markdown", "version": 1, "text": self.texts[uri]}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def type(self, uri: str, text: str, *, span: Any = None) -> None:
        """Change a document: all of it, or a span ((line, character), (line, character))."""
        changed = plain_text.change(self.texts[uri], span, text, self.capabilities.get("positionEncoding", "utf-16"))
        assert changed is not None
        self.texts[uri] = changed
        self.versions[uri] += 1
        change: dict[str, Any] = {"text": text}
        if span is not None:
            change["range"] = {
                name: {"line": at[0], "character": at[1]} for name, at in zip(("start", "end"), span, strict=True)
            }
        document = {"uri": uri, "version": self.versions[uri]}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def save(self, uri: str) -> None:
        Path(uri.removeprefix("file://")).write_bytes(self.texts[uri].encode())
        self.notify("textDocument/didSave", {"textDocument": {"uri": uri}})

    def reload(self, uri: str) -> None:
        """What an editor does when a file that it shows clean was changed by somebody else."""
        disk = Path(uri.removeprefix("file://")).read_bytes().decode()
        if disk != self.texts[uri]:
            self.type(uri, disk)

    async def lenses(self, uri: str) -> list[dict[str, Any]]:
        return await self.request("textDocument/codeLens", {"textDocument": {"uri": uri}})

    async def titles(self, uri: str) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for each in await self.lenses(uri):
            found.setdefault(each["range"]["start"]["line"], []).append(each["command"]["title"])
        return found

    async def hints(self, uri: str, first: int = 0, last: int = 10_000) -> list[dict[str, Any]]:
        span = {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
        return await self.request("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": span})

    async def findings(self, uri: str) -> list[dict[str, Any]]:
        report = await self.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        return report["items"]

    async def command(self, name: str, **argument: Any) -> Any:
        return await self.request("workspace/executeCommand", {"command": name, "arguments": [argument]})

    async def press(self, uri: str, line: int, starts: str) -> Any:
        """Press the lens on a line whose title starts so, as an editor does: with its command and arguments."""

        def wanted(lenses: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [
                each
                for each in lenses
                if each["range"]["start"]["line"] == line and each["command"]["title"].startswith(starts)
            ]

        lenses = await self.until_asked(lambda: self.lenses(uri), lambda found: bool(wanted(found)))
        command = wanted(lenses)[0]["command"]
        params = {"command": command["command"], "arguments": command["arguments"]}
        return await self.request("workspace/executeCommand", params)

    async def state(self, run: str) -> str | None:
        runs = (await self.request("bursar/runs", {}))["runs"]
        return next((each["state"] for each in runs if each["run"] == run), None)

    async def until_state(self, run: str, *states: str) -> dict[str, Any]:
        def change() -> Any:
            told = [each for each in self.told("bursar/runChanged") if each["run"] == run]
            return told[-1] if told and told[-1]["state"] in states else None

        return await self.until(change)

    async def until_over(self, run: str) -> dict[str, Any]:
        """Wait until this window no longer drives a run, and the news of it have come; its last news."""

        def ended() -> bool:
            mine = [each["value"] for each in self.told("$/progress") if each["token"] == f"bursar/{run}"]
            return bool(mine) and mine[-1]["kind"] == "end" and self.told("bursar/meter")[-1]["running"] == []

        await self.until(ended)
        return [each for each in self.told("bursar/runChanged") if each["run"] == run][-1]

    async def quit(self) -> int:
        await self.request("shutdown")
        self.notify("exit")
        return await asyncio.wait_for(self.process.wait(), WAIT_S)

    # -- the messages that come

    async def read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while True:
            length = 0
            while (line := await stream.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if not length:
                return
            await self._take(json.loads(await stream.readexactly(length)))

    async def _take(self, message: dict[str, Any]) -> None:
        if message.get("id", 0) is None:
            self.unanswerable.append(message["error"])
        elif "method" not in message:
            future = self._waiting.pop(message["id"])
            if not future.done():
                if "error" in message:
                    future.set_exception(LspError(message["error"]))
                else:
                    future.set_result(message.get("result"))
        elif "id" in message:
            self.requests.append((message["method"], message.get("params")))
            job = asyncio.create_task(self._serve(message))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
        else:
            self.notifications.append((message["method"], message.get("params")))
        async with self._news:
            self._news.notify_all()

    async def _serve(self, message: dict[str, Any]) -> None:
        params = message.get("params")
        result: Any = None
        match message["method"]:
            case "workspace/configuration":
                result = [self.configuration.get(each["section"]) for each in params["items"]]
            case "workspace/applyEdit":
                result = {"applied": self._apply(params["edit"])}
            case "window/showDocument":
                result = {"success": True}
            case "window/showMessageRequest":
                chosen = self.answer(params)
                if asyncio.iscoroutine(chosen):
                    chosen = await chosen
                result = {"title": chosen} if chosen is not None else None
        self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _apply(self, edit: dict[str, Any]) -> bool:
        for change in edit["documentChanges"]:
            uri, version = change["textDocument"]["uri"], change["textDocument"]["version"]
            if not self.applies_edits or self.versions.get(uri) != version:
                return False
            for each in change["edits"]:
                start, end = each["range"]["start"], each["range"]["end"]
                span = ((start["line"], start["character"]), (end["line"], end["character"]))
                self.type(uri, each["newText"], span=span)
        return True


@contextlib.asynccontextmanager
async def editor(environ: Mapping[str, str], *, keys: Mapping[str, str] | None = None) -> AsyncIterator[Client]:
    """A server process and its window; the process is ended with the block, whatever it does."""
    fds: tuple[int, ...] = ()
    if keys is not None:
        read, write = os.pipe()
        os.write(write, json.dumps(keys).encode())
        os.close(write)
        fds = (read,)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bursar",
        "serve",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environ},
        pass_fds=fds,
        limit=1 << 24,
    )
    for each in fds:
        os.close(each)
    client = Client(process=process, keys_fd=fds[0] if fds else None)
    reader = asyncio.create_task(client.read())
    try:
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
