"""Many changes at once: what is asked in between is answered from the text as it was then, and little is told of it."""

from __future__ import annotations

import asyncio
import os
import random
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bursar.lsp.paced import Paced
from support.fakes import FakeClock

from .raw_server import Server

CHANGES = 1_000
EVERY = 100


async def paced(apart_s: float) -> tuple[list[float], float]:
    """When it was done in a storm of 200 changes in a second, and when the last change was."""
    clock, done = FakeClock(), list[float]()
    pace = Paced(lambda: done.append(clock.monotonic_s()), clock, soon_s=0.1, apart_s=apart_s)
    for _ in range(2_000):
        pace.ask()
        clock.advance(0.005)
        await asyncio.sleep(0)
    last = clock.monotonic_s()
    pace.ask()
    for _ in range(5):
        await asyncio.sleep(0)
    return done, last


async def test_a_storm_is_told_four_times_a_second_and_once_after_its_end() -> None:
    done, last = await paced(0.25)
    assert len(done) > 20
    assert min(after - before for before, after in pairwise(done)) >= 0.25
    assert done[-1] >= last


async def test_a_pace_that_does_not_hold_is_seen() -> None:
    done, _ = await paced(0.0)
    assert min(after - before for before, after in pairwise(done)) < 0.25


async def test_what_is_asked_once_is_done_soon_and_once() -> None:
    clock, done = FakeClock(), list[float]()
    pace = Paced(lambda: done.append(clock.monotonic_s()), clock, soon_s=0.1, apart_s=0.25)
    pace.ask()
    for _ in range(5):
        await asyncio.sleep(0)
    assert done == [pytest.approx(0.1)]


def edits(text: str, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """One character more at a random place of an ASCII text, and the change that says so."""
    at = rng.randrange(len(text))
    line, start = text.count("\n", 0, at), text.rfind("\n", 0, at) + 1
    place = {"line": line, "character": at - start}
    typed = rng.choice("abc xyz\n")
    return text[:at] + typed + text[at:], {"range": {"start": place, "end": place}, "text": typed}


def test_a_storm_of_changes_is_followed_and_what_is_asked_between_is_answered(tmp_path: Path) -> None:
    follow(tmp_path, CHANGES)


def follow(tmp_path: Path, changes: int) -> str:
    """Send so many changes of a file of 50 KB and check what is answered; what it took, in words."""
    path = tmp_path / ".kiro" / "specs" / "storm" / "tasks.md"
    path.parent.mkdir(parents=True)
    text = "# Plan\n\n" + "".join(f"- [ ] {n}. Do the thing number {n} as well as it goes\n" for n in range(1_000))
    path.write_text(text)
    uri, rng = path.as_uri(), random.Random(7)
    server = Server(tmp_path)
    try:
        server.initialize()
        item = {"uri": uri, "languageId": "markdown", "version": 0, "text": text}
        server.send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        began_s = time.monotonic()
        batch: list[dict[str, Any]] = []
        for version in range(1, changes + 1):
            text, change = edits(text, rng)
            told = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}
            batch.append({"method": "textDocument/didChange", "params": told})
            if version % EVERY == 0:
                asked = {"textDocument": {"uri": uri}}
                batch.append({"id": version, "method": "bursar/documentTokens", "params": asked})
                batch.append({"id": f"lens {version}", "method": "textDocument/codeLens", "params": asked})
                server.send(*batch)
                batch.clear()
        # Counted and answered while changes come, not when all is over: they come until the first count is answered.
        end = changes + 10 * CHANGES
        while not any(each["id"] == EVERY for each in server.answers):
            version += 1
            assert version <= end, "nothing was counted while changes came"
            text, change = edits(text, rng)
            told = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}
            server.send({"method": "textDocument/didChange", "params": told})
            time.sleep(0.005)
        server.until(lambda: len(server.answers) >= 1 + 2 * changes // EVERY)
        seconds = time.monotonic() - began_s
        answers = {each["id"]: each for each in server.answers}
        for version in range(EVERY, changes + 1, EVERY):
            assert answers[version]["result"]["version"] == version
            assert isinstance(answers[f"lens {version}"]["result"], list)
        assert server.told["textDocument/publishDiagnostics"] <= 4 * seconds + 2
        again = {"uri": "file:///again.md", "languageId": "markdown", "version": 1, "text": text}
        server.send({"method": "textDocument/didOpen", "params": {"textDocument": again}})
        counted = [
            server.ask(f"count {each}", "bursar/documentTokens", {"textDocument": {"uri": each}})["result"]["tokens"]
            for each in (uri, "file:///again.md")
        ]
        assert counted[0] == counted[1] > 10_000
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return f"{changes:,} changes of {len(text):,} characters in {seconds:.1f} s, {cpu_s:.1f} s of them computing"
    finally:
        server.close()
