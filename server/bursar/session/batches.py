"""A task with open tasks below it: they are run one after the other, each when the one before is done."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bursar.domain.errors import BadInput
from bursar.domain.runs import RunRecord
from bursar.domain.specs import SpecTask, title_sha256
from bursar.runs.deferring import is_parked
from bursar.runs.world import Finished, Outcome
from bursar.session.ports import Adapters
from bursar.session.starting import Starter

_EVENT = "batch"

_Name = tuple[str | None, str]
"""A task's id and the hash of its title."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What is left to do below one task; ``tried`` are those that were begun, so that none is paid for twice."""

    workspace: str
    path: str
    parent: _Name
    line: int
    tried: frozenset[_Name] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """As the journal keeps it with the run that the rest waits for; it holds no text of the tasks."""
        return {
            "parent": list(self.parent),
            "line": self.line,
            "tried": sorted(map(list, self.tried), key=lambda each: (each[0] or "", each[1] or "")),
        }


class Batches:
    """Keeps what follows a run in the journal: after a pause, a reload or in another window the rest goes on when that
    run has gone on to its end."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        starter: Starter,
        folders: Callable[[], tuple[str, ...]],
        may_run: Callable[[], bool],
        beside: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._adapters = adapters
        self._starter = starter
        self._folders = folders
        self._may_run = may_run
        self._beside = beside

    async def run(self, *, workspace: str, path: str, line: int, title: str) -> str:
        """Begin with the task on this line, or with the first of the open tasks below it; the first run's id.

        One that has a paused run goes on with it. Raises what the starter raises.
        """
        task, below = self._starter.runs_for(workspace=workspace, path=path, line=line, title=title)
        if below == (task,):
            return await self._starter.run_task(workspace=workspace, path=path, line=line, title=title)
        left = self._not_put_off(workspace, path, below)
        if not left:
            raise BadInput(
                f"all open tasks below '{task.title}' are put off until later: nothing was run; Resume one of them"
            )
        batch = _Batch(workspace=workspace, path=path, parent=_name(task), line=task.line)
        return await self._begin(batch, left[0])

    def ended(self, record: RunRecord, outcome: Outcome | None) -> None:
        """A run has ended or paused: go on with what follows it, if it is done."""
        if not isinstance(outcome, Finished):
            return
        batch = self._kept(record)
        if batch is not None and self._may_run():
            self._beside(self._next(batch))

    async def _next(self, batch: _Batch) -> None:
        parent = self._starter.find_again(
            workspace=batch.workspace, path=batch.path, name=batch.parent, line=batch.line
        )
        if parent is None or not parent.is_open:
            return
        task, below = self._starter.runs_for(
            workspace=batch.workspace, path=batch.path, line=parent.line, title=parent.title
        )
        left = [each for each in below if each.index != task.index and _name(each) not in batch.tried]
        left = self._not_put_off(batch.workspace, batch.path, left)
        if left:
            await self._begin(replace(batch, line=parent.line), left[0])

    async def _begin(self, batch: _Batch, task: SpecTask) -> str:
        paused = self._starter.open_run(workspace=batch.workspace, path=batch.path, task=task)
        if paused is None:
            run = await self._starter.run_task(
                workspace=batch.workspace, path=batch.path, line=task.line, title=task.title
            )
        else:
            run = paused.run
            await self._starter.go_on(run, self._folders())
        tried = batch.tried | {_name(task)}
        # Its job has not had its turn yet: this is in the journal before anything that the run writes from now on.
        await self._adapters.journal().append_event(run=run, kind=_EVENT, data=replace(batch, tried=tried).as_json())
        return run

    def _kept(self, record: RunRecord) -> _Batch | None:
        """What follows this run; the newest word holds."""
        said = [each.data for each in self._adapters.journal().events(run=record.run) if each.kind == _EVENT]
        # An erase leaves the event without its data.
        if not said or "parent" not in said[-1]:
            return None
        newest = said[-1]
        return _Batch(
            workspace=record.workspace,
            path=str(Path(record.workspace) / record.spec),
            parent=(newest["parent"][0], newest["parent"][1]),
            line=newest["line"],
            tried=frozenset((id_, title) for id_, title in newest["tried"]),
        )

    def _not_put_off(self, workspace: str, path: str, tasks: tuple[SpecTask, ...] | list[SpecTask]) -> list[SpecTask]:
        """Those without a run that the user has put off to a moment that has not come."""
        runs = [(each, self._starter.open_run(workspace=workspace, path=path, task=each)) for each in tasks]
        return [each for each, run in runs if run is None or not is_parked(run, self._adapters.clock)]


def _name(task: SpecTask) -> _Name:
    return task.id, title_sha256(task)
