"""Keeps what this process holds in its memory and environment, keys among it, from others of the same user."""

from __future__ import annotations

import sys

_PR_SET_DUMPABLE = 4


def close_to_others() -> None:
    """No core file, no debugger and no look into this process by others of its user; Linux only, elsewhere nothing.

    Programs that it starts are not concerned: the kernel opens a process anew when it becomes another program.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        # A C library without it: then it is as it was before.
        return
