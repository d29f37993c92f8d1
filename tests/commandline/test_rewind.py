"""``bursar rewind`` and ``bursar replay`` as processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.program import User, make_workspace, simulator

from .test_schemas import fits

SCRIPT = {
    "replies": [
        {
            "when": {"task": "1", "tool_results": 0},
            "tool_calls": [
                {"name": "write_file", "input": {"path": "one.txt", "content": "one\n"}},
                {"name": "write_file", "input": {"path": "two.txt", "content": "two\n"}},
            ],
        },
        {"when": {"task": "1", "tool_results": 2}, "tool_calls": [{"name": "finish", "input": {"summary": "done"}}]},
    ]
}
SPEC = ".kiro/specs/demo"


@pytest.fixture
def played(tmp_path: Path):  # type: ignore[no-untyped-def]
    with simulator(tmp_path / "sim", SCRIPT) as sim:
        user = User(home=tmp_path / "home", cwd=make_workspace(tmp_path / "w")).uses(sim.url)
        done = user.do("run", SPEC, "--task", "1", "--json")
        assert done.code == 0, done.err
        yield user, sim, done.last()["run"]


def test_back_and_on_again_with_the_same_bytes(played) -> None:  # type: ignore[no-untyped-def]
    user, sim, run = played
    (user.cwd / "mine.txt").write_text("mine")
    tasks = (user.cwd / SPEC / "tasks.md").read_bytes()
    dry = user.do("rewind", run, "2", "--dry-run", "--json").json()
    fits("rewind", dry)
    assert [each["path"] for each in dry["files"]] == ["one.txt", "two.txt"]
    assert not dry["rewound"] and (user.cwd / "one.txt").exists()
    done = user.do("rewind", run, "m2")
    assert done.code == 0 and "No file has to change" in done.out, done.err
    assert "The mark stays" in done.err
    assert (user.cwd / SPEC / "tasks.md").read_bytes() == tasks
    assert user.do("resume", run).code == 3  # it was not said that the mark goes
    assert user.do("spec", "tick", SPEC, "1", "--state", "todo").code == 0
    again = user.do("resume", run, "--json")
    assert again.code == 0, again.err
    bodies = [row["sha256_of_body"] for row in sim.log()]
    assert len(bodies) == 3 and bodies[1] == bodies[2]
    done = user.do("rewind", run, "t1.1", "--json")
    fits("rewind", done.json())
    assert done.json()["rewound"]
    assert (user.cwd / "one.txt").exists() and not (user.cwd / "two.txt").exists()
    assert (user.cwd / "mine.txt").read_text() == "mine"
    history = user.do("replay", run, "--json").events()
    for line in history:
        fits("replay", line)
    assert [each["key"] for each in history if each["type"] == "step" and each["rewind"] is None] == ["m1", "t1.0"]
    assert [each["kind"] for each in history if each["type"] == "event"].count("rewound") == 2
    for people in (user.do("replay", run), user.do("replay", run)):
        assert "  2 t1.0   Write one.txt  done" in people.out
        assert "set aside by rewind 2" in people.out


def test_what_somebody_else_changed_refuses_with_its_name(played) -> None:  # type: ignore[no-untyped-def]
    user, _, run = played
    (user.cwd / "two.txt").write_text("mine\n")
    done = user.do("rewind", run, "1")
    assert done.code == 2
    assert "two.txt" in done.err.splitlines()[-1] and "one.txt" not in done.err.splitlines()[-1]
    assert (user.cwd / "one.txt").read_text() == "one\n"
    assert user.do("rewind", run, "99").code == 2
    assert user.do("rewind", "run-none", "1").code == 2
    assert user.do("replay", "run-none").code == 2


@pytest.mark.parametrize("passing", [1, 2, 3, 4])
def test_a_kill_in_the_middle_leaves_what_the_same_order_finishes(played, passing: int) -> None:  # type: ignore[no-untyped-def]
    user, _, run = played
    killed = user.do("rewind", run, "1", BURSAR_FAILPOINT=f"in_rewind:{passing}:kill")
    assert killed.code == -9
    assert user.do("spec", "tick", SPEC, "1", "--state", "todo").code == 0
    refused = user.do("resume", run)
    assert (refused.code, "was interrupted" in refused.err) == (2, True)
    assert user.do("rewind", run, "1", "--json").json()["rewound"]
    assert not (user.cwd / "one.txt").exists() and not (user.cwd / "two.txt").exists()
    assert user.do("runs", "--json").json()["runs"][0]["state"] == "paused"


def test_a_history_is_left_after_an_erase(played) -> None:  # type: ignore[no-untyped-def]
    user, _, run = played
    assert user.do("erase", "--run", run).code == 0
    history = user.do("replay", run)
    assert history.code == 0
    assert "were erased at" in history.err
    assert "m1" in history.out and "one.txt" not in history.out
    for line in user.do("replay", run, "--json").events():
        fits("replay", line)
    assert user.do("rewind", run, "1").code == 2
