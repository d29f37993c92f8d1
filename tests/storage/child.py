"""A second process on the same store: ``python -m storage.child WHAT HOME ...``; it speaks lines of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from bursar.domain.errors import BursarError, Fenced
from bursar.domain.money.budget import Granted
from bursar.domain.ports import Claimed
from bursar.domain.runs import RunRecord
from support.fakes import CountingIds

from .building import begin, day_limit, entry, open_at, owned, settle, taken, unknown


def say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


async def own(home: Path, run: str) -> None:
    """Take a run, have a request in flight, then do what the lines on stdin say."""
    journal = open_at(home, ids=CountingIds(f"own-{run}-"))
    epoch = await taken(journal, run)
    await journal.set_state(run=run, epoch=epoch, state="running")
    await begin(journal, epoch, run)
    say(epoch=epoch, pid=os.getpid())
    for line in sys.stdin:
        if line.strip() == "write":
            try:
                await settle(journal, epoch, run, result={"late": True})
                say(wrote=True)
            except Fenced as error:
                say(fenced=str(error))
        if line.strip() == "unlock":
            journal._locks.drop(run)
            say(unlocked=True)


async def claim(home: Path, run: str) -> None:
    """Try to take a run, and hold it until stdin ends."""
    journal = open_at(home)
    sys.stdin.readline()
    got = await journal.claim(run)
    say(epoch=got.epoch if isinstance(got, Claimed) else None, owner=None if isinstance(got, Claimed) else got.owner)
    sys.stdin.read()


async def spend(home: Path, tag: str, count: str, limit_pico: str) -> None:
    """Reserve, settle and release as fast as possible under one limit of the day."""
    journal = open_at(home, ids=CountingIds(tag))
    random_ = random.Random(tag)
    run = f"run-{tag}"
    epoch = await owned(journal, run)
    granted = refused = 0
    for n in range(1, int(count) + 1):
        key, wanted = f"m{n}", random_.randint(1, 500)
        if not isinstance(
            await begin(journal, epoch, run, key, hold_pico=wanted, limits=[day_limit(int(limit_pico))]), Granted
        ):
            refused += 1
            continue
        granted += 1
        match random_.choice(["known", "unknown", "release", "leave"]):
            case "known":
                booked = entry(run, key, epoch=epoch, cost_pico=random_.randint(0, wanted), at_most_pico=wanted)
                await settle(journal, epoch, run, key, booked=booked, result={})
            case "unknown":
                await settle(journal, epoch, run, key, booked=unknown(run, key, epoch=epoch, at_most_pico=wanted))
            case "release":
                await journal.release_request(run=run, epoch=epoch, key=key, attempt=1, why="429")
    say(granted=granted, refused=refused)
    journal.close()


async def churn(home: Path, tag: str) -> None:
    """Write for ever and say what was acknowledged; somebody will kill this process."""
    journal = open_at(home, ids=CountingIds(f"{tag}-"))
    run = f"run-{tag}"
    epoch = await owned(journal, run)
    await journal.set_state(run=run, epoch=epoch, state="running")
    n = 0
    while True:
        n += 1
        await begin(journal, epoch, run, f"m{n}", body=f"body {n}".encode() * 200)
        say(begun=[run, f"m{n}"])
        await settle(
            journal, epoch, run, f"m{n}", booked=entry(run, f"m{n}", epoch=epoch, cost_pico=n), result={"n": n}
        )
        say(settled=[run, f"m{n}", n])
        event = await journal.append_event(run=run, kind="tick", data={"n": n})
        say(event=event.seq)


async def point(home: Path, name: str) -> None:
    """Go through one request and die at a named point."""

    def failpoint(passed: str, /) -> None:
        if passed == name:
            os.kill(os.getpid(), signal.SIGKILL)

    journal = open_at(home, failpoint=failpoint)
    epoch = await owned(journal)
    await begin(journal, epoch)
    await settle(journal, epoch, result={})


async def small(home: Path, limit_bytes: str) -> None:
    """Write until no file may grow any more; then say how it failed and what can still be read."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = open_at(home)
    epoch = await owned(journal)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit_bytes), int(limit_bytes)))
    done = 0
    try:
        for n in range(1, 2_000):
            await begin(journal, epoch, key=f"m{n}", body=random.Random(n).randbytes(3_000))
            await settle(journal, epoch, key=f"m{n}", result={"n": n})
            done = n
    except BursarError as error:
        record: RunRecord | None = journal.run("run-1")
        say(done=done, error=type(error).__name__, message=str(error), readable=record is not None)


async def umask(home: Path) -> None:
    """Make a store under the most open umask, with everything that makes files."""
    os.umask(0)
    journal = open_at(home)
    epoch = await owned(journal)
    await begin(journal, epoch)
    say(ready=True)
    sys.stdin.read()


def main() -> None:
    what, home, *rest = sys.argv[1:]
    work = {each.__name__: each for each in (own, claim, spend, churn, point, small, umask)}[what]
    asyncio.run(work(Path(home), *rest))


if __name__ == "__main__":
    main()
