"""`bursar simulate` as a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bursar.simulator import command, default_scenario, serve
from bursar.simulator.bill import Books

from .support import claude, simulator

MAIN = """
import argparse, sys
from bursar.simulator import command
parser = argparse.ArgumentParser()
command.add_arguments(parser)
sys.exit(command.run(parser.parse_args()))
"""


@contextlib.contextmanager
def simulate(*args: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    argv = [sys.executable, "-c", MAIN, *map(str, args)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def run(*args: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", MAIN, *map(str, args)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_settles_what_is_under_way_and_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    scenario, bill, log = tmp_path / "s.json", tmp_path / "bill.json", tmp_path / "log.jsonl"
    scenario.write_text(json.dumps({"replies": [{"text": "never", "chunk_ms": 3_600_000}]}))
    with (
        simulate("--scenario", scenario, "--bill", bill, "--log", log) as (process, url),
        httpx.Client(base_url=url, trust_env=False, timeout=10) as client,
        client.stream("POST", "/v1/messages", json=claude(stream=True)) as response,
    ):
        parts = response.iter_text()
        assert "message_start" in next(parts)
        assert json.loads(bill.read_text()) == {"total_usd": "0", "requests": []}
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert [row["outcome"] for row in json.loads(bill.read_text())["requests"]] == ["cut"]
    assert json.loads(log.read_text())["outcome"] == "cut"


def test_a_client_that_is_killed_is_settled_soon(tmp_path: Path) -> None:
    """The bill is read until the row is there; nobody tells the server."""
    scenario, bill = tmp_path / "s.json", tmp_path / "bill.json"
    scenario.write_text(json.dumps({"replies": [{"text": "never", "chunk_ms": 3_600_000}]}))
    code = (
        "import httpx, sys\n"
        "with httpx.stream('POST', sys.argv[1] + '/v1/messages', content=sys.argv[2], timeout=60) as r:\n"
        "    for text in r.iter_text(): print(text, flush=True)\n"
    )
    with simulate("--scenario", scenario, "--bill", bill) as (_, url):
        argv = [sys.executable, "-c", code, url, json.dumps(claude(stream=True))]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert "message_start" in client.stdout.readline()
            client.kill()
        rows: list[Any] = []
        while not rows:
            rows = json.loads(bill.read_text())["requests"]
        assert rows[0]["outcome"] == "cut"


def test_a_port_in_use_is_said_in_one_sentence_and_the_other_bill_stays(tmp_path: Path) -> None:
    bill = tmp_path / "bill.json"
    bill.write_text("the other one's")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--port", port, "--bill", bill)
    assert done.returncode == 2
    assert done.stdout == ""
    said = f"bursar: port {port} is in use by another program: choose another with --port, or leave it out\n"
    assert done.stderr == said
    assert bill.read_text() == "the other one's"


def test_a_bad_scenario_and_a_bill_that_cannot_be_written(tmp_path: Path) -> None:
    scenario = tmp_path / "s.json"
    scenario.write_text('{"otherwise": "nothing"}')
    bad = run("--scenario", scenario)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("bursar: otherwise must be one of")
    nowhere = run("--bill", tmp_path / "none" / "bill.json")
    assert nowhere.returncode == 2
    assert nowhere.stderr.startswith(f"bursar: {tmp_path}/none/bill.json cannot be written")
    assert run("--port", "70000").returncode == 2


async def test_what_was_asked_and_billed_is_the_users_alone(tmp_path: Path) -> None:
    """Whatever the umask, and also where the log was there and open to others."""
    (tmp_path / "log.jsonl").write_text("")
    (tmp_path / "log.jsonl").chmod(0o644)
    before = os.umask(0)
    try:
        async with simulator(tmp_path) as server:
            assert (await server.ask(claude())).status_code == 200
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("bill.json", "log.jsonl")] == [0o600] * 2
    assert len(server.log()) == 1


async def test_a_log_that_is_no_file_is_left_as_it_is(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    books = Books(None, Path(f"/dev/fd/{theirs}"))
    books.close()
    os.close(ours)
    os.close(theirs)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1], '--die-with-parent'], stdout=subprocess.PIPE)\n"
        "print(child.pid, child.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", code, MAIN]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[0])
        gone = os.pidfd_open(pid)
        parent.kill()
    assert select.select([gone], [], [], 10)[0]
    os.close(gone)


async def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 only"):
        await serve(scenario=default_scenario(), host="0.0.0.0", bill_path=None, log_path=None, ready=print)


def test_help_shows_an_example_and_no_hidden_option(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser(prog="bursar simulate")
    command.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    text = capsys.readouterr().out
    assert "Example: bursar simulate" in text
    assert "--die-with-parent" not in text
