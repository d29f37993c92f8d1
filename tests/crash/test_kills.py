"""Kill -9 at each write point and at random, resume, and nothing is paid twice, lost or done twice.

The seed is printed; ``BURSAR_CRASH_SEED`` plays one again.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest

from .harness import POINTS, Play, calls
from .oracle import Findings
from .report import KILLS, Report, seeded

MOST_PASSES = {
    "before_intent": 9,
    "after_intent": 9,
    "mid_stream": 60,
    "before_result": 9,
    "after_result": 9,
    "in_edit": 6,
}
"""How far into a process a point may be chosen; each is passed about three times as often in an undisturbed play."""
LONGEST_S = 1.5
"""How long after its first word a process may be killed at random."""

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
        rows = [f"  {name:<14}{self.kills[name]:>5}" for name in (*POINTS, "random")]
        head = f"kills by point (BURSAR_CRASH_SEED={seed}, {self.plays} copies of the example)"
        foot = (
            f"  {'all':<14}{sum(self.kills.values()):>5}\n"
            f"  commands in doubt: {self.doubts}; repeats: {len(self.repeats)}; complete only after the kill: "
            f"{len(self.after)}; too shortly before it to be read: {len(self.unread)}"
        )
        return "\n".join(["", head, *rows, foot, *(f"    {each}" for each in (*self.after, *self.unread))])


def test_twenty_kills(
    tmp_path: Path, control: dict[str, str], capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    at_random = int(os.environ.get(KILLS) or 8)
    kill_many(tmp_path, control, capsys, report, at_each_point=1 if KILLS in os.environ else 2, at_random=at_random)


@pytest.mark.soak
def test_a_thousand_kills(
    tmp_path: Path, control: dict[str, str], capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    kill_many(tmp_path, control, capsys, report, at_each_point=20, at_random=1_000)


def test_the_check_finds_repeats_when_results_are_ignored(
    tmp_path: Path, control: dict[str, str], report: Report
) -> None:
    tally = loop(
        tmp_path, control, [("after_result", 5), ("before_intent", 6)], random.Random(1), between=forget_results
    )
    report.add("forgotten results", control=len(tally.repeats))
    assert sum(tally.kills.values()) == 2
    assert len(tally.repeats) >= 8
    assert not tally.unread


def test_the_check_finds_the_repeat_when_kept_answers_are_ignored(
    tmp_path: Path, control: dict[str, str], report: Report
) -> None:
    tally = loop(tmp_path, control, [("before_result", 4)], random.Random(1), between=forget_kept_bytes)
    report.add("forgotten bytes", control=len(tally.repeats))
    assert tally.kills == {"before_result": 1}
    assert len(tally.repeats) == 1
    assert not tally.problems


def test_an_edit_whose_result_was_lost_is_not_applied_again(tmp_path: Path, control: dict[str, str]) -> None:
    tally = loop(tmp_path, control, [("before_intent", 6)], random.Random(1), between=lose_the_edits_result)
    assert tally.kills == {"before_intent": 1}
    assert not tally.problems and not tally.repeats


def kill_many(
    folder: Path,
    control: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    report: Report,
    *,
    at_each_point: int,
    at_random: int,
) -> None:
    seed, chance = seeded()
    plan = [(point, chance.randint(1, MOST_PASSES[point])) for point in POINTS for _ in range(at_each_point)]
    plan += [("random", 0)] * at_random
    chance.shuffle(plan)
    tally = loop(folder, control, plan, chance)
    with capsys.disabled():
        print(tally.table(seed))
    report.add("kills", kills=tally.kills, repeated=len(tally.repeats), lost=len(tally.problems))
    assert not tally.problems, "\n".join(tally.problems)
    assert not tally.repeats, "\n".join(tally.repeats)
    assert sum(tally.kills.values()) == at_each_point * len(POINTS) + at_random
    assert all(tally.kills[point] for point in (*POINTS, "random"))
    assert len(tally.unread) <= max(1, sum(tally.kills.values()) // 10), "too many to be chance"


def loop(
    folder: Path,
    control: dict[str, str],
    plan: list[tuple[str, int]],
    chance: random.Random,
    between: Between = lambda play: None,
) -> Tally:
    """Play the example until every planned kill has struck; each copy of it is played to its end."""
    tally = Tally()
    left = list(plan)
    while left:
        tally.plays += 1
        with Play(folder / f"play-{tally.plays}") as play:
            code = 0
            while play.open_tasks() or code:
                # What a user does: resume what broke off, say that a doubtful command may run again, run the rest.
                more = ["--in-doubt", "rerun"] if code == DOUBT else []
                code = _step(play, play.resume(*more) if code else play.run(*play.open_tasks()), left, chance)
                if code < 0:
                    tally.kills[play.kills[-1].point] += 1
                    tally.take(play.check(), f"copy {tally.plays}, kill {len(play.kills)}: {play.kills[-1]}")
                    between(play)
                elif code == DOUBT:
                    play.note_doubts()
            findings = play.check_end(control)
            tally.take(findings, f"copy {tally.plays}, end")
            tally.repeats += findings.repeats
            tally.after += findings.after
            tally.unread += findings.unread
            tally.doubts += play.doubts.total()
    return tally


def _step(play: Play, arguments: list[str], left: list[tuple[str, int]], chance: random.Random) -> int:
    if not left:
        return play.exit_of(arguments)
    point, n = left[0]
    if point == "random":
        code = play.kill_after(chance.uniform(0, LONGEST_S), arguments)
    else:
        code = play.kill_at(point, n, arguments)
    if code < 0:
        left.pop(0)
    elif point != "random":
        # What is left of this copy does not get there: strike at the first passing from now on.
        left[0] = (point, 1)
    return code


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
