"""Keeps one command: a program of its own (`python -I -S keeper.py PROGRAM ARGV...`) that outlives whoever started it.

Its stdin is a pipe whose other end the starter holds. When that end closes, because the starter asks for it or is dead
in whatever way, the command's whole process group is ended: SIGTERM first, SIGKILL after a grace time. When the command
ends by itself, what it left behind is killed. Exits as the command did (128 + N for signal N).

It runs in one thread, so that it may fork; the server, which has several, may not.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE_S = 2.0
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CANNOT_RUN = 126


def main() -> int:
    """Start the command, wait for its end or for the starter's, and leave nothing behind."""
    program, argv = sys.argv[1], sys.argv[2:]
    prctl = _prctl()
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    for number in (signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, lambda *_: None)
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        _become(program, argv, keeper, prctl)
    _let_go_of_output()
    status: int | None = None
    asked = killed = False
    while True:
        status = _reap(child, status)
        if status is not None and (killed or not asked or not _group_lives(child)):
            break
        ready, _, _ = select.select([wake_read] if asked else [wake_read, 0], [], [])
        if 0 in ready and not os.read(0, 64):
            asked = True
            _signal_group(child, signal.SIGTERM)
            signal.setitimer(signal.ITIMER_REAL, GRACE_S, GRACE_S)
        if wake_read in ready and signal.SIGALRM in os.read(wake_read, 4096):
            killed = True
            _signal_group(child, signal.SIGKILL)
    signal.setitimer(signal.ITIMER_REAL, 0)
    _signal_group(child, signal.SIGKILL)
    _end_adopted()
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _become(program: str, argv: list[str], keeper: int, prctl: Callable[..., object]) -> None:
    """In the child: a new session, default signals, nothing inherited but the output; then the program."""
    try:
        os.setsid()
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != keeper:
            os._exit(_CANNOT_RUN)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.execv(program, argv)  # noqa: S606  no shell is what is wanted
    except OSError as error:
        os.write(2, f"{program} could not be started: {error.strerror}\n".encode("utf-8", "replace"))
    os._exit(_CANNOT_RUN)


def _prctl() -> Callable[..., object]:
    """Linux's prctl, or nothing where there is none: the group is then all that is ended."""
    if sys.platform != "linux":
        return lambda *_: 0
    try:
        import ctypes

        prctl: Callable[..., object] = ctypes.CDLL(None).prctl
        return prctl
    except (ImportError, OSError, AttributeError):
        return lambda *_: 0


def _let_go_of_output() -> None:
    """The starter sees the end of the output when the command's last process has gone, not when we have."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _reap(child: int, status: int | None) -> int | None:
    """Collect who ended, adopted ones too; the command's own status when it is among them."""
    while True:
        try:
            pid, found = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == child:
            status = found


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _end_adopted() -> None:
    """Kill what left the group and was handed to us, until nobody is left."""
    while True:
        children = _children()
        if not children:
            return
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    _reap(-1, None)
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as file:  # noqa: PTH123  no pathlib: start-up
            return [int(each) for each in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
