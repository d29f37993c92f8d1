"""A task with open tasks below it: they are run one after the other, each when the one before is done."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from bursar.domain.runs import RunRecord
from bursar.domain.specs import SpecTask, title_sha256
from bursar.runs.world import Finished, Outcome, Stopped
from bursar.session.starting import Starter


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What is left to do below one task; ``tried`` are those that were begun, so that none is paid for twice."""

    workspace: str
    path: str
    parent: SpecTask
    tried: frozenset[tuple[str | None, str]] = frozenset()


class Batches:
    """Remembers what follows a run. A pause keeps it: the rest goes on when that run has gone on to its end."""

    def __init__(
        self, *, starter: Starter, may_run: Callable[[], bool], beside: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._starter = starter
        self._may_run = may_run
        self._beside = beside
        self._after: dict[str, _Batch] = {}

    async def run(self, *, workspace: str, path: str, line: int, title: str) -> str:
        """Begin with the task on this line, or with the first of the open tasks below it; the first run's id.

        Raises what the starter raises.
        """
        task, below = self._starter.runs_for(workspace=workspace, path=path, line=line, title=title)
        if below == (task,):
            return await self._starter.run_task(workspace=workspace, path=path, line=line, title=title)
        return await self._begin(_Batch(workspace=workspace, path=path, parent=task), below[0])

    def ended(self, record: RunRecord, outcome: Outcome | None) -> None:
        """A run has ended or paused: go on with what follows it, or forget that."""
        if isinstance(outcome, Finished):
            batch = self._after.pop(record.run, None)
            if batch is not None and self._may_run():
                self._beside(self._next(batch))
        elif isinstance(outcome, Stopped):
            self._after.pop(record.run, None)

    async def _next(self, batch: _Batch) -> None:
        parent = self._starter.find_again(workspace=batch.workspace, path=batch.path, task=batch.parent)
        if parent is None or not parent.is_open:
            return
        task, below = self._starter.runs_for(
            workspace=batch.workspace, path=batch.path, line=parent.line, title=parent.title
        )
        left = [each for each in below if each.index != task.index and _name(each) not in batch.tried]
        if left:
            await self._begin(replace(batch, parent=parent), left[0])

    async def _begin(self, batch: _Batch, task: SpecTask) -> str:
        run = await self._starter.run_task(workspace=batch.workspace, path=batch.path, line=task.line, title=task.title)
        self._after[run] = replace(batch, tried=batch.tried | {_name(task)})
        return run


def _name(task: SpecTask) -> tuple[str | None, str]:
    return task.id, title_sha256(task)
