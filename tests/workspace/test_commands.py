"""Commands: what they resolve to, what they are given, how much they may say, and that all they started ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bursar.domain.ports import CommandOutcome, CommandPlan, ToolRefused
from bursar.workspace import LocalCommands

from .support import CANARY, KEY, Bench, Mailbox, names, wait_until_gone

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
ENV = {
    "PATH": SYSTEM_PATH,
    "HOME": "/nonexistent-home",
    "ANTHROPIC_API_KEY": KEY,
    "MY_SECRET": CANARY,
    "LD_PRELOAD": "./x.so",
    "BASH_ENV": "./x",
    "GIT_SSH_COMMAND": "touch PWN",
    "PYTHONPATH": "/x",
    "TMPDIR": "/tmp",
}
git = pytest.mark.skipif(shutil.which("git") is None, reason="no git here")


def _commands(bench: Bench, *, timeout_s: float = 60.0, output_limit_bytes: int = 64 * 1024) -> LocalCommands:
    return LocalCommands(bench.root, env=ENV, timeout_s=timeout_s, output_limit_bytes=output_limit_bytes)


def _planned(found: CommandPlan | ToolRefused) -> CommandPlan:
    assert isinstance(found, CommandPlan), found
    return found


async def _run(commands: LocalCommands, *argv: str) -> CommandOutcome:
    return await commands.run(_planned(commands.plan(argv)))


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_program_is_resolved_to_its_real_path(bench: Bench) -> None:
    plan = _planned(_commands(bench).plan(["ls", "-l", "a b"]))
    assert plan.argv == ("ls", "-l", "a b") and plan.cwd == str(bench.root)
    assert plan.program == os.path.realpath(shutil.which("ls", path=SYSTEM_PATH) or "")
    assert not plan.runs_workspace_files


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [""],
        [" "],
        ["ls", "a\0b"],
        ["ls"] * 101,
        ["ls", "x" * 9_000],
        ["ls", "\ud800"],
        ["no-such-program-7c1f"],
        ["./none"],
    ],
)
def test_what_is_no_command_is_refused_with_a_sentence(bench: Bench, argv: list[str]) -> None:
    found = _commands(bench).plan(argv)
    assert isinstance(found, ToolRefused) and found.message.endswith(".") and len(found.message) < 300


@pytest.mark.parametrize(
    "argv",
    [
        ["ls;touch", "PWN"],
        ["ls&touch PWN"],
        ["git status\ntouch PWN"],
        ["$(echo touch PWN)"],
        ["PAGER=touch PWN", "git"],
        ["ls "],
    ],
)
def test_a_shells_language_is_no_program(bench: Bench, argv: list[str]) -> None:
    assert isinstance(_commands(bench).plan(argv), ToolRefused)


async def test_arguments_are_data(bench: Bench) -> None:
    odd = ["$(touch PWN)", "`touch PWN`", ";touch PWN", "> PWN", "a\nb", "*", "${x@P}", "--", ""]
    outcome = await _run(_commands(bench), "printf", "<%s>", *odd)
    assert outcome.output == "".join(f"<{each}>" for each in odd)
    assert names(bench.root) == []


def test_a_program_of_the_workspace_is_never_found_by_its_bare_name(bench: Bench) -> None:
    _program(bench.root / "ls", "#!/bin/sh\necho evil\n")
    _program(bench.root / "bin/only-here", "#!/bin/sh\necho evil\n")
    _program(bench.root / ".venv/bin/mypytest", "#!/bin/sh\necho own\n")
    inside = os.pathsep.join([".", "", str(bench.root), str(bench.root / "bin"), "bin", SYSTEM_PATH])
    (bench.outside / "via").symlink_to(bench.root / "bin")
    (bench.outside / "tools").mkdir()
    (bench.outside / "tools/linked").symlink_to(bench.root / "bin/only-here")
    path = os.pathsep.join([inside, str(bench.outside / "via"), str(bench.outside / "tools")])
    commands = LocalCommands(bench.root, env={"PATH": path})
    assert _planned(commands.plan(["ls"])).program.startswith(("/bin", "/usr/bin"))
    assert isinstance(commands.plan(["only-here"]), ToolRefused)
    assert isinstance(commands.plan(["linked"]), ToolRefused)
    refused = commands.plan(["mypytest"])
    assert isinstance(refused, ToolRefused) and ".venv/bin/mypytest" in refused.message


def test_a_program_of_the_workspace_is_run_by_its_path_and_flagged(bench: Bench) -> None:
    _program(bench.root / "bin/cat", "#!/bin/sh\necho own\n")
    for named in ("./bin/cat", "bin/cat", str(bench.root / "bin/cat")):
        plan = _planned(_commands(bench).plan([named]))
        assert plan.program == str(bench.root / "bin/cat") and plan.runs_workspace_files
    bench.put("data.txt", "no program")
    assert isinstance(_commands(bench).plan(["./data.txt"]), ToolRefused)
    assert isinstance(_commands(bench).plan(["./bin"]), ToolRefused)


@pytest.mark.parametrize(
    ("argv", "runs"),
    [
        ("cat a", False), ("ls -la", False), ("wc -l a", False), ("head a", False), ("tail a", False),
        ("echo a", False),
        ("grep -rn a .", False), ("sh -c ls", True), ("bash x.sh", True), ("env ls", True), ("find . -exec x +", True),
        ("sed -n 1ex f", True), ("awk 1", True), ("xargs ls", True), ("timeout 5 ls", True), ("sort -o x a", True),
        ("python3 x.py", True), ("perl x", True),
    ],
)  # fmt: skip
def test_only_known_readers_run_no_file_of_the_workspace(bench: Bench, argv: str, runs: bool) -> None:
    first = argv.split()[0]
    if shutil.which(first, path=SYSTEM_PATH) is None:
        _program(bench.outside / "bin" / first, "#!/bin/sh\n")
    commands = LocalCommands(bench.root, env={"PATH": f"{SYSTEM_PATH}:{bench.outside / 'bin'}"})
    assert _planned(commands.plan(argv.split())).runs_workspace_files is runs


@pytest.mark.parametrize(
    "name",
    ["pytest", "npm", "npx", "node", "yarn", "pnpm", "bun", "make", "cargo", "go", "tox", "nox", "uv", "gradle", "mvn"],
)
def test_builders_run_files_of_the_workspace(bench: Bench, name: str) -> None:
    _program(bench.outside / "bin" / name, "#!/bin/sh\n")
    commands = LocalCommands(bench.root, env={"PATH": str(bench.outside / "bin")})
    assert _planned(commands.plan([name, "test"])).runs_workspace_files


@git
@pytest.mark.parametrize(
    ("argv", "runs"),
    [
        ("git rev-parse --show-toplevel", False), ("git ls-files", False), ("git ls-files -m", True),
        ("git status", True), ("git log --no-ext-diff --no-textconv --oneline", True),
        ("git diff --no-ext-diff --no-textconv", True), ("git log --oneline", True), ("git show", True),
        ("git diff", True), ("git -c core.pager=x log", True), ("git diff --output=PWN", True), ("git", True),
        ("git diff --no-ext-diff --no-textconv --ext-diff", True), ("git -C x status", True), ("git commit -m x", True),
        ("git --exec-path=. status", True), ("git rebase --exec x", True), ("git x", True),
    ],
)  # fmt: skip
def test_git_is_a_reader_only_where_nothing_can_be_run(bench: Bench, argv: str, runs: bool) -> None:
    assert _planned(_commands(bench).plan(argv.split())).runs_workspace_files is runs


@git
async def test_git_runs_nothing_that_the_repository_names(bench: Bench) -> None:
    subprocess.run(["git", "init", "-q", str(bench.root)], check=True)
    _program(bench.root / "hook.sh", "#!/bin/sh\ntouch PWN\n")
    _program(bench.root / "hooks/post-index-change", "#!/bin/sh\ntouch PWN\n")
    with (bench.root / ".git/config").open("a") as file:
        file.write(f'[core]\n\tfsmonitor = {bench.root}/hook.sh\n\thooksPath = hooks\n\tpager = "touch PWN"\n')
    bench.put("a", "x\n")
    commands = _commands(bench)
    for argv in (["git", "status"], ["git", "add", "a"], ["git", "log"], ["git", "diff"]):
        await _run(commands, *argv)
    assert "PWN" not in names(bench.root)


@git
async def test_a_git_that_runs_a_filter_of_the_repository_is_said_to_run_files(bench: Bench) -> None:
    """Git cannot be told to run no filter at all: where it does, the question must say so."""
    subprocess.run(["git", "init", "-q", str(bench.root)], check=True)
    bench.put("a", "x\n")
    bench.put(".gitattributes", "a filter=f\n")
    subprocess.run(["git", "add", "."], cwd=bench.root, check=True)
    with (bench.root / ".git/config").open("a") as file:
        file.write(f'[filter "f"]\n\tclean = touch {bench.root}/PWN; cat\n')
    commands = _commands(bench)
    ran = set()
    for argv in (["git", "ls-files"], ["git", "rev-parse", "--show-toplevel"], ["git", "status"], ["git", "diff"]):
        bench.put("a", f"changed {argv}\n")
        plan = _planned(commands.plan(argv))
        assert (await commands.run(plan)).exit_code == 0
        if (bench.root / "PWN").exists():
            (bench.root / "PWN").unlink()
            ran.add(argv[1])
            assert plan.runs_workspace_files
    assert "diff" in ran


async def test_the_environment_is_fixed_and_holds_no_key(bench: Bench) -> None:
    outcome = await _run(_commands(bench), "env")
    given = dict(line.split("=", 1) for line in outcome.output.splitlines())
    assert {"PATH", "HOME", "LANG", "TERM", "TMPDIR"} <= set(given)
    assert given["LANG"] == "C.UTF-8" and given["TERM"] == "dumb" and given["HOME"] == "/nonexistent-home"
    assert not set(given) & {
        "ANTHROPIC_API_KEY",
        "MY_SECRET",
        "LD_PRELOAD",
        "BASH_ENV",
        "GIT_SSH_COMMAND",
        "PYTHONPATH",
    }
    assert KEY not in outcome.output and "canary" not in outcome.output


async def test_neither_the_command_nor_its_keeper_can_be_asked_for_a_key(bench: Bench) -> None:
    """What a child sees of its parent is the keeper, and that has the fixed environment and few open files."""
    script = "cat /proc/$PPID/environ | tr '\\0' '\\n'; ls /proc/self/fd | wc -l"
    outcome = await _run(_commands(bench), "sh", "-c", script)
    assert "PATH=" in outcome.output and KEY not in outcome.output and "MY_SECRET" not in outcome.output
    assert "⟦secret" not in outcome.output
    assert int(outcome.output.split()[-1]) <= 4


async def test_exit_code_both_streams_in_order_and_no_input(bench: Bench) -> None:
    commands = _commands(bench)
    outcome = await _run(commands, "sh", "-c", "echo one; echo two >&2; echo three; pwd; exit 3")
    assert outcome.exit_code == 3 and not outcome.timed_out and not outcome.truncated
    assert outcome.output == f"one\ntwo\nthree\n{bench.root}\n"
    assert (await _run(commands, "cat")).output == ""
    assert (await _run(commands, "sh", "-c", "kill -KILL $$")).exit_code == 128 + signal.SIGKILL
    broken = _program(bench.root / "broken", "no interpreter line")
    outcome = await _run(commands, str(broken))
    assert outcome.exit_code == 126 and "could not be started" in outcome.output


async def test_output_is_bounded_and_says_how_much_is_missing(bench: Bench) -> None:
    commands = _commands(bench, output_limit_bytes=2_000)
    outcome = await _run(commands, "sh", "-c", "seq 1 100000")
    assert outcome.truncated and outcome.exit_code == 0
    assert len(outcome.output) < 2_200
    assert outcome.output.startswith("1\n2\n3\n") and outcome.output.endswith("99999\n100000\n")
    left_out = int(outcome.output.split("[… ")[1].split(" bytes")[0].replace(",", ""))
    head, tail = outcome.output.split(f"\n[… {left_out:,} bytes left out …]\n")
    assert len(head) + left_out + len(tail) == sum(len(str(n)) + 1 for n in range(1, 100_001))
    exact = await _run(commands, "sh", "-c", "head -c 2000 /dev/zero | tr '\\0' x")
    assert not exact.truncated and exact.output == "x" * 2_000


async def test_output_is_masked_also_where_it_is_cut(bench: Bench) -> None:
    bench.put("k", KEY)
    outcome = await _run(_commands(bench), "cat", "k")
    assert outcome.output.startswith("⟦secret:anthropic:")
    for before in range(960, 1_000, 3):
        bench.put("k", "x" * before + " " + KEY + " " + "y " * 3_000)
        outcome = await _run(_commands(bench, output_limit_bytes=2_000), "cat", "k")
        assert outcome.truncated and KEY[:16] not in outcome.output


async def test_output_is_text_without_orders_to_the_terminal(bench: Bench) -> None:
    bench.put("o", b"\x1b[31mred\x1b[0m \xff\xe2\x80\xae\x07\r\nend")
    assert (await _run(_commands(bench), "cat", "o")).output == "red \ufffd\\u{202e}\\x07\nend"


async def test_a_program_that_changed_after_the_question_is_not_run(bench: Bench) -> None:
    tool = _program(bench.outside / "bin/tool", "#!/bin/sh\necho good\n")
    commands = LocalCommands(bench.root, env={"PATH": f"{bench.outside / 'bin'}:{SYSTEM_PATH}"})
    plan = _planned(commands.plan(["tool"]))
    assert (await commands.run(plan)).output == "good\n"
    tool.unlink()
    _program(bench.outside / "evil", f"#!/bin/sh\ntouch {bench.root}/PWN\n")
    tool.symlink_to(bench.outside / "evil")
    outcome = await commands.run(plan)
    assert outcome.exit_code is None and "not run" in outcome.output
    forged = CommandPlan(argv=("ls",), program=str(bench.outside / "evil"), cwd=plan.cwd, runs_workspace_files=False)
    assert (await commands.run(forged)).exit_code is None
    assert names(bench.root) == []


async def test_a_script_that_was_rewritten_after_the_question_is_not_run(bench: Bench) -> None:
    script = _program(bench.root / "check.sh", "#!/bin/sh\necho good\n")
    commands = _commands(bench)
    plan = _planned(commands.plan(["./check.sh"]))
    script.write_text("#!/bin/sh\ntouch PWN1\n")
    outcome = await commands.run(plan)
    assert outcome.exit_code is None and "not run" in outcome.output
    assert names(bench.root) == ["check.sh"]


def test_the_state_of_the_files_is_another_one_after_any_change(bench: Bench) -> None:
    commands = _commands(bench)
    bench.put("src/a.py", "x = 1\n")
    bench.put(".git/config", "[core]\n")
    states = [commands.state_of_files()]
    bench.put("src/__pycache__/a.pyc", b"made by running")
    bench.put(".pytest_cache/x", "made by running")
    bench.put(".git/index", "made by looking")
    assert commands.state_of_files() == states[0] is not None

    def same_size_and_time() -> None:
        at = (bench.root / "src/a.py").stat()
        bench.put("src/a.py", "x = 2\n")
        os.utime(bench.root / "src/a.py", ns=(at.st_atime_ns, at.st_mtime_ns))

    changes: list[Callable[[], object]] = [
        lambda: bench.put("tests/test_a.py", ""),
        same_size_and_time,
        lambda: bench.put(".git/hooks/pre-commit", "x"),
        lambda: bench.put(".git/config", "[core]\n\tpager = x\n"),
        lambda: (bench.root / "link").symlink_to(bench.outside),
        lambda: (bench.root / "tests/test_a.py").unlink(),
    ]
    for change in changes:
        change()
        states.append(commands.state_of_files())
        assert states[-1] is not None
    assert len(set(states)) == len(states)


STUBBORN = """
trap "" TERM HUP INT
(trap "" TERM HUP INT; echo $$ $(exec sh -c 'echo $PPID') > mail; while :; do sleep 1; done) &
while :; do sleep 1; done
"""
# The child says who it is, then that it did: its parent ends only after that.
LEFT_BEHIND = "{0} sh -c 'echo $$ > mail; echo x > ready; exec sleep 1000' {1} read x < ready"


@pytest.fixture
def mail(bench: Bench) -> Iterator[Mailbox]:
    os.mkfifo(bench.root / "ready")
    with Mailbox(bench.root / "mail") as made:
        yield made


async def test_the_time_limit_ends_the_group_with_children_that_ignore_sigterm(bench: Bench, mail: Mailbox) -> None:
    running = asyncio.ensure_future(_run(_commands(bench, timeout_s=2), "sh", "-c", STUBBORN))
    pids = await mail.numbers_soon()
    outcome = await running
    assert outcome.timed_out and outcome.exit_code is None
    assert len(set(pids)) == 2 and all(map(wait_until_gone, pids))


async def test_a_gentle_program_is_told_first(bench: Bench) -> None:
    commands = _commands(bench, timeout_s=2)
    outcome = await _run(commands, "sh", "-c", 'trap "echo tidied; exit 0" TERM; while :; do sleep 0.1; done')
    assert outcome.timed_out and outcome.output.endswith("tidied\n")


async def test_a_program_that_closed_its_output_is_still_ended(bench: Bench) -> None:
    outcome = await _run(_commands(bench, timeout_s=0.3), "sh", "-c", "exec >&- 2>&-; exec sleep 1000")
    assert outcome.timed_out


async def test_what_a_command_leaves_behind_is_ended_with_it(bench: Bench, mail: Mailbox) -> None:
    outcome = await _run(_commands(bench), "sh", "-c", LEFT_BEHIND.format("", "&"))
    assert outcome.exit_code == 0 and not outcome.timed_out
    assert all(wait_until_gone(pid, patience_s=0) for pid in mail.numbers())


@pytest.mark.skipif(shutil.which("setsid") is None or sys.platform != "linux", reason="needs setsid on Linux")
async def test_who_leaves_the_group_is_ended_too(bench: Bench, mail: Mailbox) -> None:
    outcome = await _run(_commands(bench), "sh", "-c", LEFT_BEHIND.format("setsid -f", ";"))
    assert outcome.exit_code == 0
    assert all(wait_until_gone(pid, patience_s=0) for pid in mail.numbers())


ORPHANED = "{0} setsid -f sh -c 'echo $$ > mail; echo x > ready; exec sleep 1000'; read x < ready; {1}"


@pytest.mark.skipif(shutil.which("setsid") is None or sys.platform != "linux", reason="needs setsid on Linux")
async def test_who_leaves_the_group_and_kills_the_keeper_is_ended_too(bench: Bench, mail: Mailbox) -> None:
    outcome = await _run(_commands(bench), "sh", "-c", ORPHANED.format("", "kill -KILL $PPID; sleep 1000"))
    assert outcome.exit_code == -signal.SIGKILL and not outcome.timed_out
    (left,) = mail.numbers()
    assert wait_until_gone(left, patience_s=10)


@pytest.mark.skipif(shutil.which("setsid") is None or sys.platform != "linux", reason="needs setsid on Linux")
async def test_only_who_wipes_the_environment_as_well_stays_and_is_the_users_to_end(
    bench: Bench, mail: Mailbox
) -> None:
    outcome = await _run(_commands(bench), "sh", "-c", ORPHANED.format("env -i", "kill -KILL $PPID; sleep 1000"))
    assert outcome.exit_code == -signal.SIGKILL
    (left,) = mail.numbers()
    try:
        assert not wait_until_gone(left, patience_s=0.1)
    finally:
        os.kill(left, signal.SIGKILL)


@pytest.mark.skipif(shutil.which("setsid") is None or sys.platform != "linux", reason="needs setsid on Linux")
async def test_a_keeper_that_was_stopped_is_not_waited_for_without_end(bench: Bench, mail: Mailbox) -> None:
    commands = LocalCommands(bench.root, env=ENV, timeout_s=3.0, keeper_s=0.2)
    outcome = await _run(commands, "sh", "-c", ORPHANED.format("", "kill -STOP $PPID; sleep 1000"))
    assert outcome.timed_out
    (left,) = mail.numbers()
    assert wait_until_gone(left, patience_s=10)


async def test_cancelling_ends_the_group_before_it_returns(bench: Bench, mail: Mailbox) -> None:
    running = asyncio.ensure_future(_run(_commands(bench), "sh", "-c", STUBBORN))
    pids = await mail.numbers_soon()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert all(wait_until_gone(pid, patience_s=0) for pid in pids)


async def test_kill_all_ends_every_group(bench: Bench, mail: Mailbox) -> None:
    commands = _commands(bench)
    script = "echo $$ > mail; exec sleep 1000"
    running = [asyncio.ensure_future(_run(commands, "sh", "-c", script)) for _ in range(2)]
    pids = [*await mail.numbers_soon(), *await mail.numbers_soon()]
    commands.kill_all()
    assert len(set(pids)) == 2 and all(map(wait_until_gone, pids))
    assert [each.exit_code for each in await asyncio.gather(*running)] == [128 + signal.SIGTERM] * 2
    commands.kill_all()


def test_the_group_ends_when_we_are_killed(bench: Bench, mail: Mailbox) -> None:
    script = textwrap.dedent("""
        import asyncio, os, sys
        from pathlib import Path
        from bursar.workspace import LocalCommands
        async def main():
            commands = LocalCommands(Path(sys.argv[1]), env=dict(os.environ))
            await commands.run(commands.plan(["sh", "-c", sys.argv[2]]))
        asyncio.run(main())
    """)
    with subprocess.Popen([sys.executable, "-c", script, str(bench.root), STUBBORN]) as server:
        pids = mail.numbers()
        server.kill()
    assert len(set(pids)) == 2 and all(map(wait_until_gone, pids))


async def test_a_python_of_a_virtual_environment_stays_in_it(bench: Bench) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bench.outside / "env")], check=True)
    commands = LocalCommands(bench.root, env={"PATH": f"{bench.outside / 'env/bin'}:{SYSTEM_PATH}"})
    outcome = await _run(commands, "python", "-c", "import sys; print(sys.prefix)")
    assert outcome.output.strip() == str(bench.outside / "env")
