"""The one thread that writes: it takes what waits, commits it together, and only then says that it is done."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

import apsw

from bursar.domain.errors import StorageError
from bursar.storage.errors import Damaged, as_storage_error, busy
from bursar.storage.locks import Gate

T = TypeVar("T")
_MOST_TOGETHER = 64


@dataclass(slots=True)
class _Job:
    work: Callable[[apsw.Connection], Any]
    alone: bool
    done: Future[Any] = field(default_factory=Future)


class Writer:
    """Runs write functions on its own thread, several in one durable transaction.

    Each has a savepoint of its own: one that raises takes nothing of the others with it. ``after_commit`` is called
    with the gate still held and before anybody is told; ``on_damage`` when SQLite finds the file damaged. With
    ``on_caller`` there is no thread: each write is done, and committed, when it is handed in.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path,
        gate: Gate,
        *,
        after_commit: Callable[[apsw.Connection], None],
        on_damage: Callable[[str], None],
        on_caller: bool = False,
    ) -> None:
        self._connection = connection
        self._path = path
        self._gate = gate
        self._after_commit = after_commit
        self._on_damage = on_damage
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self.commits = 0
        self.give_up_s = 35.0
        self._thread: threading.Thread | None = None
        if not on_caller:
            self._thread = threading.Thread(target=self._loop, name="bursar-store", daemon=True)
            self._thread.start()

    async def write(self, work: Callable[[apsw.Connection], T], *, alone: bool = False) -> T:
        """Run ``work`` and return what it returned once that is committed.

        ``alone`` runs it outside any transaction. A caller that is cancelled does not take the write back. Raises what
        ``work`` raised, and StorageError; nothing of it was written then.
        """
        done = self.submit(work, alone=alone)
        waiting = asyncio.wrap_future(done)
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), self.give_up_s)
        except TimeoutError:
            if done.cancel():
                raise busy(self._path) from None
            return await asyncio.shield(waiting)

    def submit(self, work: Callable[[apsw.Connection], T], *, alone: bool = False) -> Future[T]:
        """Hand in a write; the future has its outcome after the commit."""
        job = _Job(work, alone)
        with self._closing:
            if self._closed:
                raise StorageError(f"{self._path} was closed by this process; nothing was written.")
            if self._thread is not None:
                self._queue.put(job)
        if self._thread is None:
            self._now(job)
        return job.done

    def close(self) -> None:
        """Finish what was handed in, then end the thread and the connection."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()
        self._connection.close()

    def _loop(self) -> None:
        job = self._queue.get()
        while job is not None:
            following = None
            if job.alone:
                self._alone(job)
            else:
                following = self._together(job)
            job = following or self._queue.get()

    def _now(self, job: _Job) -> None:
        if job.alone:
            self._alone(job)
        else:
            self._together(job)

    def _alone(self, job: _Job) -> None:
        result = None
        with _Caught() as caught, self._gate:
            if not job.done.set_running_or_notify_cancel():
                return
            result = job.work(self._connection)
            self._look_after(self._connection)
        self._roll_back()
        self._tell(job, result, caught.error)

    def _together(self, first: _Job) -> _Job | None:
        """Run what waits in one transaction; a job that must run alone is handed back for the next turn."""
        batch: list[_Job] = []
        outcomes: list[tuple[_Job, Any, BaseException | None]] = []
        following = None
        with _Caught() as caught, self._gate:
            self._connection.execute("BEGIN IMMEDIATE")
            batch, following = self._waiting(first)
            for job in batch:
                outcomes.append(self._within_savepoint(job))
            self._connection.execute("COMMIT")
            self.commits += 1
            self._look_after(self._connection)
        self._roll_back()
        if caught.error is not None:
            # Nothing was committed: the ones that had seemed to succeed share the failure.
            told = {id(job): error for job, _, error in outcomes}
            outcomes = [(job, None, told.get(id(job)) or caught.error) for job in batch or [first]]
        for job, result, error in outcomes:
            self._tell(job, result, error)
        return following

    def _waiting(self, first: _Job) -> tuple[list[_Job], _Job | None]:
        batch: list[_Job] = []
        job: _Job | None = first
        while job is not None and not job.alone:
            if job.done.set_running_or_notify_cancel():
                batch.append(job)
            if len(batch) == _MOST_TOGETHER:
                return batch, None
            try:
                job = self._queue.get_nowait()
            except Empty:
                return batch, None
            if job is None:
                self._queue.put(None)
        return batch, job

    def _within_savepoint(self, job: _Job) -> tuple[_Job, Any, BaseException | None]:
        result = None
        self._connection.execute("SAVEPOINT job")
        with _Caught() as caught:
            result = job.work(self._connection)
        if caught.error is not None:
            if not self._connection.in_transaction:
                # SQLite has given the whole transaction up, as it does on a full disk.
                raise caught.error
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")
        return job, result, caught.error

    def _look_after(self, connection: apsw.Connection) -> None:
        # What was committed stays so, whatever is read now; damage that shows here is looked into at the next start.
        try:
            self._after_commit(connection)
        except apsw.Error as error:
            self._note(as_storage_error(error, self._path))

    def _note(self, error: StorageError) -> None:
        if isinstance(error, Damaged):
            self._on_damage(error.what)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with _Caught():
                self._connection.execute("ROLLBACK")

    def _tell(self, job: _Job, result: Any, error: BaseException | None) -> None:
        if job.done.cancelled():
            return
        if job.done.running() or job.done.set_running_or_notify_cancel():
            if error is None:
                job.done.set_result(result)
            elif isinstance(error, apsw.Error | OSError | OverflowError | UnicodeDecodeError):
                translated = as_storage_error(error, self._path)
                translated.__cause__ = error
                self._note(translated)
                job.done.set_exception(translated)
            else:
                job.done.set_exception(error)


class _Caught:
    """Keeps the exception of its block, so that it reaches the caller who waits for it and does not end the thread."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> _Caught:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        self.error = error
        return isinstance(error, Exception)
