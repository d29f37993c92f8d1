"""What is wrong is said in one sentence that names it and the way out; the exit code says whose turn it is."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.program import CLAUDE, Simulator, User, make_workspace, simulator

SPEC = ".kiro/specs/demo"
TASKS = f"{SPEC}/tasks.md"

SHOWN = [("spec", "show", SPEC), ("run", SPEC), ("run", SPEC, "--dry-run"), ("spec", "tick", SPEC, "1")]


def refused(user: User, *args: object, code: int = 2, **more: Any) -> str:
    """What is said on stderr of a command that ends with this code and prints nothing else."""
    done = user.do(*args, **more)
    assert done.code == code, (done.out, done.err)
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1, done.err
    return done.err.strip()


# --- tasks files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", SHOWN, ids=" ".join)
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "there is no tasks file at .kiro/specs/demo/tasks.md: give the path of a tasks.md or of its folder"),
        (
            b"\x00\x01\x02PNG\xff",
            "This is a binary file (a zero byte at offset 0), not a tasks.md; choose a text file in UTF-8.",
        ),
        (
            b"- [ ] 1. caf\xe9\n",
            "The file is not UTF-8: byte 0xe9 at offset 12 cannot be read; save it as UTF-8 and try again.",
        ),
    ],
    ids=["missing", "binary", "latin-1"],
)
def test_a_tasks_file_that_cannot_be_read(
    user: User, workspace: Path, command: tuple[str, ...], data: bytes | None, said: str
) -> None:
    tasks = workspace / TASKS
    if data is None:
        tasks.unlink()
    else:
        tasks.write_bytes(data)
    message = refused(user, *command)
    assert said in message
    assert TASKS in message
    if data is not None:
        assert tasks.read_bytes() == data


def test_an_empty_tasks_file_is_no_error_and_has_nothing_to_run(user: User, workspace: Path) -> None:
    (workspace / TASKS).write_bytes(b"")
    shown = user.do("spec", "show", SPEC, "--json")
    assert shown.code == 0
    (problem,) = shown.json()["problems"]
    assert problem["code"] == "empty"
    assert "This tasks.md is empty; write a task such as" in problem["message"]
    ran = user.do("run", SPEC)
    assert (ran.code, ran.out) == (0, "")
    assert f"{TASKS} has no open task: nothing to run." in ran.err


def test_a_task_that_is_not_there(user: User) -> None:
    said = refused(user, "run", SPEC, "--task", "9.9")
    assert said == f"bursar: {TASKS} has no task '9.9': it has 1, 2"


def test_a_task_that_could_be_two(user: User, workspace: Path) -> None:
    (workspace / TASKS).write_text("- [ ] 1. One\n- [ ] 1. Other\n")
    for command in (("run", SPEC, "--task", "1"), ("spec", "tick", SPEC, "1")):
        said = refused(user, *command)
        assert said == f"bursar: '1' is not unique in {TASKS}: say which, @1, @2"
    assert user.do("spec", "tick", SPEC, "@2").code == 0
    assert (workspace / TASKS).read_text() == "- [ ] 1. One\n- [x] 1. Other\n"


def test_a_task_that_is_done(user: User, workspace: Path) -> None:
    (workspace / TASKS).write_text("- [x] 1. One\n")
    assert "task 1 is done already: set its mark back to run it again" in refused(user, "run", SPEC, "--task", "1")


# --- providers, keys, models -----------------------------------------------------------------------------------------


def test_without_a_provider_estimates_work_and_run_says_how_to_get_one(user: User) -> None:
    estimates = user.do("run", SPEC, "--dry-run", "--json")
    assert estimates.code == 0
    for each in estimates.events():
        assert each["first_request_tokens"] > 0
        assert float(each["first_request_usd"]) > 0
    said = refused(user, "run", SPEC)
    assert "no key" in said
    assert "ANTHROPIC_API_KEY" in said
    assert "bursar simulate" in said
    assert user.do("runs", "--json").json() == {"runs": []}


def test_a_wrong_key(user: User, tmp_path: Path) -> None:
    with simulator(tmp_path / "locked", {"require_key": "right"}) as sim:
        user.uses(sim.url, key_env="MINE")
        done = user.do("run", SPEC, "--json", MINE="wrong")
        assert done.code == 3
        last = done.last()
        assert (last["kind"], last["reason"], last["cost_usd"], last["held_usd"]) == (
            "run_paused",
            "provider",
            "0",
            "0",
        )
        assert "401" in last["detail"]
        assert "MINE" in last["detail"]
        assert "wrong" not in done.out
        assert len(sim.log()) == 1
        again = user.do("resume", "--json", MINE="right")
        assert (again.code, again.last()["reason"]) == (0, "done")


def test_an_unknown_model_under_a_ceiling(user: User, sim: Simulator) -> None:
    user.uses(sim.url, model="made-up-9")
    estimate = user.do("run", SPEC, "--dry-run", "--json")
    assert estimate.code == 0
    assert {each["first_request_usd"] for each in estimate.events()} == {None}
    done = user.do("run", SPEC, "--json")
    assert (done.code, done.last()["reason"]) == (3, "budget")
    assert "No price is known for made-up-9." in done.last()["detail"]
    assert '"price": "free"' in done.last()["detail"]
    assert sim.log_text() == ""


def test_an_unknown_model_is_run_where_it_costs_nothing(user: User, tmp_path: Path) -> None:
    prices = {"input": "1", "output": "1"}
    with simulator(tmp_path / "local", {"models": {"made-up-9": {"wire": "anthropic", "prices": prices}}}) as sim:
        user.uses(sim.url, model="made-up-9", price="free")
        done = user.do("run", SPEC, "--task", "1", "--json")
        assert done.code == 0
        assert done.last()["cost_usd"] == "0"


def test_a_model_that_the_provider_does_not_have(user: User, sim: Simulator) -> None:
    user.uses(sim.url, model="made-up-9", price="free")
    done = user.do("run", SPEC, "--json")
    assert (done.code, done.last()["reason"]) == (3, "provider")
    assert "404" in done.last()["detail"]
    assert "made-up-9" in done.last()["detail"]


def test_a_provider_that_is_not_there(user: User) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        user.uses(f"http://127.0.0.1:{taken.getsockname()[1]}")
        user.settings(budget={"run": "1usd"})
        process = user.start("run", SPEC, "--task", "1", "--json")
        assert process.stdout is not None
        refusal = next(event for event in map(json.loads, process.stdout) if event["kind"] == "request_refused")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert "127.0.0.1" in refusal["message"]
    assert process.returncode == 3


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("claude", "the model 'claude' names no provider: write NAME/MODEL, for example anthropic/"),
        ("nobody/x", "no provider is named 'nobody': choose one of anthropic, openai, or add it to 'providers'"),
    ],
)
def test_a_model_that_names_no_provider(user: User, model: str, said: str) -> None:
    assert said in refused(user, "run", SPEC, "--model", model)
    assert said in refused(user, "run", SPEC, BURSAR_MODEL=model)


# --- settings and amounts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "settings.json is not JSON ("),
        ("[]", "settings.json must be a JSON object"),
        ('{"model": 5}', "'model' must be a string"),
        ('{"budgets": {}}', "'budgets' is not a setting; the settings are providers, model, "),
        ('{"budget": {"day": "much"}}', "settings.json: budget.day: 'much' is not an amount: write 5usd"),
        ('{"providers": {"x": {"wire": "anthropic"}}}', "settings.json: providers.x.base_url: Field required"),
        ('{"providers": {"x": []}}', "settings.json: providers.x must be a JSON object"),
        (
            '{"providers": {"anthropic": {"wire": "anthropic", "base_url": "https://example.com"}}}',
            "give it a 'key_env' of its own, so that the key in ANTHROPIC_API_KEY is not sent there",
        ),
        ('{"prices": "/nowhere/prices.json"}', "/nowhere/prices.json"),
    ],
)
def test_settings_that_cannot_be_used(user: User, text: str, said: str) -> None:
    user.settings()
    (user.home / "settings.json").write_text(text)
    assert said in refused(user, "run", SPEC, "--dry-run")


@pytest.mark.parametrize("text", ["{", "[1]", '{"x": {"wire": "morse", "base_url": "http://127.0.0.1:1"}}'])
def test_providers_in_the_environment_that_cannot_be_used(user: User, text: str) -> None:
    assert "BURSAR_PROVIDERS" in refused(user, "run", SPEC, BURSAR_PROVIDERS=text)


def test_a_key_is_not_sent_in_the_clear(user: User) -> None:
    user.uses("http://example.com", key_env="MINE")
    assert "https" in refused(user, "run", SPEC, MINE="canary")


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("lots", "'lots' is not an amount: write 5usd, 0.25usd, 200ktok or 300req"),
        ("-1usd", ""),
        ("0.0000000000001usd", "finer than the smallest unit that is kept"),
        ("5req", "--max is an amount of money: write --max 1usd"),
        ("1e3", "is not an amount"),
    ],
)
def test_a_ceiling_that_is_no_amount(user: User, amount: str, said: str) -> None:
    done = user.do("run", SPEC, "--max", amount)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("set",), "say which budget: request, run, task, session, workspace, keep-warm, day, week, month"),
        (("set", "weak", "5usd"), "'weak' is not a scope: did you mean 'week'? the scopes are request, run, task"),
        (("set", "Month", "5usd"), "'Month' is not a scope: did you mean 'month'?"),
        (("set", "year", "5usd"), "'year' is not a scope; the scopes are request, run"),
        (("today", "day"), "today takes nothing behind it"),
        (("set", "day"), "say how much: bursar budget set day 5usd"),
        (("set", "day", "lots"), "'lots' is not an amount"),
        (("set", "day", "NaN"), "'NaN' is not an amount"),
        (("set", "day", "--", "-5usd"), "'-5usd' is not an amount (no budget is below zero)"),
        (("set", "day", "0usd"), "'0usd' would let no request through: write an amount above zero"),
        (("set", "week", "0.0req"), "would let no request through"),
        (("set", "month", f"1{'0' * 30}usd"), "is more than can be kept exactly: write 9000000usd or less"),
        (("set", "month", f"1{'0' * 30}req"), "is more than can be kept exactly"),
        (("set", "month", "1e30usd"), "'1e30usd' is not an amount"),
    ],
)
def test_a_budget_that_cannot_be_set(user: User, args: tuple[str, ...], said: str) -> None:
    assert said in refused(user, "budget", *args)


@pytest.mark.parametrize("command", ["resume", "pause", "stop"])
def test_a_run_that_is_not_there(user: User, command: str) -> None:
    assert "there is no run 'run-nobody': see 'bursar runs --all'" in refused(user, command, "run-nobody")


def test_a_run_to_erase_that_is_not_there(user: User) -> None:
    assert "there is no run 'run-nobody'" in refused(user, "erase", "--run", "run-nobody")


def test_nothing_to_resume(user: User) -> None:
    done = user.do("resume", "--json")
    assert (done.code, done.out) == (0, "")
    assert "No run is paused here: nothing to resume." in done.err


@pytest.mark.parametrize("args", [(), ("nonsense",), ("run",), ("erase",), ("spec",), ("run", "x", "--task")])
def test_wrong_use(user: User, args: tuple[str, ...]) -> None:
    done = user.do(*args)
    assert (done.code, done.out) == (2, "")
    assert "usage: bursar" in done.err


def test_a_command_to_allow_that_is_not_quoted(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    said = refused(user, "run", SPEC, "--allow-run", "sh -c 'x")
    assert "--allow-run sh -c 'x: No closing quotation; quote the command as one argument" in said


def test_every_command_has_an_example(user: User) -> None:
    listed = user.do("--help").out
    for name in ("run", "resume", "pause", "stop", "runs", "usage", "budget", "erase", "simulate", "schema", "serve"):
        assert f"\n    {name} " in listed or f"\n    {name}\n" in listed
        helped = user.do(name, "--help")
        assert helped.code == 0
        assert f"xample: bursar {name}" in helped.out


# --- the world -------------------------------------------------------------------------------------------------------


def test_a_port_in_use(user: User) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(user, "simulate", "--port", port)
    assert said == f"bursar: port {port} is in use by another program: choose another with --port, or leave it out"


@pytest.fixture
def mounts() -> Iterator[Any]:
    """Mounts file systems for one test; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(place: Path, *options: str) -> None:
        done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        mounted.append(place)

    yield mount
    for place in reversed(mounted):
        subprocess.run(["umount", str(place)], check=False)


def test_a_workspace_that_cannot_be_written(user: User, workspace: Path, sim: Simulator, mounts: Any) -> None:
    mounts(workspace, "--bind", str(workspace))
    mounts(workspace, "-o", "remount,bind,ro")
    user.uses(sim.url)
    said = refused(user, "spec", "tick", SPEC, "1")
    assert "Read-only file system" in said or "read-only" in said
    assert TASKS in said
    done = user.do("run", SPEC, "--task", "1", "--json")
    told = [each for each in done.events() if each["kind"] == "tool_finished" and each["tool"] == "write_file"]
    assert [each["ok"] for each in told] == [False]
    assert done.last()["ticked"] is False
    (pending,) = [each for each in done.events() if each["kind"] == "tick_pending"]
    assert TASKS in pending["message"]
    assert not (workspace / "notes").exists()


def test_a_full_disk_before_a_request(user: User, sim: Simulator, mounts: Any) -> None:
    user.home.mkdir(mode=0o700)
    mounts(user.home, "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs")
    user.uses(sim.url)
    assert user.do("runs").code == 0
    filler = user.home / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                os.write(file.fileno(), b"x" * 4096)
        except OSError:
            pass
    done = user.do("run", SPEC, "--task", "1", "--json")
    assert done.code == 4
    assert "no space" in done.err.lower() or "full" in done.err.lower()
    assert "finish" not in done.out
    assert sim.log_text() == ""
    filler.unlink()
    assert user.do("run", SPEC, "--task", "1", "--json").code == 0


def test_a_state_folder_that_is_a_file(user: User) -> None:
    user.home.write_text("x")
    done = user.do("runs")
    assert done.code in (2, 4)
    assert str(user.home) in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_store_that_is_none(user: User) -> None:
    user.home.mkdir(mode=0o700)
    (user.home / "bursar.db").write_bytes(b"not a database, by far" * 100)
    done = user.do("usage", "--json")
    assert done.code == 0
    assert done.json()["requests"] == []
    assert "bursar.db is damaged" in done.err
    (aside,) = user.home.glob("bursar.db.damaged-*")
    assert f"It was set aside as {aside.name}" in done.err
    assert aside.read_bytes().startswith(b"not a database")


# --- two at once, and the end of a process ---------------------------------------------------------------------------

SLOW = {
    "replies": [{"when": {"task": "1"}, "text": "word " * 4_000, "chunk_ms": 50, "chunk_tokens": 4}],
}


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "slow", SLOW) as running:
        yield running


def in_the_middle_of_an_answer(user: User, *args: object) -> tuple[subprocess.Popen[str], str]:
    process = user.start(*args, "--json")
    assert process.stdout is not None
    for event in map(json.loads, process.stdout):
        if event["kind"] == "request_progress":
            return process, event["run"]
    raise AssertionError(process.communicate())


def test_two_processes_on_one_task(user: User, slow: Simulator) -> None:
    user.uses(slow.url)
    process, run = in_the_middle_of_an_answer(user, "run", SPEC, "--task", "1")
    try:
        said = refused(user, "run", SPEC, "--task", "1")
        assert f"task 1 runs in another window as {run}: wait or pause it there" in said
        said = refused(user, "resume", run)
        assert f"{run} runs in another window (process {process.pid} on " in said
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_an_answer(user: User, slow: Simulator, tmp_path: Path, number: int) -> None:
    user.uses(slow.url)
    process, run = in_the_middle_of_an_answer(user, "run", SPEC, "--task", "1")
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "Traceback" not in err
    assert "resume" in err
    (row,) = user.do("runs", "--json").json()["runs"]
    assert (row["run"], row["state"]) == (run, "paused")
    again = user.do("run", SPEC, "--task", "1")
    assert again.code == 2
    assert f"task 1 has a run that can go on, {run}" in again.err
    slow.stop()
    with simulator(tmp_path / "next") as sim:
        user.uses(sim.url)
        done = user.do("resume", run, "--json")
        assert (done.code, done.last()["reason"]) == (0, "done"), done.err
    usage = user.do("usage", "--json").json()
    (unknown,) = [each for each in usage["requests"] if each["certainty"] == "unknown"]
    (billed,) = slow.bill()
    assert billed["request_id"] == unknown["request_id"]
    assert float(billed["cost_usd"]) <= float(unknown["at_most_usd"])


def test_nothing_but_json_on_stdout_and_the_codes(user: User, sim: Simulator) -> None:
    """0 done; 1 over a budget; 2 wrong use; 3 paused: with --json stdout has one JSON value a line, or nothing."""
    user.uses(sim.url)
    asked: list[tuple[int, tuple[object, ...]]] = [
        (0, ("spec", "show", SPEC)),
        (0, ("run", SPEC, "--dry-run")),
        (0, ("run", SPEC, "--task", "1")),
        (3, ("run", SPEC, "--task", "2", "--max", "0.0001usd")),
        (2, ("run", SPEC, "--task", "3")),
        (0, ("runs",)),
        (0, ("usage",)),
        (0, ("budget",)),
        (1, ("budget", "set", "day", "0.000001usd")),
        (1, ("budget",)),
        (3, ("resume",)),
        (0, ("erase", "--all")),
    ]
    for code, args in asked:
        done = user.do(*args, "--json")
        assert done.code == code, (args, done.err)
        for line in done.out.splitlines():
            json.loads(line)
        assert done.out != "" or code == 2


def test_a_day_that_is_used_up(user: User, sim: Simulator) -> None:
    user.uses(sim.url)
    assert user.do("run", SPEC, "--task", "1").code == 0
    assert user.do("budget", "set", "day", "0.01usd", "--json").code in (0, 1)
    spent = user.do("budget", "--json").json()["budgets"][0]
    assert user.do("budget", "set", "day", f"{spent['spent']}usd").code == 1
    over = user.do("budget", "--json")
    assert (over.code, over.json()["budgets"][0]["level"]) == (1, "over")
    sent = len(sim.log())
    done = user.do("run", SPEC, "--task", "2", "--json")
    assert (done.code, done.last()["reason"]) == (3, "budget")
    assert "bursar budget set day" in done.last()["detail"]
    assert len(sim.log()) == sent
    assert CLAUDE in user.environ["BURSAR_MODEL"]


def test_a_spec_kit_workspace_is_found_without_kiro(tmp_path: Path, sim: Simulator) -> None:
    make_workspace(tmp_path / "other")
    folder = tmp_path / "plain" / "specs" / "001-x"
    folder.mkdir(parents=True)
    (folder / "tasks.md").write_text("# Tasks\n\n- [ ] T001 [P] Write it in `a.py`\n")
    user = User(home=tmp_path / "home", cwd=tmp_path / "plain").uses(sim.url)
    assert user.do("run", "specs/001-x").code == 0
    assert (tmp_path / "plain" / "notes").is_dir()


def test_two_processes_that_begin_one_task_at_the_same_moment(user: User, slow: Simulator) -> None:
    """One of them runs it, whoever it is; the other pays nothing."""
    user.uses(slow.url)
    assert user.do("runs").code == 0
    processes = [user.start("run", SPEC, "--task", "1", "--json") for _ in range(4)]
    ended: list[subprocess.Popen[str]] = []
    try:
        # The answer takes far longer than it takes to be refused: whoever ends was refused.
        patience = time.monotonic() + 120
        while len(ended) < 3 and time.monotonic() < patience:
            ended = [each for each in processes if each.poll() is not None]
            time.sleep(0.02)
    finally:
        for each in processes:
            each.kill()
    said = [each.communicate()[1] for each in processes]
    assert [each.returncode for each in ended] == [2, 2, 2], said
    assert len(user.do("runs", "--json").json()["runs"]) == 1
    assert sum("task 1 " in each for each in said) == 3, said


def test_a_tasks_file_that_is_edited_while_the_task_before_runs(user: User, workspace: Path, tmp_path: Path) -> None:
    """The next task is told with its own lines, wherever they are by now; one that is gone is not run."""
    tasks = workspace / TASKS
    tasks.write_text("- [ ] 1. One\n- [ ] 2. Two\n  - lines of two\n- [ ] 3. Three\n")
    slow_one = {"replies": [{"when": {"task": "1", "tool_results": 0}, "chunk_ms": 200, "chunk_tokens": 1}]}
    with simulator(tmp_path / "sim", slow_one) as sim:
        user.uses(sim.url)
        process = user.start("run", SPEC, "--json")
        assert process.stdout is not None
        for event in map(json.loads, process.stdout):
            if event["kind"] == "request_first_token":
                tasks.write_text(
                    "# Title\n\nWords.\n\n- [ ] 1. One\n  - lines of one\n- [ ] 2. Two\n  - lines of two\n"
                )
                break
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        statements = [body.split("Current task: ")[1].split('"')[0] for body in sim.bodies()]
    assert tasks.read_text() == (
        "# Title\n\nWords.\n\n- [x] 1. One\n  - lines of one\n- [x] 2. Two\n  - lines of two\n"
    )
    assert any(each.startswith("[2] Two") and "lines of two" in each for each in statements)
    assert not any(each.startswith("[2] Two") and "lines of one" in each for each in statements)
    assert "'Three' is gone by now: not run." in err
