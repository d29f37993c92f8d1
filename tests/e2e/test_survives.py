"""What a user has after a window's reload, after the server was killed and after a budget was used up: the lens says
what is kept and what going on costs, and Resume does it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.demo import SPEC, scenario_path, workspace_path

from .simulated import Simulated, simulated
from .test_harness import wait_for
from .test_run_in_workbench import nothing_was_sent_twice
from .workbench import Workbench, picture, run_workbench, use_settings

pytestmark = pytest.mark.e2e

TASKS = f"{SPEC}/tasks.md"
RELOADED, KILLED, STOPPED = "Weigh the parcel", "Seal the parcel", "Send the parcel"
PLAN = f"# Plan\n\n- [ ] 1. {RELOADED}\n- [ ] 2. {KILLED}\n- [ ] 3. {STOPPED}\n"
MODEL = "claude-sonnet-5-5"
LOOK = [{"name": "list_files", "input": {"path": "."}}]
DONE = [{"name": "finish", "input": {"summary": "Done."}}]
WORDS = " ".join(f"word{number}" for number in range(200))
LONG = " ".join(f"word{number}" for number in range(320))
"""Nearly all of the least room for an answer, so that two of them leave none for a third request."""
RESUME = re.compile(
    r"^Resume( · [a-z ]+)? · (?P<steps>\d+) steps? kept, \$(?P<paid>[\d.]+) paid"
    r"( \(\+ at most \$(?P<at_most>[\d.]+) for a cut answer\))?"
    r" · next request (?P<tokens>[\d,]+) in ~\$(?P<low>[\d.]+)(-(?P<high>[\d.]+))?"
)
NEEDED = re.compile(
    r"which needs at least \$(?P<free>[\d.]+) free · (?P<steps>\d+) steps? kept, \$(?P<paid>[\d.]+) paid"
)


def scenario_for(folder: Path) -> Path:
    """Each task looks at the folder and then says much; that answer is slow, unless it is to go on with a cut one."""
    slow = {"text": WORDS, "tool_calls": DONE, "chunk_tokens": 4, "chunk_ms": 60}
    replies: list[dict[str, Any]] = [
        {"when": {"tool_results": 1, "contains": "Your answer broke off here"}, "text": "", "tool_calls": DONE},
        {"when": {"tool_results": 0, "task": "3"}, "text": LONG, "tool_calls": LOOK},
        {"when": {"tool_results": 0}, "text": "I look.", "tool_calls": LOOK},
        {"when": {"tool_results": 1, "task": "3"}, "text": LONG, "tool_calls": LOOK},
        {"when": {"tool_results": 1}, **slow},
        {"when": {"tool_results": 2}, "text": "", "tool_calls": DONE},
    ]
    models = json.loads(scenario_path().read_text(encoding="utf-8"))["models"]
    path = folder / "scenario.json"
    path.write_text(json.dumps({"models": models, "replies": replies, "otherwise": "error"}), encoding="utf-8")
    return path


def source_in(folder: Path) -> Path:
    source = folder / "source"
    shutil.copytree(workspace_path(), source)
    (source / TASKS).write_text(PLAN, encoding="utf-8")
    return source


def test_a_reload_a_kill_and_an_empty_budget_each_leave_what_resume_goes_on_with(
    extensions: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with (
        simulated(tmp_path, scenario=scenario_for(tmp_path)) as sim,
        run_workbench(
            source=source_in(tmp_path),
            folder=tmp_path,
            extensions=extensions,
            environment={"BURSAR_HOME": str(home)},
            settings=use_settings(sim.url, MODEL),
        ) as bench,
    ):
        bench.open(TASKS)
        bench.browser("waitText", selector=".codelens-decoration", text="Run · first request")
        after_a_reload(bench, sim, home)
        after_kills(bench, sim, home)
        after_an_empty_budget(bench, sim)
        assert bench.browser("trouble")["outside"] == []
    assert (bench.workspace / TASKS).read_text(encoding="utf-8") == PLAN.replace("[ ]", "[x]")
    nothing_was_sent_twice(sim)
    the_books_hold_the_bill(sim, home)


def after_a_reload(bench: Workbench, sim: Simulated, home: Path) -> None:
    see = bench.browser
    see("clickLens", text="Run", above=RELOADED)
    in_mid_answer(bench, home)
    see("reload")
    found = resume_lens(bench, RELOADED)
    assert int(found["steps"]) == 2  # the first answer and its look; the second answer is not whole
    assert Decimal(found["paid"]) > 0
    assert found["high"] is not None, "with a warm cache it costs less than without"
    assert Decimal(found["low"]) < Decimal(found["high"])
    see("screenshot", path=str(picture("resume-after-reload")))
    wait_for(bench, lambda: [each["outcome"] for each in sim.log()] == ["complete", "cut"])
    assert bench.meter("today")["level"] == ""
    see("clickLens", text="Resume", above=RELOADED)
    see("waitText", selector=".view-line", text="[x] 1. " + RELOADED)
    # One request more, which goes on from what had arrived.
    wait_for(bench, lambda: [each["outcome"] for each in sim.log()] == ["complete", "cut", "complete"])


def after_kills(bench: Workbench, sim: Simulated, home: Path) -> None:
    see = bench.browser
    see("clickLens", text="Run", above=KILLED)
    in_mid_answer(bench, home)
    before: dict[str, str | None] | None = None
    for _ in range(3):
        gone = bench.server_process()
        os.kill(gone, signal.SIGKILL)
        wait_for(bench, lambda gone=gone: has_another_server(bench, gone))
        found = resume_lens(bench, KILLED)
        assert found["at_most"] is not None, "the answer that was cut off may be billed"
        assert before is None or found == before, "a kill while nothing runs changes nothing"
        before = found
        bench.meter("of $5.00 today")
    see("screenshot", path=str(picture("resume-after-kill")))
    said = [each["text"] for each in see("messages")]
    assert not [each for each in said if "failed" in each or "Bursar" in each], "the lens and the meter tell of it"
    see("clickLens", text="Resume", above=KILLED)
    see("waitText", selector=".view-line", text="[x] 2. " + KILLED)


def after_an_empty_budget(bench: Workbench, sim: Simulated) -> None:
    """A budget with room for the first request and not for the second, whatever a request has to hold here."""
    see = bench.browser
    set_run_budget(bench, "0.001usd")
    see("waitText", selector=".codelens-decoration", text="at most $0.001")
    see("clickLens", text="Run", above=STOPPED)
    # Closed without an answer, the run stays paused.
    see("closeMessage", text="no room for the next request")
    needed = NEEDED.search(see("waitText", selector=".codelens-decoration", text="budget of $0.001 has no room"))
    assert needed is not None
    assert needed["paid"] == "0.00"
    see("closeMessage", text="Nothing was sent.")
    enough_once = Decimal(needed["free"]) + Decimal("0.0004")
    set_run_budget(bench, f"{enough_once}usd")
    see("waitText", selector=".codelens-decoration", text="Resume · budget reached · ")
    see("clickLens", text="Resume", above=STOPPED)
    see("closeMessage", text="no room for the next request")
    used_up = NEEDED.search(see("waitText", selector=".codelens-decoration", text="which needs at least"))
    assert used_up is not None
    kept = f"{used_up['steps']} steps kept"
    assert int(used_up["steps"]) in (2, 4)
    assert Decimal(used_up["paid"]) > Decimal("0.001")
    message = see("waitMessage", text="Nothing was sent.")["text"]
    assert "Set Budget" in message
    assert f"needs at least ${used_up['free']} free" in message, "the message and the lens name the same figure"
    assert len([each for each in see("messages") if each["text"].startswith("Paused")]) == 1, "a pause is told once"
    see("screenshot", path=str(picture("budget")))
    sent = len(sim.log())
    see("clickLens", text="Set budget", above=STOPPED)
    see("pressButton", text="$0.10", message="Raise the budget of each run from ")
    see("waitText", selector=".codelens-decoration", text=f"Resume · budget reached · {kept}")
    resume_lens(bench, STOPPED)
    assert len(sim.log()) == sent
    see("clickLens", text="Resume", above=STOPPED)
    see("waitText", selector=".view-line", text="[x] 3. " + STOPPED)


def set_run_budget(bench: Workbench, amount: str) -> None:
    bench.browser("palette", command="Bursar: Set Budget")
    bench.browser("pick", text="Each run")
    bench.browser("answerInput", text=amount, title="Budget for each run")


def in_mid_answer(bench: Workbench, home: Path) -> None:
    """Wait until some of the second answer has arrived and is kept."""
    kept = home / "inflight"
    wait_for(bench, lambda: any(each.stat().st_size > 800 for each in kept.glob("*.m2.*")))
    bench.browser("waitText", selector=".codelens-decoration", text="Running · 2 steps done")


def resume_lens(bench: Workbench, task: str) -> dict[str, str | None]:
    """The figures of the Resume lens above a task, once all of them are there."""

    def look() -> re.Match[str] | None:
        shown = [each["text"] for each in bench.browser("lenses") if task in each["above"]]
        return next((found for each in shown if (found := RESUME.match(each)) is not None), None)

    found: list[re.Match[str]] = []
    wait_for(bench, lambda: (match := look()) is not None and (found.append(match) or True))
    return found[-1].groupdict()


def has_another_server(bench: Workbench, gone: int) -> bool:
    try:
        return bench.server_process() != gone
    except StopIteration:
        return False


def the_books_hold_the_bill(sim: Simulated, home: Path) -> None:
    """What the runs say they paid is billed, and what is billed beyond it was said to be possible."""
    made = subprocess.run(
        [sys.executable, "-m", "bursar", "runs", "--all", "--json"],
        env={**os.environ, "BURSAR_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    runs = json.loads(made.stdout)["runs"]
    assert [each["state"] for each in runs] == ["finished"] * 3
    paid = sum(Decimal(each["cost_usd"]) for each in runs)
    not_known = sum(Decimal(each["held_usd"]) for each in runs)
    billed = Decimal(sim.bill()["total_usd"])
    assert not_known > 0
    assert paid <= billed <= paid + not_known
    whole = sum(Decimal(each["cost_usd"]) for each in sim.bill()["requests"] if each["outcome"] == "complete")
    assert paid == whole
