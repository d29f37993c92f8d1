"""An event loop that owns its time: nobody waits, the clock is moved to whatever comes next."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """Everybody waits for something that cannot come: a deadlock."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can be done, and then jumps to the next timer.

    Work for threads is done at once on the calling thread, so that nothing but the order of calls decides what is
    next. Nothing waits for the machine: a wait without a timer is a deadlock and raises Stuck.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_Leap(self))
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds since the beginning of the world."""
        return self._now_s

    def leap(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call ``func`` here and now."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - it is raised where the future is awaited
            done.set_exception(error)
        return done

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is woken."""


class _Leap(selectors.SelectSelector):
    """Never waits: what would have been waited passes at once."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Nothing is ever ready from outside; a wait moves the clock."""
        if timeout is None:
            raise Stuck("nothing is left that could happen")
        if timeout > 0:
            self._loop.leap(timeout)
        return []


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in a world of its own; what it has left running ends with it."""
    loop = VirtualLoop()
    # What nobody waits for any more belongs to processes that have died.
    loop.set_exception_handler(lambda _, __: None)
    try:
        return loop.run_until_complete(main)
    finally:
        _end_all(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _end_all(loop: VirtualLoop) -> None:
    left = asyncio.all_tasks(loop)
    for each in left:
        each.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
