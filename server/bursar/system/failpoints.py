"""Named places where a test ends or stops this process: ``BURSAR_FAILPOINT=name:n:kill`` kills at the n-th passing.

Only the environment of the process itself sets one: no file of a workspace, no setting and no message does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from bursar.domain.errors import BadInput

POINTS: Mapping[str, str] = {
    # A run and its owner.
    "before_create": "the lock of a new run is held, and nothing is written of it",
    "after_create": "a new run is recorded with its owner, and nothing is done of it",
    "after_lock": "the lock of a run that goes on is held, and its row names the owner before",
    "after_claim": "the row names the new owner, and nothing is done yet",
    "before_release": "the drive is over, and the row still names its owner",
    "after_release": "the row names no owner, and the lock is still held",
    "before_state": "where the run stands is about to be recorded",
    "after_state": "where the run stands is recorded, and nobody was told",
    "before_park": "a run is about to wait for a moment",
    "after_park": "a run waits for a moment, and nobody was told",
    "at_wake": "a run that waited for a moment is about to be claimed",
    # A request to the model.
    "before_intent": "a request is sized, and nothing of it is recorded",
    "after_intent": "the hold and the intent are durable, and nothing is sent",
    "before_send": "everybody was told of the request, and no connection is made",
    "after_socket_write": "the whole request has left, and nothing has come back",
    "first_byte": "the provider took the request: its id is kept, and nothing of the answer",
    "mid_stream": "a piece of the answer is kept",
    "answer_read": "the whole answer is kept, and nothing is booked",
    "before_result": "an attempt is about to be booked",
    "after_result": "the ledger row, the hold's release and the result are durable, and the kept bytes are still there",
    "before_refund": "the provider did not take a request, and its money is still held",
    "after_refund": "the money of a request that was not taken is free again",
    # A tool call.
    "before_tool_intent": "a tool call is about to be recorded",
    "after_tool_intent": "a tool call is recorded, and nothing is done",
    "in_snapshot": "the workspace is remembered, and no step knows of it",
    "before_spawn": "a command is recorded, and not started",
    "after_spawn": "a command runs",
    "command_ended": "a command has ended, and what it changed is not looked at",
    "before_tool_result": "a tool call is done, and its result is not recorded",
    "after_tool_result": "the result of a tool call is recorded",
    # A file of the user's.
    "edit_written": "the new bytes are in a temporary file, not forced to the disk",
    "in_edit": "the new bytes are on the disk in a temporary file, and the old file is in its place",
    "edit_renamed": "the new file is in its place, and its folder is not forced to the disk",
    "edit_durable": "the new file is on the disk in its place, and nothing says so",
    "before_tick": "a task is finished, and its mark is not written",
    "after_tick": "the mark is written, and the journal still waits for it",
    "rewind_begun": "it is recorded that files go back, and none has gone",
    "in_rewind": "a file is about to go back, or has gone, or its bytes are ready",
    "rewind_done": "the files have gone back and the steps are set aside, and nobody was told",
    # The store.
    "in_migration": "a step of the schema is written, and not committed",
    "in_mark": "a larger mark is written beside the one in use",
    "in_mirror": "rows are in the ledger's copy, not forced to the disk",
    "in_backup": "a backup is proved, and not in its place",
    "in_restore": "a store that was mended is about to take its place, or has taken it",
}
"""Every point with what holds when it is passed."""

_ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Failpoints:
    """Counts how often each point was passed; does nothing unless it was told a point to kill or stop at.

    With ``BURSAR_FAILPOINT_LOG`` set, each passing adds a line with the name to that file. Raises BadInput for a point
    or an action that is not there: a test that strikes nowhere would pass.
    """

    __slots__ = ("_active", "_left", "_log", "_name", "_signal")

    def __init__(self, environ: Mapping[str, str]) -> None:
        told = environ.get("BURSAR_FAILPOINT", "")
        self._log = environ.get("BURSAR_FAILPOINT_LOG")
        self._active = bool(told) or self._log is not None
        name, _, rest = told.partition(":")
        at, _, action = rest.partition(":")
        if told and not (name in POINTS and at.isdigit() and int(at) and action in _ACTIONS):
            raise BadInput(
                f"BURSAR_FAILPOINT={told}: it is not NAME:N:kill or NAME:N:stop with a point of ours;"
                " unset it, it is for tests only"
            )
        self._name = name
        self._left = int(at) if told else 0
        self._signal = _ACTIONS.get(action, signal.SIGKILL)

    def __call__(self, name: str, /) -> None:
        """Pass the point ``name``. Raises KeyError for one that is not listed, where any is looked for."""
        if not self._active:
            return
        POINTS[name]
        if self._log is not None:
            _append(self._log, name)
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._signal)


def _append(path: str, name: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{name}\n".encode())
    finally:
        os.close(handle)
