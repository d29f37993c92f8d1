"""Named places where a test ends this process: ``BURSAR_FAILPOINT=name:n:kill`` kills at the n-th passing."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping


class Failpoints:
    """Counts how often each point was passed; does nothing else unless it was told a point to kill at.

    With ``BURSAR_FAILPOINT_LOG`` set, each passing adds a line with the name to that file.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name, _, rest = environ.get("BURSAR_FAILPOINT", "").partition(":")
        at, _, action = rest.partition(":")
        self._name = name if action == "kill" and at.isdigit() else ""
        self._left = int(at) if self._name else 0
        self._log = environ.get("BURSAR_FAILPOINT_LOG")

    def __call__(self, name: str, /) -> None:
        """Pass the point ``name``."""
        if self._log is not None:
            _append(self._log, name)
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _append(path: str, name: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{name}\n".encode())
    finally:
        os.close(handle)
