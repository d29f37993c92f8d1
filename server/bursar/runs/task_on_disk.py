"""The task of a run as its file is on the disk now: what others have made of its mark since."""

from __future__ import annotations

from bursar.domain.ports import ToolRefused, WorkspaceFiles
from bursar.domain.runs import RunRecord
from bursar.domain.specs import SpecTask, SpecUnreadable, decode_spec, parse_spec
from bursar.domain.tasks import task_of_run, truth_of


def task_on_disk(files: WorkspaceFiles, record: RunRecord) -> SpecTask | None:
    """The task that the run is about; None where the file cannot be read or the task not be told. Blocks."""
    data = files.read_bytes(record.spec)
    if isinstance(data, ToolRefused):
        return None
    try:
        return task_of_run(parse_spec(decode_spec(data), path_hint=record.spec), record)
    except SpecUnreadable:
        return None


def is_ticked_by_hand(files: WorkspaceFiles, record: RunRecord) -> bool:
    """Whether the tasks file says that the task is done while this run is open. Blocks."""
    task = task_on_disk(files, record)
    return task is not None and truth_of(task.state, record).ask
