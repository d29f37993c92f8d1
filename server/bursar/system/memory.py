"""Lets what was large and is no longer used leave this process at once."""

from __future__ import annotations

import sys

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_LARGE_BYTES = 128 * 1024
_ARENAS = 2


def give_back_large() -> None:
    """Take memory for large texts from the system and give it back as soon as they are gone; glibc only, else nothing.

    Left alone, glibc begins to keep blocks as large as the largest that it has seen freed (up to 32 MB), and each
    thread keeps its own: after a document of 1 MB was read that is some 30 MB that nothing uses.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        # A C library without it: then it is as it was before.
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    mallopt(_M_ARENA_MAX, _ARENAS)
