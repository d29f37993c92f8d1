"""What must hold at every moment of a world, worked out from the provider's books, the files and the rows themselves.

Nothing of the product computes anything here: it is what is checked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from .people import TALLY, UID
from .scene import SPEC, Scene

_LEDGER = (
    "SELECT n, request_id, run, step, attempt, cost_pico, at_most_pico, certainty, local_day FROM ledger ORDER BY n"
)
_RAISES = "SELECT kind, key, value FROM raised WHERE unit = 'usd'"
_HOLDS = "SELECT run, key, attempt, amount_pico, local_day FROM hold ORDER BY hold"
_EVENTS = "SELECT seq, at, run, kind, data FROM event ORDER BY seq"
_STEPS = "SELECT run, key, kind, status, result FROM step ORDER BY run, n"
_ASIDE = "SELECT run, key, kind, status, result FROM set_aside"
_RUNS = "SELECT run, task_address, state, tick_pending, created_at FROM run ORDER BY rowid"
_MARK = re.compile(r"^- \[(.)\] (\w+)\. ", re.MULTILINE)
_MOST_SENT = 4


class Oracle:
    """Looks again and again at one world, and remembers what it saw."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._ledger: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []
        self._done: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._seen_rows = 0
        self._ever_finished: set[str] = set()
        self._last_turns: dict[tuple[str, int, str], tuple[str, ...]] = {}

    def look(self) -> None:
        """Check everything that must hold at any moment."""
        self._only_grown()
        self._money()
        self._requests()
        self._effects()
        self._marks()

    def at_the_end(self) -> None:
        """Check what must hold once everything has ended in order."""
        self.look()
        scene = self._scene
        holds = scene.sql(_HOLDS)
        if holds:
            scene.problem(f"money is held and nothing is in flight: {holds}")
        rows = scene.sql(_LEDGER)
        unseen = [each for each in rows if each[1].startswith("unseen:")]
        ours = {each[1] for each in rows}
        stray = [each for each in scene.vendor.rows if each.request_id not in ours]
        if len(stray) > len(unseen):
            scene.problem(
                f"{len(stray)} requests of the bill are in no row of the ledger, {len(unseen)} rows have no id"
            )
        if all(each[7] == "billed" for each in rows):
            ledger, bill = sum(each[5] for each in rows), scene.vendor.total_pico()
            if ledger != bill:
                scene.problem(f"all ended in order, the ledger has {ledger} and the bill is {bill}")
        for run, task, state, pending, _ in scene.sql(_RUNS):
            if state not in ("finished", "failed"):
                scene.problem(f"{run} of task {task} was never brought to its end: {state}")
            if pending and task not in scene.hand_ticked:
                scene.problem(f"{run} of task {task} is finished and its mark still waits")
        self._edits_are_there()

    def _only_grown(self) -> None:
        """What was written stays: rows, events, and results of steps that were not set aside."""
        scene = self._scene
        for name, statement, before in (("ledger", _LEDGER, self._ledger), ("history", _EVENTS, self._events)):
            now = scene.sql(statement)
            if now[: len(before)] != before:
                scene.problem(f"the past of the {name} was changed")
            before[:] = now
        done = {(run, key): (kind, result) for run, key, kind, status, result in scene.sql(_STEPS) if status == "done"}
        aside = {(run, key, result) for run, key, _, status, result in scene.sql(_ASIDE) if status == "done"}
        for where, was in self._done.items():
            if done.get(where) != was and (*where, was[1]) not in aside:
                scene.problem(f"the result of {where[1]} of {where[0]} was changed or forgotten")
        self._done = done

    def _money(self) -> None:
        """The ledger is never below the bill and above it by the bounds at most; ended rows are exact; no limit is
        passed."""
        scene = self._scene
        billed = {each.request_id: each for each in scene.vendor.rows}
        cost = bounds = 0
        runs, days = Counter[str](), Counter[str]()
        seen = Counter[str]()
        for _, request_id, run, step, attempt, pico, at_most, certainty, day in self._ledger:
            seen[request_id.split("~")[0]] += 1
            charged = at_most if pico is None or certainty != "billed" else pico
            runs[run] += charged
            days[day] += charged
            theirs = billed.get(request_id)
            where = f"{request_id} ({step} of {run}, attempt {attempt})"
            if certainty == "billed":
                if theirs is None or theirs.pico != pico:
                    scene.problem(f"{where} is booked as {pico}, and the bill says {theirs and theirs.pico}")
                cost += pico
                continue
            if theirs is not None and theirs.pico > at_most:
                scene.problem(f"{where} was held at {at_most}, and the bill says {theirs.pico}")
            bounds += at_most
        for request_id, times in seen.items():
            if times > 1:
                scene.problem(f"{request_id} is in the ledger {times} times")
        for run, _, _, amount, day in scene.sql(_HOLDS):
            bounds += amount
            runs[run] += amount
            days[day] += amount
        bill = scene.vendor.total_pico()
        if not cost <= bill <= cost + bounds:
            scene.problem(f"the bill is {bill}: not between {cost} booked and {cost + bounds} with what is held")
        raised: Counter[tuple[str, str]] = Counter()
        for kind, key, value in scene.sql(_RAISES):
            raised[str(kind), str(key)] += int(value)
        for run, charged in runs.items():
            most = scene.highest(run)
            if most is not None:
                most += raised["run", run]
            if most is not None and charged > most:
                scene.problem(f"{run} may take {most} and has {charged} booked and held")
            theirs_pico = sum(each.pico for each in scene.vendor.rows if each.run == run)
            if most is not None and theirs_pico > most:
                scene.problem(f"{run} may take {most} and is billed {theirs_pico}")
        limit = scene.day_limits[-1]
        for day, charged in days.items():
            if limit is not None and charged > limit.value + raised["day", day]:
                scene.problem(
                    f"{limit.value + raised['day', day]} may be spent on {day}, and {charged} are booked and held"
                )

    def _requests(self) -> None:
        """No request is sent again once its answer was kept, each goes on where the last one was, and none is sent
        too often."""
        scene = self._scene
        rows = scene.vendor.rows
        for row in rows[self._seen_rows :]:
            where = (row.run, row.generation, row.path)
            if row.was_kept:
                scene.problem(f"request {row.n} of {row.run} was sent again although its answer was kept")
            before = self._last_turns.get(where, ())
            if row.turns[: len(before)] != before:
                scene.problem(f"request {row.n} of {row.run} does not begin as the one before it")
            self._last_turns[where] = row.turns
        self._seen_rows = len(rows)
        for (who, _), times in Counter(scene.vendor.asked).items():
            if times > _MOST_SENT:
                scene.problem(f"{who} has sent one request {times} times")

    def _effects(self) -> None:
        """Nothing was applied twice, unless the user ordered it; nothing of the user's was lost."""
        scene = self._scene
        again = scene.person.again
        lines = scene.lines()
        uids = Counter[str]()
        for line, count in lines.items():
            if (found := UID.search(line)) and not line.startswith(TALLY):
                uids[found[0]] += count
        for uid, count in uids.items():
            if count > 1 + again[uid]:
                scene.problem(f"the edit {uid} was applied {count} times, and ordered again {again[uid]} times")
        for uid, count in scene.machine.did.items():
            if count > 1 + again[uid]:
                scene.problem(f"the command {uid} was run {count} times, and ordered again {again[uid]} times")
        for n in range(1, scene.user_lines + 1):
            there = [line for line in lines if line.endswith(f": user-{n}")]
            if len(there) != 1 and not any(line.endswith(f": user-{n}") for line in scene.gone):
                scene.problem(f"the user's line {n} is there {len(there)} times")

    def _edits_are_there(self) -> None:
        """What the journal says was written stands in the files."""
        scene = self._scene
        lines = scene.lines()
        gone = {found[0] for line in scene.gone if (found := UID.search(line))}
        runs = {run for run, _, state, _, _ in scene.sql(_RUNS) if state == "finished"}
        for run, _key, kind, status, result in scene.sql(_STEPS):
            told = json.loads(result) if result else {}
            if (
                run not in runs
                or kind != "edit"
                or status != "done"
                or told.get("error")
                or told["name"] != "edit_file"
            ):
                continue
            if "Treat as done" in told["content"] or told["content"].startswith("Interrupted"):
                continue
            uid = told["call"]
            if uid not in gone and not any(line.endswith(f": {uid}") for line in lines):
                scene.problem(f"the edit {uid} is done in the journal of {run}, and its text is nowhere")

    def _marks(self) -> None:
        """A task has its mark if, and only if, a run of it has finished or the user has set it."""
        scene = self._scene
        marks = {task: mark for mark, task in _MARK.findall((scene.root / SPEC).read_text("utf-8"))}
        newest: dict[str, tuple[str, int]] = {}
        for _, task, state, pending, _ in scene.sql(_RUNS):
            newest[task] = (state, pending)
            if state == "finished":
                self._ever_finished.add(task)
        for task, mark in marks.items():
            if task in scene.hand_ticked:
                continue
            state, pending = newest.get(task, ("", 0))
            if mark == "x" and task not in self._ever_finished:
                scene.problem(f"task {task} is ticked, and none of its runs has finished ({state})")
            if mark != "x" and state == "finished" and not pending and task not in scene.unticked:
                scene.problem(f"task {task} is finished and has no mark")
