"""``bursar demo``: a spec task is priced, run, cut off, resumed and billed to the last pico-dollar, with processes that
are real and a provider that is simulated."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.commandline.output import FINE, FOUND, message
from bursar.demo import KILL_AFTER_CHARS, KILL_TASK, KILL_TOOL_RESULTS, LIMIT_TASK
from bursar.demo.restart import play_restarting
from bursar.demo.screen import PlainScreen, RichScreen, Screen, Teller
from bursar.demo.stage import DemoFailed, Stage
from bursar.demo.verdict import Verdict, check_nothing_twice, compare
from bursar.domain.errors import BadInput
from bursar.system.clock import SystemClock
from bursar.views.figures import count, money

_RUN_BUDGET, _DAY_BUDGET = "0.50usd", "1.00usd"


def run(args: argparse.Namespace) -> int:
    """Play the demo; 0 when everything it promises was seen, 1 when something differed."""
    screen: Screen = PlainScreen() if args.plain or not sys.stdout.isatty() else RichScreen()
    with _folder(args.keep) as folder, screen:
        try:
            last = _demo(folder, screen)
        except DemoFailed as error:
            message(f"demo failed: {error}")
            return FOUND
    screen.say(last)
    return FINE


def _demo(folder: Path, screen: Screen) -> str:
    with Stage(folder, run_budget=_RUN_BUDGET, day_budget=_DAY_BUDGET) as stage:
        tasks = _before(stage, screen)
        teller = Teller(screen, budget_usd=Decimal(_DAY_BUDGET.removesuffix("usd")), clock=SystemClock())
        _first_process(stage, screen, teller, tasks)
        _second_process(stage, screen, teller, tasks)
        usage = stage.ask("usage")
        stage.end_simulator()
        check_nothing_twice(stage.log())
        verdict = compare(usage["requests"], stage.bill())
        _after(stage, screen, tasks)
    _table(screen, verdict)
    screen.say("")
    screen.say("The same again, keeping nothing across the limit and the kill (a fresh copy, out of sight):", "bold")
    restart = play_restarting(
        folder / "restart", run_budget=_RUN_BUDGET, day_budget=_DAY_BUDGET, working=screen.working
    )
    screen.say(f"  restarting pays ${restart}; resuming was billed ${verdict.bill}")
    if not verdict.bill < restart:
        raise DemoFailed(f"resuming (${verdict.bill}) was not cheaper than restarting (${restart})")
    return (
        f"demo ok: paid ${verdict.paid}, in flight at most ${verdict.in_flight}, bill ${verdict.bill}, "
        f"restart paid ${restart}"
    )


def _before(stage: Stage, screen: Screen) -> list[str]:
    """Show the open tasks with what is known of them; nothing is spent."""
    if stage.tests_green():
        raise DemoFailed("the example's tests pass before anything was done")
    screen.say(f"A copy of the example workspace is in {stage.workspace}; its tests fail.")
    screen.say("Open tasks, counted before anything is spent:", "bold")
    tasks = []
    for event in stage.play("run", stage.spec, "--dry-run"):
        tasks.append(str(event["task"]))
        first = "no price known" if event["first_request_usd"] is None else f"~{_money(event['first_request_usd'])}"
        screen.say(
            f"  {event['task']:<4} {event['title']}: first request {count(event['first_request_tokens'])} tokens in "
            f"{first} · at most {_money(event['ceiling_usd'])}"
        )
    if stage.bill_path.exists() and stage.bill()["requests"]:
        raise DemoFailed("something was sent before the first run")
    if LIMIT_TASK not in tasks or KILL_TASK not in tasks:
        raise DemoFailed(f"the example has no open tasks {LIMIT_TASK} and {KILL_TASK}")
    return tasks


def _first_process(stage: Stage, screen: Screen, teller: Teller, tasks: list[str]) -> None:
    """Run the tasks, through the usage limit, up to the kill."""
    chosen = [part for task in tasks for part in ("--task", task)]
    play = stage.play("run", stage.spec, *chosen, *stage.drive_arguments())
    waited = went_on = False
    task, results = "", 0
    for event in play:
        teller.tell(event)
        kind = event["kind"]
        if kind == "run_started":
            task, results = event["task"], 0
        waited |= kind == "waiting" and task == LIMIT_TASK
        went_on |= kind == "going_on" and task == LIMIT_TASK
        results += kind == "tool_finished"
        in_the_middle = task == KILL_TASK and results == KILL_TOOL_RESULTS and kind == "request_progress"
        if in_the_middle and event["chars"] >= KILL_AFTER_CHARS:
            play.kill()
            screen.say(f"    ✂ kill -9 in the middle of an answer, after {count(event['chars'])} characters", "red")
            break
    else:
        raise DemoFailed(f"the run ended with {play.exit_code} before it could be killed")
    if not (waited and went_on):
        raise DemoFailed("the usage limit was not met, or the run did not go on by itself")


def _second_process(stage: Stage, screen: Screen, teller: Teller, tasks: list[str]) -> None:
    """A new process resumes the killed run, another runs what is left."""
    before = {row["request_id"] for row in stage.ask("usage")["requests"]}
    screen.say("")
    screen.say("A new process resumes:", "bold")
    play = stage.play("resume", *stage.drive_arguments())
    for event in play:
        teller.tell(event)
        if event["kind"] == "request_finished" and event["request_id"] in before:
            raise DemoFailed(f"request {event['request_id']} was paid before the kill and again after it")
    if play.exit_code != 0:
        raise DemoFailed(f"the resume ended with {play.exit_code}")
    left = tasks[tasks.index(KILL_TASK) + 1 :]
    play = stage.play(
        "run", stage.spec, *(part for task in left for part in ("--task", task)), *stage.drive_arguments()
    )
    for event in play:
        teller.tell(event)
    if play.exit_code != 0:
        raise DemoFailed(f"the last tasks ended with {play.exit_code}")


def _after(stage: Stage, screen: Screen, tasks: list[str]) -> None:
    """Tasks ticked, tests green."""
    spec = stage.ask("spec", "show", stage.spec)
    states = {row["id"]: row["state"] for row in spec["tasks"]}
    open_still = [task for task in tasks if states.get(task) != "done"]
    if open_still:
        raise DemoFailed(f"not ticked: {', '.join(open_still)}")
    if not stage.tests_green():
        raise DemoFailed("the example's tests still fail")
    screen.say("")
    screen.say(f"Ticked: {', '.join(tasks)}. The example's tests pass.", "green")


def _table(screen: Screen, verdict: Verdict) -> None:
    screen.say("")
    screen.say("Our ledger beside the simulator's bill, matched by request id (USD, exact):", "bold")
    screen.say(f"  {'request':<38}{'task':<6}{'ours':>20}{'bill':>16}")
    for line in verdict.lines:
        ours = f"at most {line.at_most}" if line.ours is None else str(line.ours)
        mark = "in flight" if line.ours is None else "="
        screen.say(f"  {line.request_id:<38}{line.task:<6}{ours:>20}{line.billed!s:>16}  {mark}")


def _money(usd: Any) -> str:
    return "no limit" if usd is None else money(int(Decimal(usd).scaleb(12)))


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        try:
            keep.mkdir(parents=True, exist_ok=True)
            if any(keep.iterdir()):
                raise BadInput(f"{keep} is not empty: name a folder that does not exist yet")
        except OSError as error:
            why = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
            raise BadInput(f"--keep {keep}: {why}; name a folder that does not exist yet and can be made") from error
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="bursar-demo-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
