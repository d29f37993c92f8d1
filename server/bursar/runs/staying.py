"""What stays on this machine: which requests may go to no other one, and what a run is not shown that may.

Two guards, each enough by itself for what it sees. Before a tool's result or a document enters a conversation that may
go elsewhere, it is withheld. Before a request leaves, ``why_it_stays`` looks at all that is in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bursar.domain.context.pins import place_in
from bursar.domain.context.repository_map import mapped_paths
from bursar.domain.conversation import BrokenToolCall, ToolCall
from bursar.domain.ports import EditorBuffers, WorkspaceFiles
from bursar.domain.routes import LocalOnly
from bursar.domain.runs import RunRecord, StepRecord
from bursar.domain.specs import Spec, SpecTask, parse_spec
from bursar.domain.tasks import tasks_below
from bursar.runs.assemble import WITHHELD, Document, FirstRequest
from bursar.runs.gather import text_of
from bursar.runs.world import Paused, PauseNow, Way, Ways, World

_DOCUMENT = re.compile(r'^<document path="([^"\n]*)"(?: lines="[0-9]+-[0-9]+")?>$', re.MULTILINE)
_PLANNED = re.compile(r"^ *\[[x ]\] (\S*) (.*)$", re.MULTILINE)
_HIT = re.compile(r"^(.+?):[0-9]+: ", re.MULTILINE)
_IN_DIFF = re.compile(r"^(?:---|\+\+\+) ([^\t\n]+)", re.MULTILINE)


KEPT_BACK = (
    "[What it printed is not shown: a command can read every file, there are some here that stay on this machine (the "
    "user's setting local_only), and this run may ask a model elsewhere. Files that it changed are not shown either.]"
)
NOT_FOLLOWED = (
    "it could read what stays on this machine (the user's setting local_only), and what it changes cannot be followed "
    "here. Do the task without it, or say in finish that it is needed"
)


def why_it_stays(local_only: LocalOnly, run: RunRecord, first: FirstRequest, steps: Sequence[StepRecord]) -> str | None:
    """Why no request of this run may leave the machine, as a clause; None where one may."""
    if not local_only:
        return "what it has read stays on this machine" if first.local or _marked(steps) else None
    if _holds(local_only, run.spec, run.task_id, run.task_title):
        return f"its task '{run.task_title}' stays on this machine (local_only)"
    if local_only.holds_path(run.spec):
        return f"its tasks file {run.spec} stays on this machine (local_only)"
    listed = [place_in(item.partition(":")[2])[0] for item, _ in first.documents]
    for path in (
        *_DOCUMENT.findall(first.shared),
        *listed,
        *mapped_paths(first.task),
        *(_IN_DIFF.findall(first.task) if run.kind == "review" else ()),
    ):
        if local_only.holds_path(path):
            return f"it holds {path}, which stays on this machine (local_only)"
    for task_id, title in _PLANNED.findall(first.task):
        if title != WITHHELD and _holds(local_only, run.spec, task_id or None, title):
            return f"it names the task '{title}', which stays on this machine (local_only)"
    if first.local:
        return "its task, one below it or a document of its spec stayed on this machine when it began (local_only)"
    for path in (path for each in steps for path in _read_by(each)):
        if local_only.holds_path(path):
            return f"it has read {path}, which stays on this machine (local_only)"
    if _marked(steps):
        return "it has read what stays on this machine (local_only)"
    return None


def must_stay(local_only: LocalOnly, *, spec: Spec, spec_path: str, task: SpecTask) -> bool:
    """Whether a run of this task may go to no other machine, whatever it reads: its own words stay here."""
    near = {task.index, *(each.index for each in tasks_below(spec, task))}
    return local_only.holds_path(spec_path) or bool(near & _kept_tasks(local_only, spec, spec_path))


def first_asked(ways: Ways, local_only: LocalOnly, *, spec: Spec, spec_path: str, task: SpecTask) -> Way:
    """The way that a run of this task is begun with: the chain's first, or the first here where it must stay here."""
    if must_stay(local_only, spec=spec, spec_path=spec_path, task=task):
        return next((each for each in ways.chain if each.provider.is_loopback), ways.chain[0])
    return ways.chain[0]


def told_of(
    local_only: LocalOnly, *, spec: Spec, spec_path: str, task: SpecTask, documents: Sequence[Document], is_here: bool
) -> tuple[Sequence[Document], frozenset[int], bool]:
    """What the first request of a task tells: its documents, the tasks whose titles are left out, and whether it may
    go nowhere else. ``is_here``: the model that is asked first runs on this machine.
    """
    if must_stay(local_only, spec=spec, spec_path=spec_path, task=task):
        return documents, frozenset(), True
    kept = _kept_tasks(local_only, spec, spec_path)
    holds = [each for each in documents if local_only.holds_path(each.path) or local_only.holds_path(each.real_path)]
    if is_here:
        return documents, frozenset(), bool(holds or kept)
    return [each for each in documents if each not in holds], kept, False


def allowed_ways(world: World, run: RunRecord) -> tuple[Way, ...]:
    """The ways that the next request of this run may go. Raises PauseNow where it must stay here, and none is here."""
    chain = world.chain_for(run.model)
    why = why_it_stays(world.local_only, run, FirstRequest.from_json(run.first_request), world.journal.steps(run.run))
    here = chain if why is None else tuple(each for each in chain if each.provider.is_loopback)
    if here:
        return here
    detail = (
        f"Nothing was sent: this run stays on this machine, because {why}, and no model that it may ask is here. "
        f"Name one on this machine in the route and resume, or 'bursar resume {run.run} --model NAME/MODEL' with one."
    )
    raise PauseNow(Paused(reason="local_only", detail=detail))


def guarded(world: World, run: RunRecord) -> tuple[World, Keeps]:
    """The world of this run's tools, without what must stay here where a request may leave; and what it keeps."""
    steps = world.journal.steps(run.run)
    stays = why_it_stays(world.local_only, run, FirstRequest.from_json(run.first_request), steps) is not None
    ways = world.ways
    all_ways = () if ways is None else (*ways.chain, ways.stronger, ways.economy)
    chain = tuple(each for each in all_ways if each is not None) or world.chain_for(run.model)
    keeps = Keeps(
        world.files,
        world.buffers,
        world.local_only,
        steps,
        is_free=stays or all(each.provider.is_loopback for each in chain),
    )
    files = world.files if keeps.is_free else world.files.withholding(keeps.refusal)
    return replace(world, files=files), keeps


class Keeps:
    """What the tools of one run keep from its model, and the marks on what they have shown.

    ``is_free``: no request of the run may leave, so that it may see everything; what it sees is marked, and then the
    run stays here whatever is set later.
    """

    def __init__(
        self,
        files: WorkspaceFiles,
        buffers: EditorBuffers,
        local_only: LocalOnly,
        steps: Sequence[StepRecord],
        *,
        is_free: bool,
    ) -> None:
        self.is_free = is_free
        self._files = files
        self._buffers = buffers
        self._local_only = local_only
        self._seen = False
        # What a command changed while its output was kept back may hold what it has read.
        self._changed = {path for each in steps if (each.result or {}).get("kept_here") for path in _changed_by(each)}
        self._changed_anything = any((each.result or {}).get("kept_here") == "everything" for each in steps)

    def refusal(self, path: str) -> str | None:
        """Why the model is not shown this file (its real path below the root); None where it may see it."""
        if not self._local_only:
            return None
        if self._changed_anything or path in self._changed:
            return (
                "was changed by a command whose output stays on this machine (local_only), and may hold what that has "
                "read: it is not shown. Do the task without it, or say in finish that it is needed"
            )
        if self._holds(path):
            return (
                "stays on this machine (the user's setting local_only), and this run may ask a model elsewhere: it is "
                "neither shown nor changed. Do the task without it, or say in finish that it is needed"
            )
        return None

    def hides_output(self) -> bool:
        """Whether a command could print what stays here: whatever it is, it can read every file. Blocks."""
        if not self.is_free and self._local_only and not self._seen:
            self._seen = self._files.has_any(self._holds)
        return self._seen

    def after_hidden(self, made: dict[str, Any], unsure: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """Note what a command changed whose output was kept back; what goes into its step's result.

        ``unsure`` is what an earlier attempt at it may have changed.
        """
        if "changes" not in made:
            self._changed_anything = True
            return {"kept_here": "everything"}
        self._changed |= {str(each["path"]) for each in (*made["changes"], *unsure)}
        return {"kept_here": "output"}

    def mark(self, call: ToolCall | BrokenToolCall) -> dict[str, Any]:
        """What a step's intent says so that the run stays here after it."""
        if not (self.is_free and self._local_only) or isinstance(call, BrokenToolCall):
            return {}
        if call.name in ("read_file", "edit_file"):
            real = self._files.real_path(str(call.input.get("path", "")))
            return {"local": True} if self._holds(real) or self._holds(str(call.input.get("path", ""))) else {}
        return {"local": True} if call.name in ("search", "run_command") else {}

    def _holds(self, path: str) -> bool:
        if self._local_only.holds_path(path):
            return True
        if not self._local_only.tasks or path.rpartition("/")[2].casefold() != "tasks.md":
            return False
        text = text_of(self._files, self._buffers, path)
        return text is not None and bool(_kept_tasks(self._local_only, parse_spec(text, path_hint=path), path))


def _kept_tasks(local_only: LocalOnly, spec: Spec, spec_path: str) -> frozenset[int]:
    """The tasks that stay here, each with all below it."""
    kept: set[int] = set()
    for each in spec.tasks:
        if _holds(local_only, spec_path, each.id, each.title):
            kept |= {each.index, *(below.index for below in tasks_below(spec, each))}
    return frozenset(kept)


def _holds(local_only: LocalOnly, spec_path: str, task_id: str | None, title: str) -> bool:
    """Whether the task stays here; one with a dotted id does also where the task above it does."""
    ids: list[str | None] = [task_id]
    while (last := ids[-1]) is not None and "." in last:
        ids.append(last.rpartition(".")[0])
    return any(local_only.holds_task(spec_path, each, title) for each in ids)


def _marked(steps: Sequence[StepRecord]) -> bool:
    return any(each.intent.get("local") for each in steps)


def _read_by(step: StepRecord) -> list[str]:
    """The files that a step has shown something of, by the names that it used."""
    given, result = step.intent.get("input"), step.result or {}
    if step.status != "done" or result.get("error") or not isinstance(given, dict):
        return []
    if step.intent.get("tool") == "search":
        return _HIT.findall(str(result.get("content", "")))
    return [str(given.get("path", ""))] if step.intent.get("tool") in ("read_file", "edit_file") else []


def _changed_by(step: StepRecord) -> list[str]:
    changed = (*(step.result or {}).get("changes", ()), *step.intent.get("unsure", ()))
    return [str(each["path"]) for each in changed]
