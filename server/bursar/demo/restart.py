"""The same scenario for an agent that keeps nothing: after the limit and after the kill the task starts over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from bursar.demo import KILL_AFTER_CHARS, KILL_TASK, KILL_TOOL_RESULTS, LIMIT_TASK
from bursar.demo.stage import DemoFailed, Stage


def play_restarting(folder: Path, *, run_budget: str, day_budget: str, working: Callable[[str], None]) -> Decimal:
    """Play all open tasks in a fresh copy and give the whole bill in USD.

    Where the provider says 429, and where the process is killed in mid-answer, the task's run is given up, the
    workspace put back to how it was before the task, and the task begun anew.
    """
    with Stage(folder, run_budget=run_budget, day_budget=day_budget) as stage:
        tasks = [str(event["task"]) for event in stage.play("run", stage.spec, "--dry-run")]
        for task in tasks:
            working(f"restarting: task {task}")
            kept = folder / f"before-{task}"
            shutil.copytree(stage.workspace, kept)
            if not _play_task(stage, task, interrupt=task in (LIMIT_TASK, KILL_TASK)):
                _give_up(stage)
                shutil.rmtree(stage.workspace)
                shutil.copytree(kept, stage.workspace)
                if not _play_task(stage, task, interrupt=False):
                    raise DemoFailed(f"the restarted task {task} did not finish")
        stage.end_simulator()
        if not stage.tests_green():
            raise DemoFailed("the example's tests fail after restarting")
        return Decimal(stage.bill()["total_usd"])


def _play_task(stage: Stage, task: str, *, interrupt: bool) -> bool:
    """Run one task; False when it was interrupted."""
    play = stage.play("run", stage.spec, "--task", task, *stage.drive_arguments())
    results = 0
    for event in play:
        results += event["kind"] == "tool_finished"
        limited = event["kind"] == "waiting"
        in_the_middle = task == KILL_TASK and results == KILL_TOOL_RESULTS and event["kind"] == "request_progress"
        if interrupt and (limited or (in_the_middle and event["chars"] >= KILL_AFTER_CHARS)):
            play.kill()
            return False
    return play.exit_code == 0


def _give_up(stage: Stage) -> None:
    for run in stage.ask("runs")["runs"]:
        if run["state"] == "paused":
            stage.ask("stop", run["run"])
