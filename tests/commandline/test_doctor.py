"""``bursar doctor``: what is wrong is said with what to do about it, and nothing is touched."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import socket
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from bursar.storage.mounts import network_file_system
from support.program import Simulator, User

SPEC = ".kiro/specs/demo"
KEY = "sk-canary-4711-zebra"
STORE = (
    "sqlite", "state_folder", "file_system", "disk_space", "database", "integrity", "ledger_chain", "sums", "mark",
    "ledger_copy", "runs", "holds", "ticks", "expired_texts", "backups", "set_aside", "locks",
)  # fmt: skip
REST = ("settings", "provider", "key", "loopback")


def asked(user: User, code: int = 0, **more: str) -> dict[str, Any]:
    """The checks by name."""
    done = user.do("doctor", "--json", **more)
    assert done.code == code, (done.out, done.err)
    assert done.err == ""
    Draft202012Validator(load_schema("doctor")).validate(done.json())
    assert KEY not in done.out
    checks = {each["name"]: each for each in done.json()["checks"]}
    assert (0 if all(each["ok"] for each in checks.values()) else 1) == code
    assert all(each["remedy"] for each in checks.values() if not each["ok"])
    return checks


def failing(checks: dict[str, Any]) -> dict[str, str]:
    return {name: each["detail"] for name, each in checks.items() if not each["ok"]}


def content(home: Path) -> dict[str, str]:
    """Every file but the two that any reader of a database makes anew."""
    return {
        str(each.relative_to(home)): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in home.rglob("*")
        if each.is_file()
        and not (each.name.endswith("-shm") or (each.name.endswith("-wal") and not each.stat().st_size))
    }


@pytest.fixture
def spent(user: User, sim: Simulator) -> User:
    """Somebody who has run two tasks."""
    user.uses(sim.url)
    assert user.do("run", SPEC, "--json").code == 0
    assert user.do("runs").code == 0
    return user


def test_before_the_first_use(user: User) -> None:
    checks = asked(user, code=1)
    assert failing(checks) == {"key": "there is no key for anthropic"}
    assert not user.home.exists()
    checks = asked(user, ANTHROPIC_API_KEY=KEY)
    assert "it is not shown" in checks["key"]["detail"]
    assert not user.home.exists()


def test_a_store_in_order(spent: User) -> None:
    before = content(spent.home)
    checks = asked(spent)
    assert tuple(checks) == (*STORE, *REST)
    assert "was left in order" in checks["mark"]["detail"]
    assert content(spent.home) == before
    shown = spent.do("doctor")
    assert shown.code == 0
    assert shown.out.count("ok  ") == len(STORE) + len(REST)


def test_what_the_next_start_mends_is_told_and_not_touched(spent: User) -> None:
    path = spent.home / "bursar.db"
    total = spent.do("usage", "--json").json()["total_usd"]
    path.write_bytes(path.read_bytes()[:-4_096])
    before = content(spent.home)
    checks = asked(spent, code=1)
    assert set(failing(checks)) & {"database", "integrity"}
    assert content(spent.home) == before
    assert "was set aside" in spent.do("runs").err
    after = asked(spent)
    assert "bursar.db.damaged-" in after["set_aside"]["detail"]
    assert spent.do("usage", "--json").json()["total_usd"] == total


@pytest.mark.parametrize("data", [b"", b"a shopping list" * 100])
def test_no_database(spent: User, data: bytes) -> None:
    (spent.home / "bursar.db").write_bytes(data)
    checks = asked(spent, code=1)
    assert {"database", "integrity", "ledger_chain"} <= set(failing(checks))
    assert (spent.home / "bursar.db").read_bytes() == data


def test_a_database_that_is_gone(spent: User) -> None:
    (spent.home / "bursar.db").unlink()
    assert "and there was one" in failing(asked(spent, code=1))["database"]
    assert not (spent.home / "bursar.db").exists()


def test_an_older_database(spent: User, sim: Simulator, tmp_path: Path) -> None:
    shutil.copy(spent.home / "bursar.db", tmp_path / "older.db")
    assert spent.do("spec", "tick", SPEC, "1", "--state", "todo").code == 0
    assert spent.do("run", SPEC, "--task", "1", "--json").code == 0
    shutil.copy(tmp_path / "older.db", spent.home / "bursar.db")
    wrong = failing(asked(spent, code=1))
    assert "older than it was" in wrong["mark"]
    assert "not what the ledger says" in wrong["ledger_copy"]


def test_a_changed_ledger(spent: User) -> None:
    connection = apsw.Connection(str(spent.home / "bursar.db"))
    connection.execute("UPDATE ledger SET cost_pico = 1 WHERE n = 1")
    connection.close()
    assert "entry 1 of the ledger" in failing(asked(spent, code=1))["ledger_chain"]


def test_what_is_open_to_others(spent: User) -> None:
    (spent.home / "ledger.jsonl").chmod(0o644)
    wrong = failing(asked(spent, code=1))
    assert wrong == {"state_folder": f"{spent.home / 'ledger.jsonl'} is open to others (0644)"}


def test_a_copy_of_the_ledger_with_a_spoilt_line(spent: User) -> None:
    mirror = spent.home / "ledger.jsonl"
    lines = mirror.read_bytes().splitlines(keepends=True)
    mirror.write_bytes(b"".join([lines[0], b"garbage\n", *lines[1:]]))
    assert "1 of its lines" in failing(asked(spent, code=1))["ledger_copy"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"budgets": {}}, {"settings", "provider", "key"}),
        ({"model": "nobody/x"}, {"provider", "key"}),
        ({"model": "openai/gpt-5"}, {"key"}),
    ],
)
def test_settings(user: User, settings: dict[str, Any], named: set[str]) -> None:
    user.settings(**settings)
    assert set(failing(asked(user, code=1))) == named


def test_a_run_in_doubt(spent: User) -> None:
    connection = apsw.Connection(str(spent.home / "bursar.db"))
    (run,) = connection.execute("SELECT run FROM run LIMIT 1").fetchone()
    connection.execute("UPDATE run SET state = 'in_doubt' WHERE run = ?", (run,))
    connection.close()
    check = asked(spent, code=1)["runs"]
    assert check["remedy"] == f"run: bursar resume {run}"


def test_a_backup_that_is_damaged(spent: User) -> None:
    (spent.home / "backups").mkdir(mode=0o700, exist_ok=True)
    backup = spent.home / "backups" / "bursar-20261121T080000Z.db"
    backup.write_bytes(b"x" * 9_000)
    backup.chmod(0o600)
    assert str(backup) in failing(asked(spent, code=1))["backups"]


def test_who_holds_what(spent: User) -> None:
    server = subprocess.Popen(
        ["flock", str(spent.home / "open.lock"), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(b"x\n")
        server.stdin.flush()
        assert server.stdout.readline() == b"x\n"
        assert "another Bursar process has the store open" in asked(spent)["locks"]["detail"]
    finally:
        server.communicate()


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("nfs4", True),
        ("cifs", True),
        ("9p", True),
        ("fuse.sshfs", True),
        ("ext4", False),
        ("fuse.ext4", False),
        ("tmpfs", False),
    ],
)
def test_file_systems(tmp_path: Path, kind: str, network: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 0:1 / / rw - ext4 /dev/vda rw\n"
        f"23 22 0:2 / {str(tmp_path).replace('_', chr(92) + '137')} rw shared:1 - {kind} host:/x rw\n"
        "24 22 0:3 / /elsewhere rw - nfs host:/y rw\n"
    )
    assert network_file_system(tmp_path / "home", mounts) == (kind, network)
    assert network_file_system(Path("/"), mounts) == ("ext4", False)
    assert network_file_system(Path("/"), tmp_path / "none")[1] is False


def test_loopback_is_tried_for_real() -> None:
    from bursar.commandline.doctor import _simulator

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
    assert _simulator()["ok"]


def hold_for_nobody(user: User) -> str:
    """Money that is held for a second attempt at a request of a run that is over; the run."""
    with contextlib.closing(apsw.Connection(str(user.home / "bursar.db"))) as db:
        ((run, key),) = db.execute("SELECT run, key FROM step WHERE kind = 'model' ORDER BY started_at LIMIT 1")
        db.execute(
            "INSERT INTO hold (hold, run, key, attempt, epoch, workspace, local_day, amount_pico, amount_tokens, at)"
            " SELECT 'stray', run, ?, 2, 1, workspace, '2026-11-21', 5000000000, 1200, created_at FROM run"
            " WHERE run = ?",
            (key, run),
        )
    return str(run)


def test_money_that_is_held_for_nobody_is_told_and_booked(spent: User) -> None:
    before = spent.do("usage", "--json").json()
    run = hold_for_nobody(spent)
    found = failing(asked(spent, code=1))
    assert set(found) == {"holds"}
    assert f"1 request of {run} will not be known any more, and is at most $0.005" in found["holds"]
    assert "It was booked like that" in found["holds"]
    checks = asked(spent)
    assert checks["holds"]["detail"] == "no money is held for a request that is under way"
    after = spent.do("usage", "--json").json()
    assert after["total_usd"] == before["total_usd"]
    assert Decimal(after["held_usd"]) == Decimal(before["held_usd"]) + Decimal("0.005")


def test_money_that_a_living_process_holds_is_left_alone(spent: User) -> None:
    run = hold_for_nobody(spent)
    with (spent.home / "locks" / f"{run}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        checks = asked(spent)
        assert "$0.005 is held for 1 request under way" in checks["holds"]["detail"]
    assert set(failing(asked(spent, code=1))) == {"holds"}


def test_nothing_is_booked_in_a_store_that_is_not_whole(spent: User) -> None:
    hold_for_nobody(spent)
    with contextlib.closing(apsw.Connection(str(spent.home / "bursar.db"))) as db:
        db.execute("UPDATE ledger SET cost_pico = 1 WHERE n = 1")
    wrong = asked(spent, code=1)
    assert {"ledger_chain", "holds"} <= set(failing(wrong))
    assert "start Bursar" in wrong["holds"]["remedy"]
    with contextlib.closing(apsw.Connection(str(spent.home / "bursar.db"))) as db:
        assert db.execute("SELECT count(*) FROM hold").get == 1
