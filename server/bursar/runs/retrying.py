"""Tries a task again with what its last run has brought: the finished steps are kept, what failed is done again."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.conversation import BrokenToolCall, ToolCall
from bursar.domain.errors import AnswerAway, BadInput, OwnedElsewhere
from bursar.domain.ports import HeldElsewhere
from bursar.domain.prompts import Prompt
from bursar.domain.runs import KeptSteps, NewRun, RunRecord, StepRecord
from bursar.domain.specs import SpecTask, title_sha256
from bursar.domain.tasks import OPEN_RUN
from bursar.runs.asking import Requests
from bursar.runs.events import Events
from bursar.runs.fold import answer_blocks, check_key, request_key, tool_key
from bursar.runs.modes import mode_events
from bursar.runs.shapes import shape_events
from bursar.runs.world import World


def steps_to_keep(steps: Sequence[StepRecord]) -> tuple[str, ...]:
    """The keys of the steps that a new run begins with, in their order.

    A command or an edit that was begun is kept as it stands: whether it is done is looked at, or asked, and not taken
    for undone. Answers at the end that call no tool are what failed.
    """
    by_key = {each.key: each for each in steps}
    kept: list[str] = []
    fruitful = 0
    n = 1
    while (step := by_key.get(request_key(n))) is not None and step.status == "done":
        kept.append(step.key)
        calls = [each for each in answer_blocks(step) if isinstance(each, ToolCall | BrokenToolCall)]
        for index in range(len(calls)):
            done = by_key.get(tool_key(n, index))
            if done is None or done.status == "failed":
                return tuple(kept)
            kept.append(done.key)
            if done.status != "done":
                return tuple(kept)
        checked = by_key.get(check_key(n))
        if checked is not None and checked.status == "done":
            kept.append(checked.key)
        if calls:
            fruitful = len(kept)
        n += 1
    return tuple(kept[:fruitful])


def check_can_retry(run: RunRecord | None, task: str) -> RunRecord:
    """The run that can be tried again. Raises BadInput and OwnedElsewhere that say what to do instead."""
    if run is None:
        raise BadInput(f"task {task} has not been run: there is nothing to retry; run it")
    if run.state == "finished":
        raise BadInput(f"the last run of task {task} is done: run it to begin anew")
    if run.owner_alive:
        raise OwnedElsewhere(f"task {task} runs now as {run.run}: pause or stop it first")
    return run


async def retry(world: World, source: RunRecord, task: SpecTask, *, run: str, ceiling_pico: int | None) -> RunRecord:
    """Record a new run of the task that begins with the finished steps of this one, which is over by then.

    What it had in flight is settled first: an answer that was had whole is kept, too. The model, the first request and
    so the bytes that the provider has cached are the same. Raises BadInput for a run whose text was erased, or whose
    answer cannot be fetched now, and OwnedElsewhere.
    """
    journal = world.journal
    claimed = await journal.claim(source.run)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{source.run} runs in another window ({claimed.owner}): pause it there, or wait for it")
    try:
        await _settle_in_flight(world, claimed.run, claimed.epoch)
        if claimed.run.state in OPEN_RUN:
            detail = f"Its task was tried again as {run}, which keeps its finished steps."
            await journal.set_state(
                run=source.run, epoch=claimed.epoch, state="failed", reason="retried", detail=detail
            )
    finally:
        await journal.release(source.run)
    kept = KeptSteps(run=source.run, keys=steps_to_keep(journal.steps(source.run)))
    record = await journal.create_run(
        NewRun(
            run=run,
            workspace=source.workspace,
            spec=source.spec,
            task_id=task.id,
            task_address=source.task_address,
            task_title=task.title,
            task_title_sha256=title_sha256(task),
            task_line=task.line,
            provider=source.provider,
            model=source.model,
            ceiling_pico=ceiling_pico,
            first_request=claimed.run.first_request,
            counted_tokens=source.counted_tokens,
            prompt=Prompt(version=source.prompt_version),
        ),
        only_one=True,
        kept=kept,
    )
    # The model and the effort that the run had come to are part of what is kept, and of the bytes of the conversation.
    next_n = 1 + sum(1 for key in kept.keys if key.startswith("m"))
    events = journal.events(run=source.run)
    for each in mode_events(events, before=next_n):
        await journal.append_event(run=run, kind=each.kind, data=each.data)
    for kind, data in shape_events(events, kept=frozenset(kept.keys), before=next_n):
        await journal.append_event(run=run, kind=kind, data=data)
    return record


async def _settle_in_flight(world: World, run: RunRecord, epoch: int) -> None:
    requests = Requests(world, run, epoch, Events(world, run.run))
    for step in world.journal.steps(run.run):
        if step.kind == "model" and step.status == "intent":
            try:
                await requests.take_up(int(step.key.removeprefix("m")), step)
            except AnswerAway as error:
                raise BadInput(f"{error}. It is not asked again while it may still come: resume {run.run}") from error
