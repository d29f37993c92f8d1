"""Two windows on one run, as processes that begin at the same moment: one owner, and nothing is paid twice.

Whoever gets the run stops itself at once, as a suspended machine would, until the other has ended: so each round is a
race, however slow the machine. The seed is printed; ``BURSAR_CRASH_SEED`` plays one again.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from .harness import Play, tree
from .nursery import Nursery
from .report import Report, seeded
from .test_in_doubt import until

REFUSED, PAUSED = 2, 3
_TABLES = ("run", "step", "ledger", "hold", "event", "roll")


class Window:
    """A process of Bursar that begins at a word; killed at the end of the block."""

    def __init__(self, play: Play, arguments: list[str], name: str = "window", *, stops_at: str = "") -> None:
        told = {"BURSAR_FAILPOINT": f"{stops_at}:stop"} if stops_at else {}
        self._errors = play.folder / f"{name}.err"
        self.process = play.start(arguments, errors=self._errors.name, waits=True, **told)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Window:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.end()
        self.process.close()

    def go(self) -> None:
        """Say the word."""
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

    def ended(self) -> bool:
        """Whether it is over."""
        return self.process.poll() is not None

    def stopped(self) -> bool:
        """Whether it has stopped itself."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def wait_until_stopped(self) -> datetime:
        """Wait until it has stopped itself; when."""
        until(lambda: self.stopped() or self.ended(), f"it did not stop: {self.said()}")
        assert self.stopped(), self.said()
        return datetime.now(UTC)

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        code = self.process.wait()
        if self._reader.is_alive():
            self._reader.join()
        return code

    def wake(self) -> None:
        """Let a stopped one go on."""
        self.process.signal(signal.SIGCONT)

    def _read(self) -> None:
        self.lines.extend(iter(self.process.stdout.readline, ""))


class Races:
    """How two windows that began at the same moment came out of it, round by round."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.outcomes: Counter[str] = Counter()
        self.kills = 0
        self.problems: list[str] = []

    def run(self, play: Play, arguments: list[str]) -> int:
        """One round; the exit code of the one that drove the run, negative when it was then killed."""
        before = claims(play)
        owns = "after_create:1" if arguments[0] == "run" else "after_claim:1"
        with (
            Window(play, arguments, "left", stops_at=owns) as left,
            Window(play, arguments, "right", stops_at=owns) as right,
        ):
            both = [left, right]
            self._chance.shuffle(both)
            for each in both:
                each.go()
            until(lambda: all(each.ended() or each.stopped() for each in both), "one of the two did neither")
            owners = [each for each in both if each.stopped()]
            self.problems += owners_wrong(play, before)
            if len(owners) != 1 or not all(each.refused() for each in both if each not in owners):
                codes = [each.process.poll() for each in both]
                self.problems.append(f"{len(owners)} owners, ended with {codes}: {left.said()}{right.said()}")
                return 0
            (owner,) = owners
            owner.wake()
            killed = self._chance.random() < 0.6 and self._kill(play, owner)
            code = owner.end()
        self.outcomes[f"{arguments[0]} {'then killed' if killed else 'to the end'}"] += 1
        if code not in (0, PAUSED, -9):
            self.problems.append(f"the owner ended with {code}: {owner.said()}")
        return code

    def _kill(self, play: Play, owner: Window) -> bool:
        try:
            owner.process.wait(timeout=self._chance.uniform(0, 0.6))
        except subprocess.TimeoutExpired:
            at = datetime.now(UTC)
            owner.process.kill()
            if owner.end() == -9:
                play.struck("random", at)
                self.kills += 1
                return True
        return False


@pytest.mark.parametrize(
    "rounds", [pytest.param(10, marks=pytest.mark.soak_short), pytest.param(200, marks=pytest.mark.soak)]
)
def test_of_two_windows_at_the_same_moment_one_drives(
    tmp_path: Path,
    nursery: Nursery,
    control: dict[str, str],
    rounds: int,
    capsys: pytest.CaptureFixture[str],
    report: Report,
) -> None:
    seed, chance = seeded()
    races = Races(chance)
    repeats: list[str] = []
    copies = 0
    while races.outcomes.total() < rounds:
        copies += 1
        with Play(tmp_path / f"copy-{copies}", nursery) as play:
            code = 0
            while play.open_tasks() or code:
                run = play.open_run() if code else None
                if code and run is None:
                    # Killed at the very end: at most the mark is missing.
                    code = play.exit_of(play.resume())
                    continue
                doubt = ["--in-doubt", "rerun"] if code == PAUSED else []
                arguments = play.resume(run["run"], *doubt) if run else play.run(play.open_tasks()[0])
                # What is left when all rounds are played is played by one window.
                code = play.exit_of(arguments) if races.outcomes.total() >= rounds else races.run(play, arguments)
                if code == PAUSED:
                    play.note_doubts()
                assert not races.problems, races.problems
            findings = play.check_end(control)
            races.problems += findings.problems
            repeats += findings.repeats
    with capsys.disabled():
        told = ", ".join(f"{what} {times}" for what, times in sorted(races.outcomes.items()))
        print(f"\nraces of two windows (BURSAR_CRASH_SEED={seed}, {copies} copies of the example): {told}")
    report.add("races", kills={"race": rounds}, repeated=len(repeats), lost=len(races.problems))
    assert not races.problems and not repeats, (races.problems, repeats)
    assert races.outcomes.total() == rounds
    assert races.outcomes["run then killed"] + races.outcomes["run to the end"]


@pytest.mark.parametrize(
    "stopped_s", [pytest.param(0, marks=pytest.mark.soak_short), pytest.param(15, marks=pytest.mark.soak)]
)
def test_a_stopped_owner_keeps_its_run_and_a_dead_one_gives_it_up(
    tmp_path: Path, nursery: Nursery, stopped_s: float, capsys: pytest.CaptureFixture[str], report: Report
) -> None:
    with (
        Play(tmp_path, nursery) as play,
        Window(play, play.run("2.1"), "owner", stops_at="mid_stream:5") as owner,
    ):
        owner.go()
        at = owner.wait_until_stopped()
        before, run = claims(play), run_of(play)
        time.sleep(stopped_s)
        with Window(play, play.resume(run), "second") as second:
            second.go()
            second.end()
            assert second.refused(), second.said()
        assert claims(play) == before
        owner.process.kill()
        assert owner.end() == -9
        play.struck("stopped", at)
        with Window(play, play.resume(run), "heir") as heir:
            began_s = time.monotonic()
            heir.go()
            until(lambda: heir.heard("run_resumed") or heir.ended(), "nobody took it over")
            took_s = time.monotonic() - began_s
            assert heir.end() == 0, heir.said()
        assert claims(play) == before + 1
        findings = play.check()
    report.add("stopped owner", kills={"stopped": 1}, repeated=len(findings.repeats), lost=len(findings.problems))
    with capsys.disabled():
        print(f"\nowner stopped for {stopped_s} s: second refused; killed: taken over in {took_s * 1000:.0f} ms")
    assert not findings.problems and not findings.repeats


@pytest.mark.soak_short
def test_a_woken_owner_that_was_fenced_writes_nothing(tmp_path: Path, nursery: Nursery) -> None:
    with Play(tmp_path, nursery) as play:
        with Window(play, play.run("2.1"), "owner", stops_at="mid_stream:5") as owner:
            owner.go()
            owner.wait_until_stopped()
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


@pytest.mark.soak_short
def test_the_check_finds_two_owners_where_the_lock_was_taken_away(
    tmp_path: Path, nursery: Nursery, report: Report
) -> None:
    """Somebody who tidies the state folder takes the lock away; the epoch still keeps the old owner from writing."""
    with (
        Play(tmp_path, nursery) as play,
        Window(play, play.run("2.1"), "owner", stops_at="mid_stream:5") as owner,
    ):
        owner.go()
        owner.wait_until_stopped()
        run = run_of(play)
        assert owners_wrong(play, 0) == []
        (play.home / "locks" / f"{run}.lock").unlink()
        with Window(play, play.resume(run), "second", stops_at="after_claim:1") as second:
            second.go()
            second.wait_until_stopped()
            assert owner.stopped()
            found = owners_wrong(play, 0)
            rows, files = every_row(play), tree(play.workspace, with_ours=True)
            owner.wake()
            ends_as_fenced(owner, run)
            assert every_row(play) == rows
            assert tree(play.workspace, with_ours=True) == files
            second.wake()
            assert second.end() == 0, second.said()
        assert not play.check().problems
    report.add("two owners", control=len(found))
    assert found == ["2 claims where one window may drive"]


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
