"""``bursar usage import`` as a user runs it."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from support.program import BURSAR, User

from .logs import said, text, write

MORE_BYTES = 72 << 20


@pytest.fixture
def user(tmp_path: Path) -> User:
    (tmp_path / "work").mkdir()
    return User(home=tmp_path / "state", cwd=tmp_path / "work", environ={"HOME": str(tmp_path / "ada")})


def test_it_reads_the_known_places_and_only_when_asked(user: User, tmp_path: Path) -> None:
    ada = tmp_path / "ada"
    write(ada / ".claude" / "projects" / "p" / "s1.jsonl", said(1))
    write(ada / ".claude" / "history.jsonl", said(2))
    write(ada / "notes" / "s3.jsonl", said(3))
    assert user.do("usage", "--json").json()["total_usd"] == "0"
    agents = user.do("usage", "import", "--json").json()["agents"]
    found = {each["agent"]: (each["files"], each["requests"], each["total_requests"]) for each in agents}
    assert found["claude-code"] == (1, 1, 1)
    assert all(each == (0, 0, 0) for agent, each in found.items() if agent != "claude-code")
    again = user.do("usage", "import", "claude-code", "--json").json()["agents"]
    assert [(each["agent"], each["cost_usd"], each["total_requests"]) for each in again] == [("claude-code", "0", 1)]
    elsewhere = user.do("usage", "import", "claude-code", "--json", CLAUDE_CONFIG_DIR=tmp_path / "none").json()
    assert [each["files"] for each in elsewhere["agents"]] == [0]
    given = user.do("usage", "import", "claude-code", "--json", "--from", ada / "notes").json()["agents"]
    assert [(each["requests"], each["total_requests"]) for each in given] == [(1, 2)]


def test_it_says_what_it_did(user: User, tmp_path: Path) -> None:
    log = write(tmp_path / "logs" / "s1.jsonl", said(1), said(1), said(2, model="nobody-knows"))
    with log.open("a") as file:
        file.write("{broken\n")
        file.write(text([{"type": "system", "subtype": "compact_boundary"}]))
    done = user.do("usage", "import", "claude-code", "--from", tmp_path / "logs")
    assert done.code == 0
    # 100 x $2 + 1,000 x $0.10 + 20 x $2.50 + 3 x $4 + 10 x $10 for a million
    assert "claude-code  2 new requests, $0.00046 (1 file, 3 records, 1 repeated)" in done.out
    assert "1 request of them without a price, which is not in the sum: nobody-knows." in done.out
    assert "1 compaction of the conversation cost more, which the agent does not write down" in done.out
    assert done.err == f"bursar: {log}, line 4: skipped: it is not a whole JSON object.\n"
    again = user.do("usage", "import", "claude-code", "--from", tmp_path / "logs")
    assert "claude-code  0 new requests, $0.00 (1 file, 0 records, 0 repeated)" in again.out
    assert again.err == ""
    none = user.do("usage", "import", "codex")
    assert none.out == (
        f"{'codex':<12} no logs below {tmp_path / 'ada/.codex/sessions'} or"
        f" {tmp_path / 'ada/.codex/archived_sessions'}\n"
    )


def test_it_says_what_an_agents_logs_never_have(user: User, tmp_path: Path) -> None:
    """Only of an agent that has logs here and leaves something out."""
    folder = tmp_path / "ada/.local/share/opencode/storage/message/ses_1"
    told = "titles of sessions and the summaries of messages are not in the sum: the agent writes them down nowhere"
    assert told not in user.do("usage", "import", "opencode").out
    tokens = {"input": 5, "output": 6, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    about = {"providerID": "anthropic", "modelID": "claude-sonnet-5-5", "tokens": tokens}
    write(
        folder / "msg_1.json",
        {"role": "assistant", "time": {"created": 1_790_000_000_000, "completed": 1_790_000_001_000}, **about},
    )
    write(tmp_path / "ada" / ".claude" / "projects" / "p" / "s1.jsonl", said(1))
    done = user.do("usage", "import", "opencode")
    assert "1 new request" in done.out
    assert told in done.out
    assert "are not in the sum" not in user.do("usage", "import", "claude-code").out


def test_wrong_use_says_what_to_do(user: User, tmp_path: Path) -> None:
    done = user.do("usage", "import", "nobody")
    assert (done.code, done.out) == (2, "")
    assert "'nobody' is no agent whose logs can be read: choose from claude-code, codex" in done.err
    done = user.do("usage", "import", "--from", tmp_path / "none")
    assert (done.code, done.out) == (2, "")
    assert "none is not a folder: give the one that the logs lie in" in done.err


def test_budgets_count_it_only_when_the_user_wishes(user: User, tmp_path: Path) -> None:
    today = datetime.now(UTC).isoformat()
    write(tmp_path / "logs" / "s1.jsonl", said(1, timestamp=today))
    assert user.do("usage", "import", "claude-code", "--from", tmp_path / "logs").code == 0

    shown = user.do("budget", "--imported", "count", "--json").json()
    if datetime.now(UTC).astimezone().date() != datetime.fromisoformat(today).astimezone().date():
        pytest.skip("a new day began meanwhile")
    # 100 x $2 + 1,000 x $0.10 + 20 x $2.50 + 3 x $4 + 10 x $10 for a million
    assert (shown["budgets"][0]["spent"], shown["imported_counted"]) == ("0.000462", True)
    left_out = user.do("budget", "--imported", "leave-out")
    assert "day  $0.00 of $5.00" in left_out.out
    assert "other agents" not in left_out.out


def test_two_commands_at_once_count_once(user: User, tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path / "logs" / f"{number}.jsonl", *(said(number * 25 + each) for each in range(50)))
    environ = {**os.environ, **user.environ, "BURSAR_HOME": str(user.home)}
    command = [*BURSAR, "usage", "import", "claude-code", "--from", str(tmp_path / "logs"), "--json"]
    both = [subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for each in both:
        _, err = each.communicate(timeout=120)
        assert each.returncode == 0, err
    total = user.do("usage", "import", "claude-code", "--json").json()["agents"][0]
    assert total["total_requests"] == 41 * 25


def test_what_was_killed_is_gone_on_with_and_counts_once(user: User, tmp_path: Path) -> None:
    write(tmp_path / "logs" / "s1.jsonl", *(said(number // 2) for number in range(7_000)))
    environ = {**os.environ, **user.environ, "BURSAR_HOME": str(user.home)}
    command = [*BURSAR, "usage", "import", "claude-code", "--from", str(tmp_path / "logs"), "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not imported(user):
            time.sleep(0.005)
        process.kill()
    before = imported(user)
    assert before > 0
    done = user.do("usage", "import", "claude-code", "--from", tmp_path / "logs", "--json").json()["agents"][0]
    assert (before + done["requests"], done["total_requests"]) == (3_500, 3_500)
    # 100 x $2 + 1,000 x $0.10 + 20 x $2.50 + 3 x $4 + 10 x $10 for a million
    assert Decimal(done["total_usd"]) == 3_500 * Decimal("0.000462")
    assert [row["cost_usd"] for row in user.do("usage", "--by", "agent", "--json").json()["rows"]] == [
        done["total_usd"]
    ]


def imported(user: User) -> int:
    """How many requests are in the store, as another process sees it."""
    path = user.home / "bursar.db"
    with contextlib.suppress(apsw.Error):
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(10_000)
        return int(connection.execute("SELECT coalesce(sum(requests), 0) FROM imported").get)
    return 0


def test_fifty_megabytes_are_read_in_bounded_memory(user: User, tmp_path: Path) -> None:
    """A limit on memory that the log would not fit under, with one line that is longer than is kept."""
    few, many = tmp_path / "few" / "s1.jsonl", tmp_path / "many" / "s1.jsonl"
    talk = text([{"type": "user", "message": {"content": "x" * 20_000}}])
    write(few, *(said(number) for number in range(20)))
    many.parent.mkdir()
    requests = 20
    with many.open("w", encoding="utf-8") as file:
        while file.tell() < 50 << 20:
            file.write(talk * 20 + text(said(requests + each) for each in range(20)))
            requests += 20
        file.write('{"usage": "' + "x" * (40 << 20) + '"}\n')
        file.write(text([said(requests)]))
    code = (
        "import resource, sys; from bursar.cli import run_command_line; limit = int(sys.argv.pop(1));"
        "resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)); code = run_command_line(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    environ = {**os.environ, **user.environ, "BURSAR_HOME": str(user.home)}

    def read(log: Path, limit: int) -> tuple[str, str, int]:
        command = [sys.executable, "-c", code, str(limit), "usage", "import", "claude-code", "--from", str(log.parent)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        *said_so, used_kb = done.stderr.splitlines()
        return done.stdout, "\n".join(said_so), int(used_kb) << 10

    _, _, least = read(few, -1)
    out, err, most = read(many, least + MORE_BYTES)
    assert f"in all {requests + 1:,} requests" in out
    assert "it is longer than 32 MiB" in err
    assert most - least < MORE_BYTES


def test_a_terminal_is_shown_a_bar_and_stdout_stays_clean(user: User, tmp_path: Path) -> None:
    write(tmp_path / "logs" / "s1.jsonl", *(said(number) for number in range(200)))
    ours, theirs = pty.openpty()
    environ = {**os.environ, **user.environ, "BURSAR_HOME": str(user.home), "TERM": "xterm", "COLUMNS": "100"}
    command = [*BURSAR, "usage", "import", "claude-code", "--from", str(tmp_path / "logs"), "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while more := os.read(ours, 4096):
                shown += more
        except OSError:  # the terminal is gone with its last user
            pass
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(ours)
    assert b"claude-code" in shown
    assert out.startswith('{"agents": [') and out.count("\n") == 1
