"""What the demo's screen says while it waits, and what it says to a folder it cannot play in."""

from __future__ import annotations

import argparse
import signal
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.demo.play import run
from bursar.demo.screen import PlainScreen, Teller
from bursar.demo.stage import Stage
from bursar.domain.errors import BadInput
from support.fakes import FakeClock


class Heard(PlainScreen):
    """Keeps the moving line."""

    def __init__(self) -> None:
        self.moving = ""

    def working(self, text: str) -> None:
        self.moving = text


def test_the_moving_line_is_of_this_moment() -> None:
    screen = Heard()
    teller = Teller(screen, budget_usd=Decimal(1), clock=FakeClock())
    teller.tell({"kind": "request_progress", "n": 2, "chars": 1119})
    assert screen.moving == "request 2: 1,119 characters so far"
    teller.tell({"kind": "waiting", "message": "a limit", "until": "2026-01-02T03:04:05.000Z", "seconds": 3})
    assert screen.moving == "waiting until 2026-01-02 03:04:05"
    teller.tell({"kind": "going_on"})
    assert screen.moving == "going on"


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_where_the_folder_should_be_is_wrong_use(tmp_path: Path, below: str) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(BadInput, match=r"--keep .*; name a folder that does not exist yet"):
        run(argparse.Namespace(plain=True, keep=taken / below))


def test_the_stages_settings_are_the_users_alone(tmp_path: Path) -> None:
    with Stage(tmp_path / "stage", run_budget="1usd", day_budget="1usd") as stage:
        assert stat.S_IMODE((stage.home / "settings.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(stage.home.stat().st_mode) == 0o700


def test_ctrl_c_leaves_nothing_and_promises_no_resume(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "bursar", "demo", "--plain"]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert any("Open tasks" in line for line in demo.stdout)
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=60)
    assert (demo.returncode, said) == (3, "bursar: interrupted\n")
    assert list(tmp_path.glob("bursar-demo-*")) == []
