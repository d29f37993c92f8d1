"""Runs programs without a shell: a fixed environment, limits of time and output, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bursar.domain.ports import CommandOutcome, CommandPlan, Failpoint, ToolRefused, nowhere
from bursar.domain.safety.secrets import mask_secrets
from bursar.domain.safety.show import printable_output
from bursar.workspace.leftovers import MARK, end_marked
from bursar.workspace.programs import child_environment, find_program, runs_workspace_files, search_path
from bursar.workspace.state import state_of_files, state_of_program

_MOST_ARGUMENTS = 100
_MOST_BYTES = 8 * 1024
_FLOOD_BYTES = 256 * 1024 * 1024
_DRAIN_S = 5.0
_LOOK_EVERY_S = 0.25
_KEEPER = Path(__file__).with_name("keeper.py")


class LocalCommands:
    """`CommandRunner` on this machine (POSIX).

    Each command runs below a small keeper process, which ends the command's whole group when we ask for it and also
    when we are gone: its stdin is a pipe that we hold open.
    """

    def __init__(
        self,
        root: Path,
        *,
        env: Mapping[str, str],
        timeout_s: float = 300.0,
        output_limit_bytes: int = 64 * 1024,
        keeper_s: float = 30.0,
        failpoint: Failpoint = nowhere,
    ) -> None:
        self._failpoint = failpoint
        self._root = Path(os.path.realpath(root))
        self._path = search_path(self._root, env.get("PATH", os.defpath))
        self._env = child_environment(self._root, env)
        self._timeout_s = timeout_s
        self._output_limit_bytes = output_limit_bytes
        # How long a keeper may take to end what it keeps: it gives 2 s of grace, and machines are slow.
        self._keeper_s = keeper_s
        self._lifelines: set[int] = set()

    def plan(self, argv: Sequence[str]) -> CommandPlan | ToolRefused:
        """Resolve the command; a refusal says what is wrong with it."""
        if os.name != "posix":
            return ToolRefused(message="Commands cannot be run on this system yet. Ask the user to run it.")
        problem = _problem(argv)
        if problem is not None:
            return ToolRefused(message=f"The command was not run: {problem}.")
        program = find_program(self._root, argv[0], self._path)
        if isinstance(program, ToolRefused):
            return program
        return CommandPlan(
            argv=tuple(argv),
            program=str(program),
            cwd=str(self._root),
            runs_workspace_files=runs_workspace_files(self._root, program, argv),
            program_state=state_of_program(program),
        )

    def state_of_files(self) -> str | None:
        """What the files of the workspace are now; None where that cannot be told."""
        return state_of_files(self._root)

    async def run(self, plan: CommandPlan) -> CommandOutcome:
        """Run what was planned, if it still is that; ends the whole group at the time limit and when cancelled."""
        if self.plan(plan.argv) != plan:
            changed = "The command was not run: its program is not the one that was planned any more. Ask again."
            return CommandOutcome(exit_code=None, output=changed, truncated=False, timed_out=False, duration_ms=0)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        token = secrets.token_hex(16)
        kept = _Kept(self._output_limit_bytes)
        read_end, lifeline = os.pipe()
        self._lifelines.add(lifeline)
        try:
            try:
                keeper = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(_KEEPER), plan.program, *plan.argv),
                    stdin=read_end,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    cwd=plan.cwd,
                    env={**self._env, MARK: token},
                    start_new_session=True,
                )
            except OSError as error:
                said = f"The command could not be started: {error.strerror}."
                return CommandOutcome(exit_code=None, output=said, truncated=False, timed_out=False, duration_ms=0)
            finally:
                os.close(read_end)
            self._failpoint("after_spawn")
            timed_out = await self._follow(keeper, lifeline, kept, token)
        finally:
            self._end(lifeline)
        output, truncated = kept.text()
        return CommandOutcome(
            exit_code=None if timed_out else keeper.returncode,
            output=output,
            truncated=truncated,
            timed_out=timed_out,
            duration_ms=round((loop.time() - began_s) * 1000),
        )

    def kill_all(self) -> None:
        """End every process group that is still alive; their keepers do it, also after we are gone."""
        for lifeline in tuple(self._lifelines):
            self._end(lifeline)

    async def _follow(self, keeper: asyncio.subprocess.Process, lifeline: int, kept: _Kept, token: str) -> bool:
        """Read until the command has ended and nobody is left; whether the time limit ended it."""
        timed_out = False
        reading = asyncio.ensure_future(self._read(keeper, lifeline, kept))
        ending = asyncio.ensure_future(keeper.wait())
        try:
            if not await self._has_ended(keeper, ending, within_s=self._timeout_s):
                timed_out = True
                self._end(lifeline)
                await self._ended(keeper, ending)
            if _was_killed(keeper):
                await asyncio.to_thread(end_marked, token)
            await asyncio.wait([reading], timeout=_DRAIN_S)
        finally:
            self._end(lifeline)
            reading.cancel()
            # Also when we are cancelled: nobody goes on before the group is gone.
            await asyncio.shield(self._ended(keeper, ending))
            ending.cancel()
            if _was_killed(keeper):
                end_marked(token)
        return timed_out

    async def _ended(self, keeper: asyncio.subprocess.Process, ending: asyncio.Future[int]) -> None:
        """Wait for the keeper that was asked to end; one that does not, because it was stopped, is killed."""
        if not await self._has_ended(keeper, ending, within_s=self._keeper_s):
            with suppress(ProcessLookupError):
                keeper.kill()
            await self._has_ended(keeper, ending, within_s=self._keeper_s)

    async def _has_ended(
        self, keeper: asyncio.subprocess.Process, ending: asyncio.Future[int], *, within_s: float
    ) -> bool:
        """Whether the keeper ends in this time. ``ending`` may say so only when nobody has its output open any more,
        which somebody who outlives it may do for ever: so its end is looked for, too."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while keeper.returncode is None and not ending.done() and (left_s := until_s - loop.time()) > 0:
            await asyncio.wait([ending], timeout=min(left_s, _LOOK_EVERY_S))
        return keeper.returncode is not None or ending.done()

    async def _read(self, keeper: asyncio.subprocess.Process, lifeline: int, kept: _Kept) -> None:
        assert keeper.stdout is not None  # noqa: S101  asked for a pipe
        while piece := await keeper.stdout.read(64 * 1024):
            kept.add(piece)
            if kept.seen_bytes > _FLOOD_BYTES:
                self._end(lifeline)

    def _end(self, lifeline: int) -> None:
        if lifeline in self._lifelines:
            self._lifelines.discard(lifeline)
            with suppress(OSError):
                os.close(lifeline)


class _Kept:
    """The beginning and the end of an output, in bounded memory."""

    def __init__(self, limit_bytes: int) -> None:
        self._head_bytes = limit_bytes // 2
        self._tail_bytes = limit_bytes - self._head_bytes
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._in_tail_bytes = 0
        self.seen_bytes = 0

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        self.seen_bytes += len(piece)
        room = self._head_bytes - len(self._head)
        self._head += piece[:room]
        if len(piece) > room:
            self._tail.append(piece[room:])
            self._in_tail_bytes += len(piece) - room
        while self._tail and self._in_tail_bytes - len(self._tail[0]) >= self._tail_bytes:
            self._in_tail_bytes -= len(self._tail.popleft())

    def text(self) -> tuple[str, bool]:
        """What is shown, masked and printable, and whether something was left out."""
        tail = b"".join(self._tail)
        if len(self._head) + len(tail) == self.seen_bytes and len(tail) <= self._tail_bytes:
            return _shown(bytes(self._head) + tail), False
        # Whole words only at the cut: half a key would not be known as one.
        head = bytes(self._head)
        cut = max(head.rfind(b" "), head.rfind(b"\n"))
        head = head[: cut + 1] if cut >= 0 else b""
        tail = tail[-self._tail_bytes :]
        cuts = [at for at in (tail.find(b" "), tail.find(b"\n")) if at >= 0]
        tail = tail[min(cuts) :] if cuts else b""
        left_out = self.seen_bytes - len(head) - len(tail)
        return f"{_shown(head)}\n[… {left_out:,} bytes left out …]\n{_shown(tail)}", True


def _was_killed(keeper: asyncio.subprocess.Process) -> bool:
    """No end of a command kills its keeper: what it kept is on its own now."""
    return keeper.returncode is not None and keeper.returncode < 0


def _shown(data: bytes) -> str:
    return mask_secrets(printable_output(data.decode("utf-8", "replace")))[0]


def _problem(argv: Sequence[str]) -> str | None:
    if not argv or not argv[0].strip():
        return "it names no program"
    if len(argv) > _MOST_ARGUMENTS:
        return f"it has {len(argv)} arguments, and {_MOST_ARGUMENTS} are allowed"
    if any("\0" in each for each in argv):
        return "an argument holds a NUL character"
    try:
        size = sum(len(each.encode()) + 1 for each in argv)
    except UnicodeEncodeError:
        return "an argument holds half a character (a lone surrogate)"
    if size > _MOST_BYTES:
        return f"it has {size:,} bytes, and {_MOST_BYTES:,} are allowed"
    return None
