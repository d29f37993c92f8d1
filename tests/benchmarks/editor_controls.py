"""Servers for the tests of the editor's benchmark. Run by path: ``nothing`` has an empty answer for everything;
``stale METHOD COMMAND...`` passes all on to a real server, but repeats its first answer to METHOD for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import Any


def frames(descriptor: int) -> Any:
    """The messages that come."""
    with os.fdopen(descriptor, "rb") as stream:
        while line := stream.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                line = stream.readline()
            yield json.loads(stream.read(length))


def put(descriptor: int, message: Any) -> None:
    """Send a message."""
    body = json.dumps(message).encode()
    data = memoryview(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    while data:
        data = data[os.write(descriptor, data) :]


def nothing() -> None:
    """Answer every request."""
    for message in frames(0):
        if "id" in message and "method" in message:
            result = {"capabilities": {}} if message["method"] == "initialize" else []
            put(1, {"jsonrpc": "2.0", "id": message["id"], "result": result})
        if message.get("method") == "exit":
            return


def stale(method: str, command: list[str]) -> int:
    """Pass on; a count that is repeated claims to be that of the newest version."""
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None and server.stdout is not None
    to_server, asked, kept = server.stdin.fileno(), set[Any](), list[Any]()
    version = 1

    def pass_on() -> None:
        nonlocal version
        for message in frames(0):
            if message.get("method") == method:
                asked.add(message["id"])
            if message.get("method") == "textDocument/didChange":
                version = message["params"]["textDocument"]["version"]
            put(to_server, message)

    threading.Thread(target=pass_on, daemon=True).start()
    for message in frames(os.dup(server.stdout.fileno())):
        if "method" not in message and message.get("id") in asked:
            right = bool(message.get("result"))
            if right and not kept:
                kept.append(message["result"])
            if kept:
                old = kept[0]
                message["result"] = {**old, "version": version} if isinstance(old, dict) else old
        put(1, message)
    return server.wait()


if __name__ == "__main__":
    if sys.argv[1] == "nothing":
        nothing()
    else:
        sys.exit(stale(sys.argv[2], sys.argv[3:]))
