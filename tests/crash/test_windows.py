"""Two windows on one run, as real processes that begin at the same moment: one owner, and nothing is paid twice.

The seed is printed; ``BURSAR_CRASH_SEED`` plays one again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from .harness import Play, tree
from .oracle import Kill
from .report import Report, seeded
from .test_in_doubt import until

pytestmark = pytest.mark.soak

REFUSED, PAUSED = 2, 3
BEGIN = (
    "import sys, bursar.commandline.run, bursar.wiring; from bursar.cli import run_command_line; "
    "print('ready', flush=True); sys.stdin.readline(); sys.exit(run_command_line(sys.argv[1:]))"
)
_PATIENCE_S = 60.0
_TABLES = ("run", "step", "ledger", "hold", "event", "roll_day")


class Window:
    """A process of Bursar that has loaded all it needs and begins at a word; killed at the end of the block."""

    def __init__(self, play: Play, arguments: list[str], name: str = "window") -> None:
        self._errors = play.folder / f"{name}.err"
        self.process = subprocess.Popen(
            [sys.executable, "-c", BEGIN, *arguments, "--json"],
            cwd=play.workspace,
            env=play.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors.open("w"),
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Window:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.said()
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.end()

    def go(self) -> None:
        """Say the word."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.close()

    def heard(self, *kinds: str) -> bool:
        """Whether it has told such an event."""
        return any(json.loads(line)["kind"] in kinds for line in list(self.lines))

    def said(self) -> str:
        """What it has said to people."""
        return self._errors.read_text("utf-8")

    def refused(self) -> bool:
        """Whether it was told that another has the run, and did nothing."""
        return self.process.returncode == REFUSED and "another window" in self.said() and not self.lines

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        code = self.process.wait(timeout=_PATIENCE_S)
        if self._reader.is_alive():
            self._reader.join()
        return code

    def stop(self) -> datetime:
        """Stop it as a suspended machine does; when."""
        os.kill(self.process.pid, signal.SIGSTOP)
        at = datetime.now(UTC)
        stat = Path(f"/proc/{self.process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it did not stop")
        return at

    def wake(self) -> None:
        """Let a stopped one go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))
        self.process.stdout.close()


class Races:
    """How two windows that began at the same moment came out of it, round by round."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.outcomes: Counter[str] = Counter()
        self.kills = 0
        self.late: list[str] = []
        self.problems: list[str] = []

    def run(self, play: Play, arguments: list[str]) -> int:
        """One round; the exit code of the one that drove the run, negative when it was then killed."""
        before = claims(play)
        with Window(play, arguments, "left") as left, Window(play, arguments, "right") as right:
            both = (left, right)
            for each in both:
                each.go()
            until(lambda: any(each.process.poll() is not None for each in both), "none of the two ended")
            killed = False
            if any(each.refused() for each in both) and self._chance.random() < 0.6:
                owner = left if right.refused() else right
                killed = self._kill(play, owner)
            for each in both:
                each.end()
        second = [each for each in both if each.refused()]
        codes = [each.process.returncode for each in both]
        if len(second) == 1:
            (owner,) = (each for each in both if each not in second)
            self.outcomes[f"{arguments[0]} {'then killed' if killed else 'to the end'}"] += 1
            self.problems += owners_wrong(play, before)
            if owner.process.returncode not in (0, PAUSED, -9):
                self.problems.append(f"the owner ended with {owner.process.returncode}: {owner.said()}")
            return owner.process.returncode
        # No race when one was so late that it found the work of the other ended, or a command in doubt ended both.
        self.outcomes[f"{arguments[0]} late"] += 1
        self.late.append(f"{codes}: {left.said()}{right.said()}")
        if len(second) == 2:
            self.problems.append(f"both were refused: {left.said()}{right.said()}")
        elif set(codes) - {0, PAUSED, REFUSED}:
            self.problems.append(f"ended with {codes}: {left.said()}{right.said()}")
        return PAUSED if PAUSED in codes else 0

    def raced(self) -> int:
        """How many rounds were races."""
        return self.outcomes.total() - len(self.late)

    def _kill(self, play: Play, owner: Window) -> bool:
        try:
            owner.process.wait(timeout=self._chance.uniform(0, 0.6))
        except subprocess.TimeoutExpired:
            at = datetime.now(UTC)
            owner.process.kill()
            if owner.process.wait(timeout=_PATIENCE_S) == -9:
                play.kills.append(Kill(point="random", at=at))
                self.kills += 1
                return True
        return False


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.soak)])
def test_of_two_windows_at_the_same_moment_one_drives(
    tmp_path: Path, control: dict[str, str], rounds: int, capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    seed, chance = seeded()
    races = Races(chance)
    repeats: list[str] = []
    copies = 0
    while races.raced() < rounds:
        copies += 1
        with Play(tmp_path / f"copy-{copies}") as play:
            code = 0
            while play.open_tasks() or code:
                waiting = [each for each in play.ask("runs")["runs"] if each["state"] != "finished"]
                if code and not waiting:
                    # Killed at the very end: at most the mark is missing.
                    code = play.exit_of(play.resume())
                    continue
                doubt = ["--in-doubt", "rerun"] if code == PAUSED else []
                arguments = play.resume(waiting[0]["run"], *doubt) if code else play.run(play.open_tasks()[0])
                code = races.run(play, arguments)
                if code == PAUSED:
                    play.note_doubts()
                assert not races.problems, races.problems
            findings = play.check_end(control)
            races.problems += findings.problems
            repeats += findings.repeats
    with capsys.disabled():
        told = ", ".join(f"{what} {times}" for what, times in sorted(races.outcomes.items()))
        print(f"\nraces of two windows (BURSAR_CRASH_SEED={seed}, {copies} copies of the example): {told}")
    report.add("races", kills={"race": races.kills}, repeated=len(repeats), lost=len(races.problems))
    assert not races.problems and not repeats, (races.problems, repeats)
    assert len(races.late) <= rounds, races.late
    assert races.outcomes["run then killed"] + races.outcomes["run to the end"]
    assert races.outcomes["resume then killed"] + races.outcomes["resume to the end"]


@pytest.mark.parametrize("stopped_s", [0, pytest.param(15, marks=pytest.mark.soak)])
def test_a_stopped_owner_keeps_its_run_and_a_dead_one_gives_it_up(
    tmp_path: Path, stopped_s: float, capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    with Play(tmp_path, chunk_ms=25) as play, Window(play, play.run("2.1"), "owner") as owner:
        at = in_the_middle_of_an_answer(owner)
        before, run = claims(play), run_of(play)
        time.sleep(stopped_s)
        with Window(play, play.resume(run), "second") as second:
            second.go()
            second.end()
            assert second.refused(), second.said()
        assert claims(play) == before
        with Window(play, play.resume(run), "heir") as heir:
            owner.process.kill()
            assert owner.process.wait(timeout=_PATIENCE_S) == -9
            play.kills.append(Kill(point="stopped", at=at))
            began_s = time.monotonic()
            heir.go()
            until(lambda: heir.heard("run_resumed") or heir.process.poll() is not None, "nobody took it over")
            took_s = time.monotonic() - began_s
            assert heir.end() == 0, heir.said()
        assert claims(play) == before + 1
        findings = play.check()
    report.add("stopped owner", kills={"stopped": 1}, repeated=len(findings.repeats), lost=len(findings.problems))
    with capsys.disabled():
        print(f"\nowner stopped for {stopped_s} s: second refused; killed: taken over in {took_s * 1000:.0f} ms")
    assert not findings.problems and not findings.repeats


def test_a_woken_owner_that_was_fenced_writes_nothing(tmp_path: Path) -> None:
    with Play(tmp_path, chunk_ms=25) as play:
        with Window(play, play.run("2.1"), "owner") as owner:
            in_the_middle_of_an_answer(owner)
            run = run_of(play)
            db = apsw.Connection(str(play.home / "bursar.db"))
            db.execute("UPDATE run SET epoch = epoch + 1")
            assert db.changes() == 1
            db.close()
            rows, files = every_row(play), tree(play.workspace, with_ours=True)
            owner.wake()
            ends_as_fenced(owner, run)
            assert every_row(play) == rows
            assert tree(play.workspace, with_ours=True) == files
        # It had read its answer to the end: that is used, not paid again.
        assert play.exit_of(play.resume(run)) == 0
        findings = play.check()
        assert not findings.problems and not findings.repeats


def test_the_check_finds_two_owners_where_the_lock_was_taken_away(tmp_path: Path, report: Report) -> None:
    """Somebody who tidies the state folder takes the lock away; the epoch still keeps the old owner from writing."""
    with Play(tmp_path, chunk_ms=25) as play, Window(play, play.run("2.1"), "owner") as owner:
        in_the_middle_of_an_answer(owner)
        run = run_of(play)
        assert owners_wrong(play, 0) == []
        (play.home / "locks" / f"{run}.lock").unlink()
        assert play.exit_of(play.resume(run)) == 0
        found = owners_wrong(play, 0)
        rows, files = every_row(play), tree(play.workspace, with_ours=True)
        owner.wake()
        ends_as_fenced(owner, run)
        assert every_row(play) == rows
        assert tree(play.workspace, with_ours=True) == files
        assert not play.check().problems
    report.add("two owners", control=len(found))
    assert found == ["2 claims where one window may drive"]


def in_the_middle_of_an_answer(owner: Window) -> datetime:
    """Let it begin and stop it while an answer arrives; when."""
    owner.go()
    until(lambda: owner.heard("request_progress"), "no answer arrived")
    assert owner.process.poll() is None, owner.said()
    return owner.stop()


def ends_as_fenced(owner: Window, run: str) -> None:
    """Wait for the end of one that was woken, and hold it against what it must say."""
    assert owner.end() == PAUSED, owner.said()
    assert f"another window owns {run} now: this one has stopped and writes nothing more" in owner.said()
    assert "Traceback" not in owner.said()


def owners_wrong(play: Play, before: int) -> list[str]:
    """What is wrong about who drove since: each owner makes one claim, which the store counts."""
    made = claims(play) - before
    return [] if made == 1 else [f"{made} claims where one window may drive"]


def claims(play: Play) -> int:
    """How often any run was claimed."""
    path = play.home / "bursar.db"
    if not path.exists():
        return 0
    return int(apsw.Connection(str(path)).execute("SELECT coalesce(sum(epoch), 0) FROM run").get)


def run_of(play: Play) -> str:
    """The only run."""
    return str(apsw.Connection(str(play.home / "bursar.db")).execute("SELECT run FROM run").get)


def every_row(play: Play) -> dict[str, list[object]]:
    """All that the store holds."""
    db = apsw.Connection(str(play.home / "bursar.db"))
    return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in _TABLES}
