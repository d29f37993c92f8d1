"""What must hold before a run begins or goes on, and the step from a line in a tasks file to a recorded run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bursar.domain.errors import BadInput, OwnedElsewhere, Refused
from bursar.domain.ports import ToolRefused
from bursar.domain.runs import NewRun, RunRecord
from bursar.domain.specs import Spec, SpecTask, SpecUnreadable, address_of, decode_spec, parse_spec, title_sha256
from bursar.domain.tasks import OPEN_RUN, SKIPS, newest_run, runs_for, skipped_tasks, skips_in
from bursar.runs.world import Ways
from bursar.session.documents import Buffers, FrozenBuffers
from bursar.session.jobs import RunJobs
from bursar.session.money import run_ceiling_pico
from bursar.session.ports import Adapters
from bursar.settings import Settings

NOT_TRUSTED = (
    "This workspace is not trusted: Bursar reads it, but runs, sends and writes nothing. To trust it, in VS Code use "
    "'Manage Workspace Trust'; in other editors set initializationOptions {\"trusted\": true}."
)


class Starter:
    """Begins runs and goes on with them, or says in one sentence why not."""

    def __init__(self, *, adapters: Adapters, jobs: RunJobs, buffers: Buffers) -> None:
        self._adapters = adapters
        self._jobs = jobs
        self._buffers = buffers
        self._beginning: set[tuple[str, str, str]] = set()

    def check_trust(self, trusted: bool) -> None:
        """Raises Refused in a workspace that is not trusted."""
        if not trusted:
            raise Refused(NOT_TRUSTED)

    def check_inside(self, path: str, folders: tuple[str, ...]) -> None:
        """Raises Refused for a path outside the open folders (it may be the end of a link): their trust is not its."""
        if not self.is_inside(path, folders):
            raise Refused(
                f"{path} is outside the folders that are open here, and to trust them is not to trust it: "
                "open its own folder and run it there."
            )

    def is_inside(self, path: str, folders: tuple[str, ...]) -> bool:
        """Whether a path is in the open folders; everything is where no folder is open."""
        return not folders or any(Path(path).is_relative_to(each) for each in folders)

    async def run_task(self, *, workspace: str, path: str, line: int, title: str) -> str:
        """Record a new run of the task on this line of the newest text, and drive it; its id. Raises as below."""
        record = await self.record_task(workspace=workspace, path=path, line=line, title=title)
        await self.start(record)
        return record.run

    async def start(self, record: RunRecord) -> None:
        """Drive a run that was just recorded; where that cannot even begin, it is given back. Raises as ``RunJobs``."""
        try:
            self._jobs.start(record)
        except BaseException:
            await self._adapters.journal().release(record.run)
            raise

    async def record_task(self, *, workspace: str, path: str, line: int, title: str) -> RunRecord:
        """Record a new run of the task on this line of the newest text.

        Raises BadInput (no such task there any more, done already, no provider or key, a run that can go on),
        OwnedElsewhere and StorageError.
        """
        settings = self._adapters.settings()
        ways = self._adapters.ways(settings)
        self._check_key(ways)
        spec_path = Path(path).relative_to(workspace).as_posix()
        text = self._newest_text(workspace, spec_path)
        spec = parse_spec(text, path_hint=spec_path)
        task = _task_at(spec, spec_path, line, title)
        begun = (workspace, spec_path, title_sha256(task))
        if begun in self._beginning:
            raise BadInput(f"task {address_of(spec, task)} is about to run already")
        self._beginning.add(begun)
        try:
            self._refuse_if_open(workspace, spec_path, spec, task)
            ceiling = run_ceiling_pico(self._adapters, settings)
            unsaved = FrozenBuffers(texts=self._buffers.unsaved())
            planned = await asyncio.to_thread(
                self._plan, workspace, spec_path, text, spec, task, settings, ways, ceiling, unsaved
            )
            return await self._adapters.journal().create_run(planned, only_one=True)
        finally:
            self._beginning.discard(begun)

    def task_at(self, *, workspace: str, path: str, line: int, title: str) -> tuple[Spec, str, SpecTask]:
        """The newest text's spec, its path and the task on this line. Raises BadInput for one that is not open."""
        spec_path = Path(path).relative_to(workspace).as_posix()
        spec = parse_spec(self._newest_text(workspace, spec_path), path_hint=spec_path)
        return spec, spec_path, _task_at(spec, spec_path, line, title)

    def runs_for(self, *, workspace: str, path: str, line: int, title: str) -> tuple[SpecTask, tuple[SpecTask, ...]]:
        """The task on this line of the newest text, and what running it means: itself, or open tasks below it.

        Raises BadInput where that line holds no such task any more, or one that is done.
        """
        spec, spec_path, task = self.task_at(workspace=workspace, path=path, line=line, title=title)
        journal = self._adapters.journal()
        runs = [each for each in journal.summaries(workspace) if each.record.spec == spec_path]
        skips = skips_in(journal.events(run=SKIPS), workspace)
        below = runs_for(spec, task, skipped_tasks(spec, spec_path, skips, runs))
        if not below:
            raise BadInput(f"all open tasks below {address_of(spec, task)} are skipped: run one of them by itself")
        return task, below

    def find_again(self, *, workspace: str, path: str, name: tuple[str | None, str], line: int) -> SpecTask | None:
        """The task with this id and hash of its title in the newest text, wherever it stands by now; ``line`` is where
        it stood. None when it cannot be told."""
        spec_path = Path(path).relative_to(workspace).as_posix()
        spec = parse_spec(self._newest_text(workspace, spec_path), path_hint=spec_path)
        same = [each for each in spec.tasks if (each.id, title_sha256(each)) == name]
        if len(same) > 1:
            same = [each for each in same if each.line == line]
        return same[0] if len(same) == 1 else None

    def open_run(self, *, workspace: str, path: str, task: SpecTask) -> RunRecord | None:
        """The newest run of a task of the newest text, if it is not over."""
        spec_path = Path(path).relative_to(workspace).as_posix()
        spec = parse_spec(self._newest_text(workspace, spec_path), path_hint=spec_path)
        here = [each for each in self._adapters.journal().summaries(workspace) if each.record.spec == spec_path]
        newest = newest_run(spec, task, here)
        return newest.record if newest is not None and newest.record.state in OPEN_RUN else None

    async def go_on(self, run: str, folders: tuple[str, ...]) -> None:
        """Drive a run again unless it is driven here already. Raises as ``resume_run``."""
        if run not in self._jobs.mine:
            await self.resume_run(run, folders)

    async def resume_run(self, run: str, folders: tuple[str, ...]) -> None:
        """Drive a run again. Raises BadInput, Refused, OwnedElsewhere and StorageError."""
        record = self._adapters.journal().run(run)
        if record is None:
            raise BadInput(f"there is no run '{run}'")
        if record.kind != "task":
            raise BadInput(f"{run} is a single request and no run of a task: there is nothing to resume")
        self.check_inside(record.workspace, folders)
        if run in self._jobs.mine:
            raise BadInput(f"task {record.task_address} runs already")
        if record.owner_alive:
            raise OwnedElsewhere(f"task {record.task_address} runs in another window: pause it there, or wait for it")
        if record.state == "finished" and record.tick_pending:
            await self._jobs.settle(record)
            return
        if record.state in ("finished", "failed"):
            raise BadInput(f"{run} is {record.state}: there is nothing to resume")
        settings = self._adapters.settings()
        self._check_key(self._adapters.ways_of(settings, record))
        await self._raise_ceiling(record, settings)
        self._jobs.start(record)

    def check_provider(self, settings: Settings, record: RunRecord) -> None:
        """Raises BadInput where no setting names the run's provider, or where nobody it may ask has a key."""
        self._check_key(self._adapters.ways_of(settings, record))

    async def _raise_ceiling(self, record: RunRecord, settings: Settings) -> None:
        """Where the ceiling stopped the run and the user has set a higher limit since, that one holds."""
        limit = run_ceiling_pico(self._adapters, settings)
        if record.reason != "budget" or record.ceiling_pico is None:
            return
        if limit is None or limit > record.ceiling_pico:
            await self._adapters.journal().raise_ceiling(record.run, limit)

    def _check_key(self, ways: Ways) -> None:
        missing = ways.missing_key()
        if missing is not None:
            raise BadInput(missing)

    def _newest_text(self, workspace: str, spec_path: str) -> str:
        unsaved = self._buffers.unsaved_text(f"{workspace}/{spec_path}")
        if unsaved is not None:
            return unsaved
        data = self._adapters.files(Path(workspace)).read_bytes(spec_path)
        if isinstance(data, ToolRefused):
            raise BadInput(f"{spec_path}: {data.message}")
        try:
            return decode_spec(data)
        except SpecUnreadable as error:
            raise BadInput(f"{spec_path}: {error}") from error

    def _refuse_if_open(self, workspace: str, spec_path: str, spec: Spec, task: SpecTask) -> None:
        here = [each for each in self._adapters.journal().summaries(workspace) if each.record.spec == spec_path]
        newest = newest_run(spec, task, here)
        if newest is None or newest.record.state not in OPEN_RUN:
            return
        record, address = newest.record, address_of(spec, task)
        if record.run in self._jobs.mine:
            raise BadInput(f"task {address} runs already")
        if record.owner_alive:
            raise OwnedElsewhere(f"task {address} runs in another window: pause it there, or wait for it")
        raise BadInput(
            f"task {address} has a run that can go on: Resume keeps what is paid for, Stop gives it up ({record.run})"
        )

    def _plan(
        self,
        workspace: str,
        spec_path: str,
        text: str,
        spec: Spec,
        task: SpecTask,
        settings: Settings,
        ways: Ways,
        ceiling_pico: int | None,
        unsaved: FrozenBuffers,
    ) -> NewRun:
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.gather import gather_documents
        from bursar.runs.prepare import estimate_task, new_run
        from bursar.runs.staying import first_asked

        adapters = self._adapters
        files = adapters.files(Path(workspace), unsaved)
        local_only = settings.local_only | ways.route.local_only
        way = first_asked(ways, local_only, spec=spec, spec_path=spec_path, task=task)
        provider, model = way.provider, way.model
        estimate = estimate_task(
            spec=spec,
            text=text,
            task=task,
            documents=gather_documents(files, unsaved, spec_path, adapters.journal().pins(workspace)),
            provider=provider,
            model=model,
            price=adapters.prices(settings).price(provider=provider.name, model=model, at=adapters.clock.now_utc()),
            counter=adapters.counter(),
            ceiling_pico=ceiling_pico,
            terse=ways.route.effort == "terse",
            spec_path=spec_path,
            local_only=local_only,
            maps=adapters.repository_maps(Path(workspace)) if settings.maps else None,
        )
        return new_run(
            run=adapters.ids.new("run"),
            workspace=workspace,
            spec_path=spec_path,
            task=task,
            estimate=estimate,
            provider=provider.name,
            model=model,
            route=ways.route.name,
        )


def _task_at(spec: Spec, spec_path: str, line: int, title: str) -> SpecTask:
    found = next((each for each in spec.tasks if each.line == line and each.title == title), None)
    if found is None:
        raise BadInput(
            f"line {line + 1} of {spec_path} does not hold the task '{title}' any more: "
            "nothing was run; use the lens above the task again"
        )
    if not found.is_open:
        raise BadInput(f"task {address_of(spec, found)} is done or set aside: set its mark back to run it again")
    return found
