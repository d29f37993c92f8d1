"""Starts processes of Bursar that need not load it: one process has loaded it all and forks for each command.

``Nursery`` is the near side. The far side is this file as a script; it speaks over one socket, and each process that it
forks is what ``python -m bursar`` would be from its first line on, with its own folder, environment and open files.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

CHECKPOINT = "in_checkpoint"
"""Passed when a page of the database itself is written, which nothing but a checkpoint does once the file is there."""
LOOK = "look"
"""The one command that only a nursery knows."""
_MOST_BYTES = 1 << 18
_GRACE_S = 300.0


class Born:
    """A process of the nursery; its ``returncode`` is negative when a signal ended it."""

    def __init__(self, pid: int, told: socket.socket, stdin: IO[str], stdout: IO[str]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._told = told

    def poll(self) -> int | None:
        """How it ended; None while it lives."""
        return self._heard(0)

    def wait(self, timeout: float = _GRACE_S) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        code = self._heard(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("bursar", timeout)
        return code

    def kill(self) -> None:
        """End it as a crash does; harmless when it has ended."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send it a signal; harmless when it has ended."""
        if self.poll() is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def close(self) -> None:
        """Give its files back."""
        for each in (self.stdin, self.stdout, self._told):
            each.close()

    def _heard(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(json.loads(self._told.recv(_MOST_BYTES))["code"])
        return self.returncode


class Nursery:
    """Has loaded Bursar; ended at the end of the block."""

    def __enter__(self) -> Nursery:
        self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), str(far.fileno())],
                pass_fds=[far.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._control.close()
        self._process.wait()

    def bear(
        self, arguments: Sequence[str], *, cwd: Path, environ: Mapping[str, str], errors: Path, waits: bool = False
    ) -> Born:
        """Start ``bursar`` with these arguments; what it says to people goes to the file ``errors``.

        One that ``waits`` begins when a line is written to it, or its stdin is closed.
        """
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        err = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            told = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "environ": dict(environ), "waits": waits})
            socket.send_fds(self._control, [told.encode()], [far.fileno(), in_read, out_write, err])
        finally:
            far.close()
            for each in (in_read, out_write, err):
                os.close(each)
        pid = int(json.loads(near.recv(_MOST_BYTES))["pid"])
        return Born(pid, near, os.fdopen(in_write, "w"), os.fdopen(out_read, "r"))


def _serve(control: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        told, handles, _, _ = socket.recv_fds(control, _MOST_BYTES, 4)
        if not told:
            return
        if os.fork() == 0:
            # This one waits for the one that matters, which must be able to wait for its own children.
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watch(json.loads(told), *handles)
        for each in handles:
            os.close(each)


def _watch(told: dict[str, object], near: int, *files: int) -> None:
    watched = socket.socket(fileno=near)
    pid = os.fork()
    if pid == 0:
        watched.close()
        for number, handle in enumerate(files):
            os.dup2(handle, number)
            os.close(handle)
        _live(told)
    for handle in files:
        os.close(handle)
    watched.send(json.dumps({"pid": pid}).encode())
    _, status = os.waitpid(pid, 0)
    try:
        watched.send(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode())
    finally:
        os._exit(0)


def _live(told: dict[str, object]) -> None:
    code = 4
    try:
        from bursar.cli import run_command_line

        arguments, environ = told["arguments"], told["environ"]
        assert isinstance(arguments, list) and isinstance(environ, dict)
        os.chdir(str(told["cwd"]))
        os.environ.clear()
        os.environ.update(environ)
        _strike_in_checkpoints(environ)
        if told["waits"]:
            sys.stdin.readline()
        code = run_command_line(arguments) if arguments != [LOOK] else _look()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _look() -> int:
    """What ``usage`` and ``runs`` print, and the first broken row of the ledger's chain, a line each."""
    from bursar.cli import run_command_line
    from bursar.wiring import build_app

    code = max(run_command_line([each, "--json"]) for each in ("usage", "runs"))
    app = build_app()
    sys.stdout.write(f"{json.dumps(app.journal().verify_chain())}\n")
    app.close()
    return code


def _strike_in_checkpoints(environ: Mapping[str, str]) -> None:
    """Where it was asked for, let SQLite's disk kill this process at the n-th page that a checkpoint writes."""
    left = int(environ.get("CRASH_IN_CHECKPOINT", "0"))
    if not left:
        return
    import apsw

    class File(apsw.VFSFile):
        def __init__(self, name: object, flags: list[int]) -> None:
            path = name if isinstance(name, str) or name is None else name.filename()  # type: ignore[attr-defined]
            self._counts = bool(path) and str(path).endswith("/bursar.db")
            super().__init__("unix", name, flags)  # type: ignore[arg-type]

        def xWrite(self, data: bytes, offset: int) -> None:
            nonlocal left
            super().xWrite(data, offset)
            if self._counts and offset:
                left -= 1
                if left == 0:
                    with Path(environ["BURSAR_FAILPOINT_LOG"]).open("a", encoding="ascii") as log:
                        log.write(f"{CHECKPOINT}\n")
                    os.kill(os.getpid(), signal.SIGKILL)

    class Disk(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("bursar-checkpoints", "unix", makedefault=True)

        def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:
            return File(name, flags)

    _kept.append(Disk())


_kept: list[object] = []


def _load() -> None:
    """Everything that a command loads by and by, so that the forked ones have it."""
    import functools

    import genai_prices.data  # noqa: F401
    import httpx  # noqa: F401

    import bursar.commandline.control
    import bursar.commandline.records
    import bursar.commandline.rewind
    import bursar.commandline.run
    import bursar.prices
    import bursar.providers
    import bursar.storage
    import bursar.storage.spool
    import bursar.tokens
    import bursar.tokens.counter
    import bursar.wiring
    import bursar.workspace

    # The ranks are read-only: one copy for all that are forked.
    opened = functools.cache(bursar.tokens.counter.open_encoding)
    bursar.tokens.counter.open_encoding = opened  # type: ignore[assignment]
    opened("o200k_base")


if __name__ == "__main__":
    _load()
    _serve(socket.socket(fileno=int(sys.argv[1])))
