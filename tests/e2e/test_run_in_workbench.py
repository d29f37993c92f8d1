"""The main job in the real workbench: Run, an approval, the tick, a reload in mid-task, Resume; nothing sent twice."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bursar.demo import SPEC, scenario_path, workspace_path

from .simulated import Simulated, simulated
from .test_harness import wait_for
from .workbench import Workbench, picture, run_workbench, use_settings

pytestmark = pytest.mark.e2e

TASKS = f"{SPEC}/tasks.md"
CORPUS_SPEC = (
    Path(__file__).parents[1] / "fixtures/corpus/kiro/108yen__task-orchestrator-mcp__task-management-mcp-server"
)
FIRST, SECOND = "Look up the base price", "Add the missing surcharges"
REQUEST_COST = re.compile(
    r"last request \$(?P<cost>[\d.]+): (?P<input>[\d,]+) in \((?P<cached>\d+) % cached\), (?P<output>[\d,]+) out"
)


def scenario_for(folder: Path) -> Path:
    """The example's scenario without its limit, and with one answer of the second task slow enough to reload in."""
    scenario = json.loads(scenario_path().read_text(encoding="utf-8"))
    scenario["faults"] = []
    for reply in scenario["replies"]:
        if reply["when"] == {"task": "2.2", "tool_results": 3}:
            reply.update(chunk_tokens=2, chunk_ms=60)
    path = folder / "scenario.json"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    return path


def test_a_task_is_run_cut_off_by_a_reload_and_resumed(extensions: Path, tmp_path: Path) -> None:
    with (
        simulated(tmp_path, scenario=scenario_for(tmp_path)) as sim,
        run_workbench(
            source=workspace_path(),
            folder=tmp_path,
            extensions=extensions,
            environment={"BURSAR_HOME": str(tmp_path / "home")},
            settings=use_settings(sim.url, "claude-sonnet-5-5"),
        ) as bench,
    ):
        bench.open(TASKS)
        see = bench.browser
        see("waitText", selector=".codelens-decoration", text="Run · first request 5,")
        title = next(each["text"] for each in see("lenses") if FIRST in each["above"])
        assert re.fullmatch(r"Run · first request 5,\d{3} in ~\$0\.0\d+ · at most \$1\.00", title)
        see("waitText", selector=".view-line", text=" tokens")
        assert bench.meter("$0.00 of $5.00 today")["level"] == ""
        assert sim.log() == []

        see("clickLens", text="Run", above=FIRST)
        see("pressButton", text="Once", message="tests.test_rates")
        see("waitText", selector=".view-line", text="[x] 2.1 Look up the base price")
        the_finding_equals_the_bill(bench, sim)
        see("click", selector='.tabs-container .tab[data-resource-name="tasks.md"]')
        see("waitText", selector=".codelens-decoration", text="7 requests")
        see("screenshot", path=str(picture("run")))

        see("palette", command="Bursar: Show Context")
        see("waitText", selector=".quick-input-widget", text="Task 2.1 Look up the base price")
        see("screenshot", path=str(picture("context")))
        see("click", selector='.tabs-container .tab[data-resource-name="tasks.md"]')
        see("waitGone", selector=".quick-input-widget:not([style*='none'])", text="Task 2.1 Look up the base price")

        see("clickLens", text="Run", above=SECOND)
        wait_for(bench, lambda: len(sim.log()) == 9)  # seven of the first task, two whole ones of the second
        see("waitText", selector=".codelens-decoration", text="Running")
        see("reload")
        see("waitText", selector=".codelens-decoration", text="Resume · ")
        see("waitText", selector=".codelens-decoration", text=" · next request 6,")
        assert "kept" in next(each["text"] for each in see("lenses") if SECOND in each["above"])
        see("waitText", selector=".view-line", text="Implementation Plan648 tokens")
        see("screenshot", path=str(picture("resume")))
        see("clickLens", text="Resume", above=SECOND)
        see("pressButton", text="Once", message="tests.test_surcharges")
        see("waitText", selector=".view-line", text="[x] 2.2 Add the missing surcharges")
        see("waitText", selector=".codelens-decoration", text=" requests · ")
        assert see("trouble")["outside"] == []
    nothing_was_sent_twice(sim)
    text = (bench.workspace / TASKS).read_text(encoding="utf-8")
    for task in ("2. ", "2.1", "2.2"):  # the parent's mark follows its last task's
        text = text.replace(f"[x] {task}", f"[ ] {task}")
    assert text == (workspace_path() / TASKS).read_text(encoding="utf-8")


def test_run_is_pressed_on_a_spec_from_the_wild(extensions: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    spec = source / ".kiro" / "specs" / "task-management"
    shutil.copytree(CORPUS_SPEC, spec, ignore=shutil.ignore_patterns("expected.json"))
    tasks = spec / "tasks.md"
    before = tasks.read_bytes().replace(b"[x]", b"[ ]", 1) if b"[ ] " not in tasks.read_bytes() else tasks.read_bytes()
    tasks.write_bytes(before)
    with (
        simulated(tmp_path) as sim,
        run_workbench(
            source=source,
            folder=tmp_path,
            extensions=extensions,
            environment={"BURSAR_HOME": str(tmp_path / "home")},
            settings=use_settings(sim.url, "claude-sonnet-5-5"),
        ) as bench,
    ):
        bench.open(".kiro/specs/task-management/tasks.md")
        bench.browser("waitText", selector=".codelens-decoration", text="Run · first request")
        lens = next(each for each in bench.browser("lenses") if each["text"].startswith("Run · ") and each["above"])
        bench.browser("clickLens", text="Run", above=lens["above"])
        changed = bench.workspace / ".kiro/specs/task-management/tasks.md"
        wait_for(bench, lambda: changed.read_bytes() != before)
        bench.browser("waitText", selector=".codelens-decoration", text=" requests · ")
        bench.browser("palette", command="Bursar: Open Report")
        bench.browser("waitText", selector=".tabs-container .tab", text="Bursar: Report")
        bench.browser("waitInPage", text="What the agents spent")
        assert bench.browser("trouble")["outside"] == []
    after = changed.read_bytes()
    # One mark, and those of the tasks above it where it was their last one.
    assert {(a, b) for a, b in zip(before, after, strict=True) if a != b} == {(ord(" "), ord("x"))}
    assert list((bench.workspace / "notes").glob("*.md"))
    nothing_was_sent_twice(sim)


def the_finding_equals_the_bill(bench: Workbench, sim: Simulated) -> None:
    """What the Problems panel shows of the last request is what the provider bills for it."""
    rows: list[dict[str, Any]] = bench.browser("waitProblem", text="last request $", expand=True)
    shown = REQUEST_COST.search(rows[0]["text"])
    assert shown is not None, rows[0]
    assert "request-cost" in rows[0]["text"]
    wait_for(bench, lambda: len(sim.bill()["requests"]) == 7)
    billed = sim.bill()["requests"][-1]
    tokens = billed["billed_tokens"]
    given = sum(tokens[key] for key in ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h"))
    assert int(shown["input"].replace(",", "")) == given
    assert int(shown["output"].replace(",", "")) == tokens["output"]
    assert int(shown["cached"]) == round(100 * tokens["cache_read"] / given)
    cost = Decimal(billed["cost_usd"])
    # Below ten cents two significant digits are shown.
    assert abs(Decimal(shown["cost"]) - cost) <= Decimal(5).scaleb(cost.adjusted() - 2)
    assert len([row for row in rows if "request" in row["text"]]) >= 8  # the finding and its seven requests


def nothing_was_sent_twice(sim: Simulated) -> None:
    """No body whose answer was complete stands in the log again."""
    complete = Counter(row["sha256_of_body"] for row in sim.log() if row["outcome"] == "complete")
    assert complete and max(complete.values()) == 1
