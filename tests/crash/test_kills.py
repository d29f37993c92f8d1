"""Kill -9 at each write point and at random, resume, and nothing is paid twice, lost or done twice.

The seed is printed; ``BURSAR_CRASH_SEED`` plays one again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from bursar.system.failpoints import POINTS

from .harness import TASKS, Play, calls
from .nursery import CHECKPOINT, Nursery
from .oracle import Findings, Json, pico
from .report import Report, seeded

ALL = (*POINTS, CHECKPOINT)
MOST_PASSES = {
    **{"before_intent": 5, "after_intent": 5, "before_send": 5, "after_socket_write": 5, "first_byte": 5},
    **{"mid_stream": 50, "answer_read": 5, "before_result": 5, "after_result": 5},
    **{"before_tool_intent": 5, "after_tool_intent": 5, "before_tool_result": 5, "after_tool_result": 5},
    **{"edit_written": 2, "in_edit": 2, "edit_renamed": 2, "edit_durable": 2},
    **{"in_mirror": 5, "in_migration": 2, "in_rewind": 3, "in_restore": 3, "before_state": 2, "after_state": 2},
    CHECKPOINT: 12,
}
"""How far into a process a point may be chosen, where that is more than its first passing."""
LONGEST_S = 0.8
"""How long after its birth a process may be killed at random."""
FIRST = frozenset({"in_migration", "in_mark"})
"""Passed where nothing is yet."""
BEGINS = frozenset({"before_create", "after_create"})
GOES_ON = frozenset({"after_lock", "after_claim"})
REWINDS = frozenset({"rewind_begun", "in_rewind", "rewind_done"})
PARKS = frozenset({"before_park", "after_park"})
MENDS = frozenset({"in_restore"})
LATER = "2099-01-01T00:00:00Z"

DOUBT = 3
"""The exit code of a paused run; nothing but a command in doubt pauses one here."""

Between = Callable[[Play], None]


@dataclass
class Tally:
    """What a loop of kills found."""

    kills: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    doubts: int = 0
    plays: int = 0

    def take(self, findings: Findings, about: str) -> None:
        self.problems += [f"{about}: {each}" for each in findings.problems]

    def table(self, seed: int) -> str:
        rows = [f"  {name:<20}{self.kills[name]:>5}" for name in (*ALL, "random")]
        head = f"kills by point (BURSAR_CRASH_SEED={seed}, {self.plays} copies of the example)"
        foot = (
            f"  {'all':<20}{sum(self.kills.values()):>5}\n"
            f"  commands in doubt: {self.doubts}; repeats: {len(self.repeats)}; complete only after the kill: "
            f"{len(self.after)}; too shortly before it to be read: {len(self.unread)}"
        )
        return "\n".join(["", head, *rows, foot, *(f"    {each}" for each in (*self.after, *self.unread))])


@pytest.mark.soak_short
def test_each_point_once_and_fifty_kills_at_random(
    tmp_path: Path, nursery: Nursery, control: dict[str, str], capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    kill_many(tmp_path, nursery, control, capsys, report, at_each_point=1, at_random=50)


@pytest.mark.soak
def test_each_point_twenty_times_and_a_thousand_kills_at_random(
    tmp_path: Path, nursery: Nursery, control: dict[str, str], capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    kill_many(tmp_path, nursery, control, capsys, report, at_each_point=20, at_random=1_000)


@pytest.mark.soak_short
def test_the_check_finds_repeats_when_results_are_ignored(
    tmp_path: Path, nursery: Nursery, control: dict[str, str], report: Report
) -> None:
    tally = loop(
        tmp_path,
        nursery,
        control,
        [("after_result", 5), ("before_intent", 6)],
        random.Random(1),
        between=forget_results,
        tasks=("2.1",),
    )
    report.add("forgotten results", control=len(tally.repeats))
    assert sum(tally.kills.values()) == 2
    assert len(tally.repeats) >= 8


@pytest.mark.soak_short
def test_the_check_finds_the_repeat_when_kept_answers_are_ignored(
    tmp_path: Path, nursery: Nursery, control: dict[str, str], report: Report
) -> None:
    tally = loop(
        tmp_path, nursery, control, [("before_result", 4)], random.Random(1), between=forget_kept_bytes, tasks=("2.1",)
    )
    report.add("forgotten bytes", control=len(tally.repeats))
    assert tally.kills == {"before_result": 1}
    assert len(tally.repeats) == 1
    assert not tally.problems


@pytest.mark.soak_short
def test_an_edit_whose_result_was_lost_is_not_applied_again(
    tmp_path: Path, nursery: Nursery, control: dict[str, str]
) -> None:
    tally = loop(
        tmp_path,
        nursery,
        control,
        [("before_intent", 6)],
        random.Random(1),
        between=lose_the_edits_result,
        tasks=("2.1",),
    )
    assert tally.kills == {"before_intent": 1}
    assert not tally.problems and not tally.repeats


def kill_many(
    folder: Path,
    nursery: Nursery,
    control: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    report: Report,
    *,
    at_each_point: int,
    at_random: int,
) -> None:
    seed, chance = seeded()
    plan = [(point, chance.randint(1, MOST_PASSES.get(point, 1))) for point in ALL for _ in range(at_each_point)]
    plan += [("random", 0)] * at_random
    chance.shuffle(plan)
    tally = loop(folder, nursery, control, plan, chance)
    with capsys.disabled():
        print(tally.table(seed))
    report.add("kills", kills=tally.kills, repeated=len(tally.repeats), lost=len(tally.problems))
    assert not tally.problems, "\n".join(tally.problems)
    assert not tally.repeats, "\n".join(tally.repeats)
    assert tally.kills == {**dict.fromkeys(ALL, at_each_point), "random": at_random}


def loop(
    folder: Path,
    nursery: Nursery,
    control: dict[str, str],
    plan: list[tuple[str, int]],
    chance: random.Random,
    between: Between = lambda play: None,
    *,
    tasks: tuple[str, ...] = TASKS,
) -> Tally:
    """Play the example until every planned kill has struck; each copy of it is played to the end of these tasks."""
    tally = Tally()
    left = list(plan)
    while left:
        tally.plays += 1
        assert tally.plays <= 10 + len(plan) // 4, f"never hit: {left}"
        with Play(folder / f"play-{tally.plays}", nursery) as play:
            _Loop(play, left, chance, tally, between).play(tasks)
            findings = play.check_end(control) if tasks == TASKS else play.check()
            tally.take(findings, f"copy {tally.plays}, end")
            tally.repeats += findings.repeats
            tally.after += findings.after
            tally.unread += findings.unread
            tally.doubts += play.doubts.total()
            if any(point in MENDS for point, _ in left):
                _mend(play, left, tally)
    return tally


class _Loop:
    """One copy of the example, from its first command to its last."""

    def __init__(
        self, play: Play, left: list[tuple[str, int]], chance: random.Random, tally: Tally, between: Between
    ) -> None:
        self._play = play
        self._left = left
        self._chance = chance
        self._tally = tally
        self._between = between
        self._fresh = True
        self._stay: set[str] = set()

    def play(self, tasks: tuple[str, ...]) -> None:
        """What a user does: resume what broke off, say that a doubtful command may run again, run the rest."""
        play = self._play
        code = 0
        for _ in range(40 + 4 * len(self._left)):
            run = play.open_run() if code and not self._fresh else None
            if run is not None and not run["in_doubt"]:
                if run["steps_done"] and run["run"] not in self._stay and self._due(REWINDS):
                    self._rewind(run)
                    continue
                if run["reason"] != "deferred" and self._due(PARKS | {"at_wake"}):
                    self._park(run)
                    continue
            waiting = [each for each in play.open_tasks() if each in tasks]
            if not waiting and not code:
                return
            more = ["--in-doubt", "rerun"] if code == DOUBT else []
            going_on = play.resume(*([run["run"]] if run else []), *more)
            arguments = going_on if code else play.run(*waiting)
            code = self._strike(arguments, run)
            self._fresh = False
            if code == DOUBT:
                play.note_doubts()
        raise AssertionError(f"it does not come to an end: {play.look().runs}")

    def _strike(self, arguments: list[str], run: Json | None) -> int:
        """Run a command, and kill it at the next point of the plan that it can come to."""
        play = self._play
        unfit = set(MENDS | REWINDS | PARKS)
        unfit |= set() if self._fresh else FIRST
        unfit |= BEGINS if arguments[0] == "resume" else GOES_ON
        unfit |= set() if run is not None and run["reason"] == "deferred" else {"at_wake"}
        unfit |= set() if run is not None or arguments[0] == "run" else {point for point, _ in self._left} - {"random"}
        chosen = self._next(frozenset(point for point, _ in self._left) - unfit)
        if chosen is None:
            return play.exit_of(arguments)
        point, n = chosen
        if point == "in_backup":
            # As if the user had made room: one is due again.
            for each in (play.home / "backups").glob("*.db"):
                each.unlink()
        if point == "random":
            code = play.kill_after(self._chance.uniform(0, LONGEST_S), arguments)
        else:
            code = play.kill_at(point, n, arguments)
        self._note(code, chosen)
        return code

    def _rewind(self, run: Json) -> None:
        """Take a run back to its beginning, killed on the way, and then to the end of it."""
        play = self._play
        chosen = self._next(REWINDS)
        assert chosen is not None
        back = ["rewind", run["run"], "1"]
        code = play.kill_at(*chosen, back)
        if code > 0:
            # A command that was interrupted has left its line in a file: what nobody can tell whose it is stays.
            self._stay.add(run["run"])
            return
        if code < 0:
            # Where it was killed after its end nothing is left to rewind.
            play.exit_of(back, or_refused=chosen[0] == "rewind_done")
        play.rewound(run, datetime.now(UTC))
        self._note(code, chosen)

    def _park(self, run: Json) -> None:
        play = self._play
        later = ["defer", run["task"], "--until", LATER]
        chosen = self._next(PARKS)
        code = 0 if chosen is None else play.kill_at(*chosen, later)
        if code < 0 or chosen is None:
            play.exit_of(later)
        if chosen is not None:
            self._note(code, chosen)

    def _due(self, points: frozenset[str]) -> bool:
        """Whether it is these points' turn: thrice their share of what is left, so that they come early and yet leave
        the others theirs; a run that is taken back after every kill would never get far."""
        fit = sum(point in points for point, _ in self._left)
        return self._chance.random() * len(self._left) < 3 * fit

    def _next(self, points: frozenset[str]) -> tuple[str, int] | None:
        """The first of the plan that is one of these; on a fresh copy one that can be had only there."""
        fit = [each for each in self._left if each[0] in points]
        first = [each for each in fit if each[0] in FIRST]
        return (first or fit or [None])[0]

    def _note(self, code: int, chosen: tuple[str, int]) -> None:
        play, tally = self._play, self._tally
        at = self._left.index(chosen)
        if code < 0:
            self._left.pop(at)
            tally.kills[chosen[0]] += 1
            tally.take(play.check(), f"copy {tally.plays}, kill {len(play.kills)}: {play.kills[-1]}")
            self._between(play)
        elif chosen[0] != "random":
            # What is left of this copy does not get there: strike at the first passing from now on, and let the
            # others go first, so that a point which is seldom passed does not keep them from striking.
            self._left.pop(at)
            self._left.append((chosen[0], 1))


def _mend(play: Play, left: list[tuple[str, int]], tally: Tally) -> None:
    """Spoil the store of a finished copy and kill who mends it: no less is booked afterwards."""
    at = next(number for number, (point, _) in enumerate(left) if point in MENDS)
    before = play.ask("usage")
    (play.home / "bursar.db").write_bytes(b"not a database any more " * 400)
    if play.kill_at(*left[at], ["usage"]) < 0:
        tally.kills[left.pop(at)[0]] += 1
        after = play.ask("usage")
        if [each["request_id"] for each in after["requests"]] != [each["request_id"] for each in before["requests"]]:
            tally.problems.append(f"copy {tally.plays}: the ledger has other rows after it was mended")
        for name in ("total_usd", "held_usd"):
            if pico(after[name]) < pico(before[name]):
                tally.problems.append(f"copy {tally.plays}: {name} fell from {before[name]} to {after[name]}")


def forget_results(play: Play) -> None:
    """Make the journal forget every answer of a run that is not finished, and keep all else."""
    db = apsw.Connection(str(play.home / "bursar.db"))
    db.execute(
        "UPDATE step SET status = 'failed', result = NULL WHERE kind = 'model' AND status = 'done'"
        " AND run IN (SELECT run FROM run WHERE state <> 'finished')"
    )
    assert db.changes() > 0
    db.close()


def lose_the_edits_result(play: Play) -> None:
    """As if the process had died between the file's change and its record; the text that was replaced is there still,
    so that a second time would find it."""
    edit = next(calls(play.scenario, "edit_file"))["input"]
    assert edit["new"] in (play.workspace / edit["path"]).read_text("utf-8")
    assert edit["old"] in edit["new"]
    db = apsw.Connection(str(play.home / "bursar.db"))
    db.execute("UPDATE step SET status = 'intent', result = NULL, ended_at = NULL WHERE kind = 'edit'")
    assert db.changes() == 1
    db.close()


def forget_kept_bytes(play: Play) -> None:
    """Remove the bytes of answers that the killed process had read."""
    kept = list((play.home / "inflight").iterdir())
    assert len(kept) == 1
    kept[0].unlink()
