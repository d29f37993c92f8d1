"""The session: changes go through ``apply``, looks through ``snapshot``; it owns the jobs beside the loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bursar.domain.errors import BadInput
from bursar.domain.runs import RunRecord, RunSummary
from bursar.runs.here import here_of
from bursar.runs.world import Outcome
from bursar.session.alerting import tell_alerts
from bursar.session.analysing import Analyst
from bursar.session.asking import EditorAsker
from bursar.session.batches import Batches
from bursar.session.beside import Beside
from bursar.session.configuring import Configuring
from bursar.session.controlling import Control
from bursar.session.dividing import Divider
from bursar.session.documents import Buffers
from bursar.session.edits import Edits
from bursar.session.hand_ticks import is_wanted
from bursar.session.hold import Hold
from bursar.session.jobs import RunJobs
from bursar.session.model import (
    Changed,
    Closed,
    Configured,
    Document,
    Edited,
    Event,
    FilesChanged,
    FoldersChanged,
    Opened,
    Saved,
    Snapshot,
    Trusted,
    Unread,
)
from bursar.session.places import Places
from bursar.session.ports import Adapters, Editor
from bursar.session.purse import Purse
from bursar.session.reconciling import Reconciling
from bursar.session.records import Records
from bursar.session.resuming import Resumes
from bursar.session.rewinds import steps_json
from bursar.session.shown import Shown
from bursar.session.starting import Starter
from bursar.session.worse import tell_worse
from bursar.views.annotations import Annotations


class Session:
    """All that changes in one editor session, on one event loop."""

    def __init__(self, *, adapters: Adapters, editor: Editor, root_of: Callable[[Path], Path]) -> None:
        self._adapters = adapters
        self._editor = editor
        self._configuring = configuring = Configuring(adapters=adapters, editor=editor)
        self._places = Places(folders=lambda: self._folders, settings=lambda: configuring.settings, root_of=root_of)
        self._documents: dict[str, Document] = {}
        self._edits = Edits(editor)
        self._folders: tuple[str, ...] = ()
        self._trusted = False
        self._closing = False
        self.shown = Shown()
        self._beside = Beside(editor)
        self._buffers = Buffers(editor=editor, clock=adapters.clock, documents=lambda: list(self._documents.values()))
        self._asker = EditorAsker(editor=editor, home=adapters.home, ids=adapters.ids)
        self._resumes = Resumes(adapters=adapters, editor=editor)
        self.analyst = Analyst(
            adapters=adapters,
            editor=editor,
            buffers=self._buffers,
            document=self._documents.get,
            settings=lambda: self._configuring.settings,
            problem=self._configuring.tell_once,
            snapshot=self.snapshot,
            places=self._places,
            beside=self._beside.start,
        )
        self._records = Records(
            adapters=adapters,
            editor=editor,
            settings=lambda: self._configuring.settings,
            mine=lambda: self._jobs.mine,
            running=lambda: self._jobs.running,
            problem=self._configuring.tell_once,
            loaded=self._looked_at,
            skips_changed=self.analyst.forecasts.look_soon,
            booked=self.analyst.estimates.look_soon,
        )
        self._jobs = RunJobs(
            adapters=adapters,
            editor=editor,
            asker=self._asker,
            buffers=self._buffers,
            changed=self._records.look_soon,
            may_run=self._may_write,
            trusted=lambda: self._trusted,
            wanted=is_wanted(adapters),
            ended=self._run_ended,
        )
        self._starter = Starter(adapters=adapters, jobs=self._jobs, buffers=self._buffers)
        self._control = Control(adapters=adapters, editor=editor, starter=self._starter, jobs=self._jobs)
        self._divider = Divider(
            adapters=adapters, editor=editor, starter=self._starter, jobs=self._jobs, buffers=self._buffers
        )
        self._batches = Batches(
            adapters=adapters,
            starter=self._starter,
            folders=lambda: self._folders,
            may_run=self._may_write,
            beside=self._beside.start,
        )
        self._purse = Purse(adapters=adapters, editor=editor, records=self._records, resumes=self._resumes)
        self.hold = Hold(
            adapters=adapters,
            editor=editor,
            buffers=self._buffers,
            records=self._records,
            resumes=self._resumes,
            check=self._check_open,
            folders=lambda: self._folders,
            changed=self.analyst.count_all,
        )
        self._reconciling = Reconciling(
            adapters=adapters,
            editor=editor,
            records=self._records,
            jobs=self._jobs,
            may_write=self._may_write,
            resume=self.resume_run,
            stop=self.stop_run,
            problem=self._configuring.tell_once,
        )

    # -- what happens ----------------------------------------------------------------------------------------------

    def apply(self, event: Event) -> None:
        """Change the session; what must be counted or read for it is done beside the loop afterwards."""
        match event:
            case Opened():
                self._edits.in_step(event.uri)
                self._put(self._places.describe(event.uri, event.path, event.version, event.text))
                self._buffers.opened(self._documents[event.uri])
            case Changed() | Edited():
                self._change(event)
            case Unread():
                if (known := self._documents.get(event.uri)) is not None:
                    self._edits.lost(known, "it could not be read")
            case Saved():
                self._save(event.uri)
            case Closed():
                self._edits.in_step(event.uri)
                closed = self._documents.pop(event.uri, None)
                self.analyst.forget(event.uri)
                self.shown.forget(event.uri)
                self._buffers.closed(event.uri)
                self.analyst.count_dependents(closed.path if closed is not None else None)
            case FilesChanged():
                for path in event.paths:
                    if self._places.may_hold_tasks(path):
                        self._beside.start(self._reconciling.written(path))
                    self.analyst.count_dependents(path)
            case Trusted():
                self._trusted = event.trusted
                if not event.trusted:
                    self._asker.withdraw()
                    self._jobs.end_commands()
                self._records.look_soon()
                self._beside.start(self._reconciling.all() if event.trusted else self._jobs.pause_all())
            case Configured():
                self._configure(event)
            case FoldersChanged():
                self._folders = event.folders
                for each in event.folders:
                    self._look_after(each)
                for document in list(self._documents.values()):
                    self._put(self._places.again(document))

    @property
    def folders(self) -> tuple[str, ...]:
        """The open folders."""
        return self._folders

    def snapshot(self) -> Snapshot:
        """The session as it is now."""
        return Snapshot(
            documents=MappingProxyType(dict(self._documents)),
            analyses=MappingProxyType(dict(self.analyst.analyses)),
            runs=MappingProxyType(dict(self._records.runs)),
            mine=self._jobs.mine,
            trusted=self._trusted,
            settings=self._configuring.settings,
            left_pico=self._records.left_pico,
            meter=self._records.meter,
            forecasts=MappingProxyType(self.analyst.forecasts.known),
            rooms=self._records.rooms,
            raised_pico=self._records.raised_pico,
            warn_percent=self._records.warn_percent,
            use=self._records.use,
            losses=self._records.losses,
            calibration=self.analyst.estimates.known,
            small_hints=self.analyst.small_hints,
            here=here_of(self._adapters.clock),
            skips=MappingProxyType(dict(self._records.skips)),
            resumables=self._resumes.known(self._records),
        )

    def annotations(self, uri: str) -> Annotations:
        """Everything that is shown on a document; made anew only where something that it is made of has changed."""
        return self.shown.of(self.snapshot(), uri)

    def summaries(self) -> list[RunSummary]:
        """The runs of the workspaces that the session looks after, newest first."""
        return self._records.summaries()

    # -- what the user asks for ------------------------------------------------------------------------------------

    async def run_task(self, path: str | None, line: int, title: str) -> str:
        """Begin a run of the task on this line, or of the open tasks below it; its id, or that of the first one.

        Raises BadInput, Refused and StorageError with a sentence.
        """
        workspace, file = self._place(path)
        run = await self._batches.run(workspace=workspace, path=file, line=line, title=title)
        self._beside.start(self.hold.tell_pins(workspace))
        self._records.look_soon()
        return run

    async def skip_task(self, path: str | None, line: int, title: str) -> str | None:
        """Leave the task out of what runs several; the id of the run that was stopped for it. Raises as run_task."""
        workspace, file = self._place(path)
        stopped = await self._control.skip(workspace=workspace, path=file, line=line, title=title)
        self._records.look_soon()
        return stopped

    async def retry_task(self, path: str | None, line: int, title: str) -> str:
        """Run the task again with the finished steps of its last run; the new run's id. Raises as run_task."""
        workspace, file = self._place(path)
        run = await self._control.retry(workspace=workspace, path=file, line=line, title=title)
        self._records.look_soon()
        return run

    async def defer_task(self, path: str | None, line: int, title: str, until: str | None) -> tuple[str, str]:
        """Park the task until a moment, or ask until when; its run and the moment. Raises as run_task."""
        workspace, file = self._place(path)
        run, moment = await self._control.defer(workspace=workspace, path=file, line=line, title=title, until=until)
        self._records.look_soon()
        return run, moment

    async def split_task(self, path: str | None, line: int, title: str) -> dict[str, Any]:
        """Have sub-tasks proposed, and write them once the user agrees; what came of it. Raises as run_task."""
        workspace, file = self._place(path)
        return await self._divider.split(workspace=workspace, path=file, line=line, title=title)

    async def resume_run(self, run: str) -> str:
        """Go on with a run. Raises BadInput, Refused and StorageError with a sentence."""
        self._starter.check_trust(self._trusted)
        await self._starter.resume_run(run, self._folders)
        return run

    async def pause_run(self, run: str) -> str:
        """Have a run pause between steps, or a waiting one not go on by itself. Raises BadInput where none could."""
        await self._control.pause(run)
        self._records.look_soon()
        return run

    async def stop_run(self, run: str) -> str:
        """End a run for good, at once: what is under way is broken off. Raises BadInput where none could."""
        await self._control.stop(run)
        self._records.look_soon()
        return run

    async def accept_run(self, run: str) -> bool:
        """Take the task of a run that waits for its check as done; whether its mark is saved.

        Raises BadInput, Refused, OwnedElsewhere and StorageError with a sentence.
        """
        self._starter.check_trust(self._trusted)
        ticked = await self._control.accept(run, self._folders)
        self._records.look_soon()
        return ticked

    async def rewind_run(self, run: str, step: str) -> dict[str, Any]:
        """Bring a run back to just before a step, after showing the diff and asking; what came of it.

        Raises BadInput, Refused and StorageError with a sentence.
        """
        self._starter.check_trust(self._trusted)
        try:
            return await self._control.rewind(run, step, may_write=self._may_write())
        finally:
            self._records.look_soon()

    def steps(self) -> dict[str, list[dict[str, Any]]]:
        """The steps of each run of ``summaries``."""
        return steps_json(self._adapters.journal(), self.summaries())

    async def set_budget(self, scope: str, amount: str | None, run: str | None = None) -> str:
        """Set the user's own limit, or let the user choose one; the amount. Raises BadInput for what is none."""
        chosen = await self._purse.set(scope, amount, run)
        self._records.look_soon()
        self.analyst.count_all()
        return chosen

    async def unset_budget(self, scope: str) -> str | None:
        """Go back to the limit of the settings; that amount, None for no limit. Raises BadInput for no scope."""
        now = await self._purse.unset(scope)
        self._records.look_soon()
        self.analyst.count_all()
        return now

    def look_at(self, uri: str, first: int, end: int) -> None:
        """The user looks at these lines of a document: what is not counted yet is counted there first."""
        self.analyst.look_at(uri, first, end)

    async def close(self) -> None:
        """End every job; a run stops between two steps where that comes soon, else it is cancelled and can resume."""
        self._closing = True
        hopeless = self._asker.close()
        self._records.close()
        self.analyst.close()
        self._resumes.close()
        self._beside.close()
        await self._jobs.close(hopeless)

    def _check_open(self, path: str) -> None:
        self._starter.check_trust(self._trusted)
        self._starter.check_inside(path, self._folders)

    def _place(self, path: str | None) -> tuple[str, str]:
        """The workspace of a tasks file that may be worked in, and the file. Raises BadInput and Refused."""
        if path is None:
            self._starter.check_trust(self._trusted)
            raise BadInput("Only a tasks.md on the disk can be run: save the document first")
        self._check_open(path)
        workspace = self._places.workspace_of(path)
        self._look_after(workspace)
        return workspace, path

    def _put(self, document: Document) -> None:
        self._documents[document.uri] = document
        if document.kind == "other":
            self.analyst.forget(document.uri)
        else:
            self._look_after(document.workspace)
            self.analyst.count(document.uri)
        self.analyst.count_dependents(document.path)

    def _change(self, event: Changed | Edited) -> None:
        known = self._documents.get(event.uri)
        # What was never opened here can get out of step with nothing.
        blocks = self._edits.applied(known, event) if known is not None else None
        if known is None or blocks is None:
            return
        self._put(self._places.changed(known, event.version, blocks))
        if not (isinstance(event, Edited) and event.is_overtaken):
            self.analyst.edited(self._documents[event.uri])
        self._buffers.changed()

    def _save(self, uri: str) -> None:
        document = self._documents.get(uri)
        if document is None:
            return
        self._buffers.saved(document)
        if document.kind == "other":
            # Its file may be new, and a tasks.md may stand beside it by now.
            self._put(self._places.again(document))
        self._beside.start(self._reconciling.written(document.path))

    def _configure(self, event: Configured) -> None:
        if self._configuring.take(event):
            self.apply(FoldersChanged(folders=self._folders))  # every file may be something else now
        self._records.look_soon()
        self.analyst.count_all()

    def _look_after(self, workspace: str) -> None:
        if self._records.add(workspace) and self._trusted:
            self._beside.start(self._reconciling.all())

    def _looked_at(self, summary: RunSummary) -> None:
        """A run was looked at: it goes on at its moment if it is one of the folders that are open and trusted."""
        self._resumes.look(summary)
        self.analyst.forecasts.looked_at(summary)
        if self._starter.is_inside(summary.record.workspace, self._folders):
            self._jobs.remember(summary.record)

    def _run_ended(self, record: RunRecord, outcome: Outcome | None) -> None:
        self._batches.ended(record, outcome)
        if not self._closing:
            self._beside.start(tell_worse(self._adapters, self._editor, record.run))
            self._beside.start(tell_alerts(self._adapters, self._editor, self._configuring.settings.alerts))

    def _may_write(self) -> bool:
        return self._trusted and not self._closing
