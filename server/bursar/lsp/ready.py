"""Whether a descriptor takes something without waiting."""

from __future__ import annotations

import select

READY_BYTES = 4096
"""What a pipe or socket that is ready takes without waiting (PIPE_BUF)."""


def is_ready(descriptor: int) -> bool:
    """Whether a little can be written without waiting; where that cannot be asked, waiting is what is left."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
