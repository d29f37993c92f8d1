"""The server ends with its editor: also when something else holds its pipes, and whatever runs below it ends, too."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest

from bursar.lsp.desk import Desk
from bursar.lsp.parent import watch_parent
from bursar.lsp.sighting import Processes, Sighting, is_same, look
from support.bench import MakeBench
from support.fakes import FakeClock

from .framing import frame

PATIENCE_S = 120
ALIVE = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 555 0 0"


class FakeProcesses(Processes):
    """A system with one process, which changes as it is looked at."""

    def __init__(self, *sights: tuple[type[OSError] | None, str | None]) -> None:
        self.sights = list(sights)

    def signal_nothing(self, process_id: int) -> None:
        error = self.sights[0][0]
        if error is not None:
            raise error

    def stat(self, process_id: int) -> str | None:
        return self.sights.pop(0)[1]


@pytest.mark.parametrize(
    ("error", "stat", "seen"),
    [
        (None, ALIVE, Sighting(started="555")),
        (PermissionError, ALIVE, Sighting(started="555")),
        (PermissionError, None, Sighting(started=None)),
        (None, "unreadable", Sighting(started=None)),
        (ProcessLookupError, ALIVE, None),
        (OverflowError, ALIVE, None),
        (None, ALIVE.replace(") S", ") Z"), None),
    ],
)
def test_a_process_is_alive_until_it_is_known_to_have_ended(
    error: Any, stat: str | None, seen: Sighting | None
) -> None:
    assert look(7, FakeProcesses((error, stat))) == seen


def test_a_later_process_with_the_same_number_is_another() -> None:
    assert is_same(Sighting(started="555"), Sighting(started="555"))
    assert is_same(Sighting(started="555"), Sighting(started=None))
    assert not is_same(Sighting(started="555"), Sighting(started="556"))


@pytest.mark.parametrize("number", [0, -1, 10**30])
def test_a_number_that_is_no_process_is_not_watched(number: int) -> None:
    assert look(number, Processes()) is None


async def test_the_watch_ends_the_server_when_the_number_was_given_anew() -> None:
    class Server:
        ended = asyncio.get_running_loop().create_future()

    again = (None, ALIVE.replace("555", "999"))
    sights = FakeProcesses(*[(None, ALIVE)] * 4, again, (None, ALIVE))
    await watch_parent(cast(Desk, Server()), FakeClock(), 7, sights)
    assert Server.ended.result() == 1
    assert len(sights.sights) == 1


async def test_a_client_that_was_seen_and_is_gone_by_now_ends_the_server() -> None:
    class Server:
        ended = asyncio.get_running_loop().create_future()

    sights = FakeProcesses((ProcessLookupError, None))
    await watch_parent(cast(Desk, Server()), FakeClock(), 7, sights, seen=Sighting(started="555"))
    assert Server.ended.result() == 1


# An editor that starts the server, tells its own number, lets a third process hold both pipes, and is killed.
EDITOR = """
import json, os, subprocess, sys
server = subprocess.Popen([sys.executable, "-m", "bursar", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def send(**message):
    data = json.dumps({"jsonrpc": "2.0", **message}).encode()
    server.stdin.write(b"Content-Length: %d\\r\\n\\r\\n" % len(data) + data)
    server.stdin.flush()
send(id=1, method="initialize", params={"processId": os.getpid(), "rootUri": None, "capabilities": {}})
server.stdout.readline()
hold = [server.stdin.fileno(), server.stdout.fileno()]
keep = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], pass_fds=hold)
print(server.pid, keep.pid, flush=True)
sys.stdin.read()
"""


def gone(process_id: int) -> bool:
    seen = Processes().stat(process_id)
    return seen is None or seen.rpartition(")")[2].split()[0] == "Z"


def until_gone(process_id: int) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not gone(process_id):
        assert time.monotonic() < ends, f"{process_id} is still there"
        time.sleep(0.02)


def test_a_killed_editor_leaves_no_server_though_its_pipes_are_held(tmp_path: Path) -> None:
    environ = {**os.environ, "BURSAR_HOME": str(tmp_path / "home")}
    held, servers = [], []
    try:
        for _ in range(5):
            editor = subprocess.Popen(
                [sys.executable, "-c", EDITOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
            )
            assert editor.stdout is not None and editor.stdin is not None
            server, keep = map(int, editor.stdout.readline().split())
            held.append(keep)
            servers.append(server)
            assert not gone(server)
            editor.kill()  # and not collected: a zombie is no editor
            for each in (editor.stdin, editor.stdout):
                each.close()
        for server, keep in zip(servers, held, strict=True):
            until_gone(server)
            assert not gone(keep)
    finally:
        for each in held:
            os.kill(each, 9)


async def test_an_editor_that_closes_the_pipe_leaves_no_server_and_no_command(benches: MakeBench) -> None:
    calls = [{"name": "run_command", "input": {"argv": [sys.executable, "-c", "import time; time.sleep(300)"]}}]
    scenario = {"replies": [{"when": {"tool_results": 0}, "text": "I wait.", "tool_calls": calls}]}
    async with benches(scenario) as bench, bench.window() as window:
        window.answer = lambda params: params["actions"][0]["title"]
        uri = window.open(bench.tasks)
        await window.press(uri, 13, "Run")
        mine = await _until_children(window.process.pid)
        assert window.process.stdin is not None
        window.process.stdin.close()
        assert await asyncio.wait_for(window.process.wait(), PATIENCE_S) == 1
        for each in mine:
            await asyncio.to_thread(until_gone, each)


async def _until_children(process_id: int) -> list[int]:
    """The processes below one, once a command is among them: its keeper, and the command below that."""
    for _ in range(PATIENCE_S * 20):
        below = _children(process_id)
        deeper = [each for child in below for each in _children(child)]
        if deeper:
            return below + deeper
        await asyncio.sleep(0.05)
    raise AssertionError("no command was started")


def _children(process_id: int) -> list[int]:
    found: list[int] = []
    for each in Path(f"/proc/{process_id}/task").glob("*/children"):
        found += map(int, each.read_text().split())
    return found


def test_an_editor_that_does_not_read_cannot_keep_the_server(tmp_path: Path) -> None:
    environ = {**os.environ, "BURSAR_HOME": str(tmp_path / "home")}
    argv = [sys.executable, "-m", "bursar", "serve"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as server:
        assert server.stdin is not None
        try:
            begin = {"processId": None, "rootUri": None, "capabilities": {}}
            messages = [{"id": 0, "method": "initialize", "params": begin}]
            # Their answers are more than a pipe holds.
            messages += [{"id": each, "method": "no/such"} for each in range(1, 3_000)]
            messages += [{"method": "exit"}]
            for each in messages:
                server.stdin.write(frame(json.dumps({"jsonrpc": "2.0", **each}).encode()))
            server.stdin.flush()
            assert server.wait(PATIENCE_S) == 1
        finally:
            server.kill()


# Put in the way of a running server by Python's own start: everything that may write to stdout by mistake.
NOISE = """
import sys, threading, time
def noise():
    while "bursar.lsp.loop" not in sys.modules:
        time.sleep(0.01)
    import os, subprocess, warnings
    print("FOREIGN print")
    sys.stdout.write("FOREIGN write\\n"); sys.stdout.flush()
    os.write(1, b"FOREIGN fd\\n")
    subprocess.run([sys.executable, "-S", "-c", "print('FOREIGN child')"])
    subprocess.run("echo FOREIGN shell", shell=True)
    warnings.warn("FOREIGN warning")
    assert sys.stdin.read() == ""
    sys.stderr.write("NOISE MADE\\n")
    raise RuntimeError("FOREIGN traceback")
if "serve" in getattr(sys, "orig_argv", []):
    threading.Thread(target=noise, daemon=True).start()
"""


def test_nothing_but_the_protocol_comes_out_of_stdout(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NOISE)
    environ = {**os.environ, "BURSAR_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "bursar", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environ,
    )
    assert server.stdin is not None
    begin = {"processId": None, "rootUri": None, "capabilities": {}}
    server.stdin.write(frame(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin}).encode()))
    server.stdin.flush()
    ends = time.monotonic() + PATIENCE_S
    while b"FOREIGN traceback" not in (tmp_path / "log").read_bytes():
        assert time.monotonic() < ends and server.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.02)
    for last in ({"id": 2, "method": "shutdown"}, {"method": "exit"}):
        server.stdin.write(frame(json.dumps({"jsonrpc": "2.0", **last}).encode()))
    out, _ = server.communicate(timeout=PATIENCE_S)
    log.close()
    assert server.returncode == 0
    assert b"FOREIGN" not in out
    ids = []
    while out:
        head, _, rest = out.partition(b"\r\n\r\n")
        size = int(head.split(b"\r\n")[0].removeprefix(b"Content-Length: "))
        ids.append(json.loads(rest[:size]).get("id"))
        out = rest[size:]
    assert [each for each in ids if each is not None] == [1, 2]
    noise = (tmp_path / "log").read_text()
    for each in ("print", "write", "fd", "child", "shell", "warning", "traceback"):
        assert f"FOREIGN {each}" in noise, each
