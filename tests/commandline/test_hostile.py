"""What others wrote gives no orders to the terminal, makes no command wait for ever, and gets nobody else's key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.program import User, simulator

SPEC = ".kiro/specs/demo"
ORDERS = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt"


def nothing_is_ordered(text: str) -> bool:
    return not any(each in text for each in ("\x1b", "\x07", "\x9b", "\u202e"))


def test_a_model_gives_no_orders_to_the_terminal(user: User, tmp_path: Path) -> None:
    """A screen that was cleared or rewritten would hide what a question says."""
    calls = [
        {"name": "read_file", "input": {"path": f"no{ORDERS}"}},
        {"name": "run_command", "input": {"argv": ["ls", ORDERS]}},
        {"name": "finish", "input": {"summary": f"Done {ORDERS}"}},
    ]
    with simulator(tmp_path / "sim", {"replies": [{"when": {}, "text": ORDERS, "tool_calls": calls}]}) as sim:
        user.uses(sim.url)
        for mode in ([], ["--json"]):
            done = user.do("run", SPEC, "--task", "1", *mode)
            assert done.code == 0, done.err
            assert nothing_is_ordered(done.out + done.err)
            assert "owned" in done.out + done.err
            user.do("spec", "tick", SPEC, "1", "--state", "todo")
        assert done.last()["detail"] == f"Done {ORDERS}", "as JSON the words are whole"


def test_a_spec_gives_no_orders_to_the_terminal(user: User, workspace: Path) -> None:
    (workspace / SPEC / "tasks.md").write_text(f"# Plan\n\n- [ ] 1. First {ORDERS} thing\n")
    for words in (["spec", "show", SPEC], ["spec", "show", SPEC, "--json"], ["run", SPEC, "--dry-run"]):
        done = user.do(*words)
        assert done.code == 0, done.err
        assert "First" in done.out and nothing_is_ordered(done.out + done.err)
    (task,) = user.do("spec", "show", SPEC, "--json").json()["tasks"]
    assert task["title"] == f"First {ORDERS} thing"


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_check_waits_for_nothing_that_is_no_file(user: User, workspace: Path, kind: str) -> None:
    path = workspace / "notes.md"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    done = user.do("check", path)
    assert done.code == 2
    assert "is no file but a folder, a pipe or a device" in done.err


@pytest.mark.parametrize("name", ["mine", "openai", "anthropic"])
def test_the_key_of_one_vendor_is_not_named_for_another_host(user: User, name: str) -> None:
    entry = {"wire": "anthropic", "base_url": "https://api.anthropic.com.evil.example", "key_env": "ANTHROPIC_API_KEY"}
    user.settings(providers={name: entry}, model=f"{name}/claude-sonnet-5-5")
    done = user.do("run", SPEC, "--dry-run")
    assert done.code == 2
    assert "give it a 'key_env' of its own" in done.err
    assert "ANTHROPIC_API_KEY" in done.err


def test_and_may_be_named_for_the_vendors_own_host(user: User) -> None:
    entry = {"wire": "anthropic", "base_url": "https://api.anthropic.com/", "key_env": "ANTHROPIC_API_KEY"}
    user.settings(providers={"mine": entry}, model="mine/claude-sonnet-5-5")
    assert user.do("run", SPEC, "--dry-run").code == 0


def test_the_programs_own_settings_are_no_file_of_the_workspace(user: User, workspace: Path, tmp_path: Path) -> None:
    """Where the state folder lies below the workspace's root: no tool reads it or raises a budget in it."""
    user.home = workspace / "state"
    canary = "canary-of-the-state-folder"
    calls = [
        {"name": "read_file", "input": {"path": "state/settings.json"}},
        {"name": "search", "input": {"pattern": "budget"}},
        {"name": "write_file", "input": {"path": "state/settings.json", "content": "{}"}},
        {"name": "write_file", "input": {"path": "state/other.json", "content": "{}"}},
        {"name": "finish", "input": {"summary": "Done."}},
    ]
    replies = [{"when": {"tool_results": at}, "text": "", "tool_calls": [each]} for at, each in enumerate(calls)]
    with simulator(tmp_path / "sim", {"replies": replies}) as sim:
        user.settings(prices=None, budget={"day": "2usd", "run": "1usd"}, model=f"sim/{canary}")
        user.uses(sim.url)
        before = (user.home / "settings.json").read_bytes()
        done = user.do("run", SPEC, "--task", "1", "--json")
        assert done.code == 0, done.err
        assert (user.home / "settings.json").read_bytes() == before
        assert not (user.home / "other.json").exists()
        assert '\\"budget\\"' not in "".join(sim.bodies())
        told = [each for each in done.events() if each["kind"] == "tool_finished" and each["tool"] == "write_file"]
        assert [each["ok"] for each in told] == [False, False]
