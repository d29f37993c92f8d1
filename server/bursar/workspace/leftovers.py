"""What a command has left behind where its keeper could not see to it: found by a mark in its environment.

A program that has itself detached and kills its keeper is handed to nobody of ours any more. Everything that a command
starts has inherited the command's environment, unless it has wiped it: then it is the user's to end.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

MARK = "BURSAR_COMMAND"
_MOST_ROUNDS = 50


def end_marked(token: str) -> None:
    """End every process with this mark, also those that are started meanwhile; on Linux only."""
    if not sys.platform.startswith("linux"):
        return
    wanted = f"{MARK}={token}".encode()
    for _ in range(_MOST_ROUNDS):
        if not sum(_end_if(int(each), wanted) for each in os.listdir("/proc") if each.isdigit()):  # noqa: PTH208
            return


def _end_if(pid: int, wanted: bytes) -> bool:
    """End the process if it has the mark. A handle is taken first, so that no other is meant by its number."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            folder = Path("/proc", str(pid))
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                return False
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            return True
        finally:
            os.close(handle)
    return False
