"""One tool call as a guarded step: intent, act, result; after a crash the world is probed before it is done again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, TypeGuard

from bursar.domain.conversation import BrokenToolCall, ToolCall
from bursar.domain.ports import CommandOutcome, CommandPlan, EditPlan, NeedsYes, ToolRefused
from bursar.domain.runs import RunRecord, StepKind, StepRecord
from bursar.domain.safety.show import (
    question_for_command,
    question_for_editor,
    question_for_in_doubt,
    question_for_path,
)
from bursar.runs.allowing import commands_allowed
from bursar.runs.checking import check_command, check_not_run
from bursar.runs.events import Events
from bursar.runs.fold import RunCheck, UseTool, tool_key, tool_order
from bursar.runs.keeping import Keeping
from bursar.runs.recalling import recalled
from bursar.runs.shapes import shapes_of
from bursar.runs.staying import KEPT_BACK, NOT_FOLLOWED, Keeps
from bursar.runs.tools import EDITS, LOOKS, input_problem, line_of, outcome_text, plan_json
from bursar.runs.wishes import StopAsked, unless_stopped
from bursar.runs.world import Paused, PauseNow, World


class Tools:
    """Carries out the tool calls of one run under one epoch.

    Yeses live as long as this object: a new process asks again. A yes to reading a file is none to changing it.
    """

    def __init__(self, world: World, run: RunRecord, epoch: int, events: Events, keeps: Keeps) -> None:
        self._world = world
        self._keeps = keeps
        self._run = run
        self._epoch = epoch
        self._events = events
        self._keeping = Keeping(world, run.run, events)
        self._readable: frozenset[str] = frozenset()
        self._changeable: frozenset[str] = frozenset()
        self._commands_for_run: dict[CommandPlan, tuple[int, str]] = {}
        self._edits_made = 0
        self._seconds_run = run.seconds_run

    async def use(self, act: UseTool, *, seconds_run: float) -> Paused | None:
        """Get the result of this call into the journal; a value says why the run must pause instead."""
        self._seconds_run = seconds_run
        try:
            return await self._use(act)
        except PauseNow as pause:
            return pause.paused

    async def check(self, act: RunCheck, *, seconds_run: float) -> Paused | None:
        """Run the task's check under the rules of any command, and get its result into the journal.

        A value says why the run must pause instead: a check that the user does not allow says nothing of the task.
        One that was interrupted is run again; that it may be is what makes it a check.
        """
        self._seconds_run = seconds_run
        argv = await check_command(self._world, act.check)
        if isinstance(argv, Paused):
            return argv
        call = ToolCall(id=act.call.id, name="run_command", input={"argv": list(argv)})
        use = UseTool(n=act.n, index=act.index, call=call, step=act.step)
        try:
            return await self._run_command(use, call, refused=check_not_run)
        except PauseNow as pause:
            return pause.paused

    async def _use(self, act: UseTool) -> Paused | None:
        call = act.call
        if isinstance(call, BrokenToolCall):
            await self._answer(act, "look", {"tool": call.name}, f"This call was not run: {call.why}", error=True)
            return None
        problem = input_problem(call.name, call.input)
        if problem is not None:
            await self._answer(act, "look", _intent(call), f"This call was not run: {problem}", error=True)
            return None
        if call.name in LOOKS:
            await self._look(act, call)
            return None
        if call.name in EDITS:
            return await self._edit(act, call)
        if call.name == "run_command":
            return await self._command(act, call)
        if call.name == "recall":
            await self._recall(act, call)
            return None
        await self._answer(act, "look", _intent(call), str(call.input["summary"]))
        return None

    async def _recall(self, act: UseTool, call: ToolCall) -> None:
        journal, run = self._world.journal, self._run.run
        found = recalled(call.input, journal.steps(run), shapes_of(journal.events(run=run)))
        if isinstance(found, ToolRefused):
            await self._answer(act, "look", _intent(call), found.message, error=True)
        else:
            await self._answer(act, "look", _intent(call), found)

    async def _look(self, act: UseTool, call: ToolCall) -> None:
        path = str(call.input.get("path", "."))
        found: Any = await asyncio.to_thread(self._look_once, call)
        if isinstance(found, NeedsYes):
            if not await self._yes_to_path(found, changing=False):
                await self._answer(act, "look", _intent(call), f"The user did not allow reading {path}.", error=True)
                return
            found = await asyncio.to_thread(self._look_once, call)
        if isinstance(found, ToolRefused | NeedsYes):
            message = found.message if isinstance(found, ToolRefused) else found.why
            await self._answer(act, "look", _intent(call), message, error=True)
        elif isinstance(found, str):
            await self._answer(act, "look", _intent(call), found)
        else:
            shown = found.text
            if found.truncated or found.first_line > 1 or found.last_line < found.total_lines:
                shown = f"[lines {found.first_line}-{found.last_line} of {found.total_lines}]\n{shown}"
            await self._answer(act, "look", _intent(call), shown, line=max(found.first_line - 1, 0))

    def _look_once(self, call: ToolCall) -> object:
        files, given = self._world.files, call.input
        if call.name == "list_files":
            return files.list(str(given["path"]), allowed=self._readable)
        if call.name == "search":
            return files.search(str(given["pattern"]), path=str(given.get("path", ".")), allowed=self._readable)
        return files.read(
            str(given["path"]),
            first_line=given.get("first_line"),
            last_line=given.get("last_line"),
            allowed=self._readable,
        )

    async def _edit(self, act: UseTool, call: ToolCall) -> Paused | None:
        if _was_begun(act.step):
            state = await self._take_up_edit(act, call, act.step)
            if isinstance(state, Paused):
                return state
            if state == "done":
                return None
        planned = self._plan_once(call)
        if isinstance(planned, NeedsYes):
            if not await self._yes_to_path(planned, changing=True):
                message = f"The user did not allow changing {planned.path}. It was not changed."
                await self._answer(act, "edit", _intent(call), message, error=True)
                return None
            planned = self._plan_once(call)
        if isinstance(planned, NeedsYes):
            await self._answer(act, "edit", _intent(call), planned.why, error=True)
            return None
        if isinstance(planned, ToolRefused):
            await self._answer(act, "edit", _intent(call), planned.message, error=True)
            return None
        if planned.in_editor:
            return await self._edit_in_editor(act, call, planned)
        kept = await self._keeping.before_edit(planned)
        await self._begin(act, "edit", {**_intent(call), **plan_json(planned), **kept})
        refused = self._world.files.apply(planned)
        if refused is not None:
            await self._finish(act, call, refused.message, error=True)
            return None
        self._edits_made += 1
        await self._finish(act, call, _edited(planned), line=line_of(call, planned))
        return None

    async def _edit_in_editor(self, act: UseTool, call: ToolCall, planned: EditPlan) -> Paused | None:
        """The file has unsaved changes in the editor: ask, then change the buffer there, never the disk."""
        absolute = f"{self._world.files.root}/{planned.path}"
        before = self._world.buffers.unsaved_text(absolute)
        answer = await self._events.ask(question_for_editor(self._run.run, planned.path))
        if answer != "Yes" or before is None:
            message = f"{planned.path} has unsaved changes in the editor and the user did not allow changing it."
            await self._answer(act, "edit", _intent(call), message, error=True)
            return None
        kept = await self._keeping.before_edit(planned, before)
        await self._begin(act, "edit", {**_intent(call), **plan_json(planned), **kept})
        if not await self._world.buffers.replace(absolute, expected=before, new=planned.text_after):
            message = f"The editor did not accept the change of {planned.path}: it was edited meanwhile. Read it again."
            await self._finish(act, call, message, error=True)
            return None
        self._edits_made += 1
        said = f"{_edited(planned)} (in the editor, not saved yet)"
        await self._finish(act, call, said, line=line_of(call, planned))
        return None

    async def _take_up_edit(self, act: UseTool, call: ToolCall, step: StepRecord) -> Paused | Literal["again", "done"]:
        """An edit was begun and its result is not known: look at the file. "done" has recorded its result."""
        if "sha256_after" not in step.intent:
            # Before such steps said so themselves: it was refused, and the file was never touched.
            return "again"
        plan = EditPlan(
            path=str(step.intent["path"]),
            sha256_before=step.intent["sha256_before"],
            sha256_after=str(step.intent["sha256_after"]),
            text_after="",
            in_editor=bool(step.intent.get("in_editor")),
        )
        state = "conflict" if plan.in_editor else self._world.files.probe(plan)
        if state == "after":
            self._edits_made += 1
            await self._finish(act, call, _edited(plan))
            return "done"
        if state == "before":
            return "again"
        what = f"{plan.path} was being changed when Bursar ended, and it is now neither the old nor the new text"
        return await self._in_doubt(act, call, what)

    def _plan_once(self, call: ToolCall) -> EditPlan | ToolRefused | NeedsYes:
        files, given = self._world.files, call.input
        if call.name == "edit_file":
            return files.plan_edit(
                str(given["path"]), old=str(given["old"]), new=str(given["new"]), allowed=self._changeable
            )
        return files.plan_write(str(given["path"]), text=str(given["content"]), allowed=self._changeable)

    async def _command(self, act: UseTool, call: ToolCall) -> Paused | None:
        argv = tuple(str(each) for each in call.input["argv"])
        shown = json.dumps(argv, ensure_ascii=False)
        if _was_begun(act.step):
            what = f"the command {shown} was running when Bursar ended, and whether it did its work is not known"
            decided = await self._in_doubt(act, call, what)
            if isinstance(decided, Paused):
                return decided
            if decided == "done":
                return None
        return await self._run_command(act, call)

    async def _run_command(
        self, act: UseTool, call: ToolCall, *, refused: Callable[[str], Paused] | None = None
    ) -> Paused | None:
        argv = tuple(str(each) for each in call.input["argv"])
        shown = json.dumps(argv, ensure_ascii=False)
        plan = self._world.commands.plan(argv)
        if isinstance(plan, ToolRefused) and refused is not None:
            return refused(plan.message)
        if isinstance(plan, ToolRefused):
            await self._answer(act, "command", _intent(call), plan.message, error=True)
            return None
        state = await self._state_of_files(plan)
        allowed_now = argv in commands_allowed(self._world, self._run.run) or (
            state is not None and self._commands_for_run.get(plan) == state
        )
        if not allowed_now:
            answer = await self._events.ask(question_for_command(self._run.run, plan))
            if answer is None or answer == "No":
                message = f"The user did not allow the command {shown}. It was not run."
                if refused is not None:
                    return refused(message)
                await self._answer(act, "command", _intent(call), message, error=True)
                return None
            if answer == "For this run" and state is not None:
                self._commands_for_run[plan] = state
        kept = await self._keeping.before_command(act.step)
        hides = await asyncio.to_thread(self._keeps.hides_output)
        if hides and kept["snapshot"]["kind"] == "none":
            message = f"The command {shown} was not run: {NOT_FOLLOWED}"
            if refused is not None:
                return refused(message)
            await self._answer(act, "command", _intent(call), message, error=True)
            return None
        await self._begin(act, "command", {**_intent(call), **kept})
        self._world.failpoint("before_spawn")
        outcome = await self._command_ended(act, plan, is_check=refused is not None)
        self._world.failpoint("command_ended")
        made = await self._keeping.after_command(kept["snapshot"])
        said = outcome_text(outcome)
        if hides or await asyncio.to_thread(self._keeps.hides_output):
            said = outcome_text(replace(outcome, output=KEPT_BACK))
            made = {**made, **self._keeps.after_hidden(made, kept.get("unsure", ()))}
        await self._finish(act, call, said, error=outcome.exit_code != 0, more=made)
        return None

    async def _command_ended(self, act: UseTool, plan: CommandPlan, *, is_check: bool) -> CommandOutcome:
        """Run it to its end. Raises StopAsked where the user's stop ended it: it is in doubt then, unless it is
        a check, which is run again anyway.
        """
        try:
            return await unless_stopped(self._world, self._run.run, self._world.commands.run(plan))
        except StopAsked:
            if not is_check:
                await self._world.journal.doubt_step(
                    run=self._run.run, epoch=self._epoch, key=tool_key(act.n, act.index)
                )
            raise

    async def _state_of_files(self, plan: CommandPlan) -> tuple[int, str] | None:
        """What a yes for the whole run holds for: the files that the command may run, as they are before the question.

        Whoever changes them: this run, another one, the user, or a command. None: it cannot be told.
        """
        if not plan.runs_workspace_files:
            return (0, "")
        files = await asyncio.to_thread(self._world.commands.state_of_files)
        return None if files is None else (self._edits_made, files)

    async def _in_doubt(self, act: UseTool, call: ToolCall, what: str) -> Paused | Literal["again", "done"]:
        """Let the user decide about a step whose outcome cannot be known; "done" has recorded its result."""
        answer: str | None = {"rerun": "Run again", "skip": "Treat as done"}.get(self._world.in_doubt)
        if answer is None:
            await self._world.journal.doubt_step(run=self._run.run, epoch=self._epoch, key=tool_key(act.n, act.index))
            answer = await self._events.ask(question_for_in_doubt(self._run.run, what))
        if answer == "Run again":
            return "again"
        if answer == "Treat as done":
            message = f"Interrupted: {what}. The user says to treat it as done; check before you rely on it."
            hides = call.name == "run_command" and await asyncio.to_thread(self._keeps.hides_output)
            await self._finish(act, call, message, more=self._keeps.after_hidden({}) if hides else None)
            return "done"
        return Paused(
            reason="in_doubt",
            detail=f"In doubt: {what}. Look at it, then resume with --in-doubt rerun or --in-doubt skip.",
        )

    async def _yes_to_path(self, needs: NeedsYes, *, changing: bool) -> bool:
        answer = await self._events.ask(question_for_path(self._run.run, needs.path, needs.why, changing=changing))
        if answer == "Yes":
            if changing:
                self._changeable |= {needs.path}
            else:
                self._readable |= {needs.path}
            return True
        return False

    async def _begin(self, act: UseTool, kind: StepKind, intent: dict[str, Any]) -> None:
        await self._world.journal.begin_step(
            run=self._run.run,
            epoch=self._epoch,
            key=tool_key(act.n, act.index),
            n=tool_order(act.n, act.index),
            kind=kind,
            intent={**intent, **self._keeps.mark(act.call)},
        )
        await self._events.tell("tool_started", n=act.n, tool=act.call.name, about=_about(act.call))

    async def _finish(
        self,
        act: UseTool,
        call: ToolCall | BrokenToolCall,
        content: str,
        *,
        error: bool = False,
        line: int | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        result = {"content": content, "error": error, "call": call.id, "name": call.name, "line": line, **(more or {})}
        await self._world.journal.finish_step(
            run=self._run.run,
            epoch=self._epoch,
            key=tool_key(act.n, act.index),
            result=result,
            seconds_run=self._seconds_run,
        )
        await self._events.tell(
            "tool_finished", n=act.n, tool=call.name, about=_about(call), ok=not error, said=content[:200]
        )

    async def _answer(
        self,
        act: UseTool,
        kind: StepKind,
        intent: dict[str, Any],
        content: str,
        *,
        error: bool = False,
        line: int | None = None,
    ) -> None:
        await self._begin(act, kind, {**intent, "only_said": True})
        await self._finish(act, act.call, content, error=error, line=line)


def _was_begun(step: StepRecord | None) -> TypeGuard[StepRecord]:
    """Whether an act was begun and has no result; one that was only to be refused was not."""
    return step is not None and step.status in ("intent", "in_doubt") and not step.intent.get("only_said")


def _intent(call: ToolCall) -> dict[str, Any]:
    return {"tool": call.name, "input": call.input}


def _edited(plan: EditPlan) -> str:
    return f"{'Created' if plan.sha256_before is None else 'Changed'} {plan.path}."


def _about(call: ToolCall | BrokenToolCall) -> str:
    if isinstance(call, BrokenToolCall):
        return call.why
    given = call.input
    if call.name == "run_command":
        return " ".join(str(each) for each in given["argv"])
    return str(given.get("path") or given.get("pattern") or given.get("item") or "")
