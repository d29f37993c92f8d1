"""A past for reports: runs that are written by the store itself, each with its requests and steps."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from bursar.domain.money.budget import Scope
from bursar.domain.money.usage import Usage
from bursar.domain.ports import Claimed
from bursar.domain.prompts import NO_PROMPT, Prompt
from bursar.domain.runs import NewRun, StepKind
from bursar.storage import SqliteJournal, open_journal

from .books import entry
from .fakes import CountingIds, FakeClock

SOME = Usage(uncached_input=500, cache_read=4_000, output=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of a run; ``cost_pico`` None is a model without a price. The clock moves on before it."""

    cost_pico: int | None = 10**10
    usage: Usage = SOME
    body: bytes = b"{}"
    after_s: float = 10.0
    model: str = "acme-1"
    duration_ms: int = 4_000
    answered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """A tool call of the newest answer, and what came of it."""

    tool: str
    input: dict[str, Any]
    content: str = "done"
    error: bool = False
    hashes: tuple[str, str] | None = None

    @property
    def kind(self) -> StepKind:
        return "edit" if self.hashes is not None else "look" if self.tool.startswith("read") else "command"


@dataclass
class Past:
    """Writes runs one after another, on a clock of its own."""

    journal: SqliteJournal
    clock: FakeClock
    _made: int = field(default=0)

    def run(
        self,
        *acts: Asked | Did,
        title: str = "Fix the total",
        task: str = "",
        finished: bool = True,
        workspace: str = "/home/dev/shop",
        prompt: Prompt = NO_PROMPT,
        first_tokens: int = 4_000,
    ) -> str:
        """A run of a task that does all this and ends; its id."""
        self._made += 1
        run = f"run-{self._made:04d}"
        new = NewRun(
            run=run,
            workspace=workspace,
            spec="specs/shop/tasks.md",
            task_id=None,
            task_address=task or str(self._made),
            task_title=title,
            task_title_sha256=hashlib.sha256(title.encode()).hexdigest(),
            task_line=3,
            provider="acme",
            model=next((each.model for each in acts if isinstance(each, Asked)), "acme-1"),
            ceiling_pico=None,
            first_request="{}",
            counted_tokens=first_tokens,
            prompt=prompt,
        )
        _now(self._play(new, acts, finished=finished))
        return run

    async def _play(self, new: NewRun, acts: Sequence[Asked | Did], *, finished: bool) -> None:
        journal, run = self.journal, new.run
        await journal.create_run(new)
        claimed = await journal.claim(run)
        assert isinstance(claimed, Claimed)
        epoch, n, calls = claimed.epoch, 0, 0
        for act in acts:
            if isinstance(act, Asked):
                n, calls = n + 1, 0
                self.clock.advance(act.after_s)
                await self._ask(new, epoch, n, act)
                continue
            key = f"t{n}.{calls}"
            intent: dict[str, Any] = {"tool": act.tool, "input": act.input}
            if act.hashes is not None:
                intent |= {"path": act.input["path"], "sha256_before": act.hashes[0], "sha256_after": act.hashes[1]}
            await journal.begin_step(
                run=run, epoch=epoch, key=key, n=n * 1_000 + 1 + calls, kind=act.kind, intent=intent
            )
            result = {"content": act.content, "error": act.error, "name": act.tool}
            await journal.finish_step(run=run, epoch=epoch, key=key, result=result, seconds_run=1.0)
            calls += 1
        state = "finished" if finished else "failed"
        await journal.set_state(run=run, epoch=epoch, state=state, seconds_run=1.0)  # type: ignore[arg-type]
        await journal.release(run)

    async def _ask(self, new: NewRun, epoch: int, n: int, act: Asked) -> None:
        sha256, day = hashlib.sha256(act.body).hexdigest(), self.clock.local_day()
        booked = entry(
            n,
            request_id=f"{new.run}-{n}",
            run=new.run,
            epoch=epoch,
            at=self.clock.now_utc(),
            local_day=day,
            workspace=new.workspace,
            spec=new.spec,
            task=new.task_address,
            model=act.model,
            usage=act.usage,
            cost_pico=act.cost_pico,
            at_most_pico=act.cost_pico or 0,
            unpriced=act.cost_pico is None,
            body_sha256=sha256,
            ttft_ms=act.duration_ms // 4,
            duration_ms=act.duration_ms,
            prompt_version=new.prompt.version,
        )
        await self.journal.begin_request(
            run=new.run,
            epoch=epoch,
            key=booked.step,
            n=n * 1_000,
            attempt=1,
            intent={"counted_tokens": 1, "max_tokens": 1, "model": act.model},
            body=act.body,
            body_sha256=sha256,
            prompt_sha256=sha256,
            hold_pico=0,
            limits=(),
            day=Scope(kind="day", key=day),
        )
        result = {"blocks": []} if act.answered else None
        await self.journal.settle_request(
            run=new.run, epoch=epoch, key=booked.step, attempt=1, entry=booked, result=result, seconds_run=1.0
        )


@contextmanager
def past(home: Path, start: str = "2026-11-01T08:00:00.000Z") -> Iterator[Past]:
    """A store that a past is written into."""
    clock = FakeClock(start)
    journal = open_journal(home, clock=clock, ids=CountingIds(), failpoint=lambda _name: None)
    try:
        yield Past(journal=journal, clock=clock)
    finally:
        journal.close()


def chat(system: str, turns: int, model: str = "acme-1") -> bytes:
    """A request's body."""
    messages = [{"role": "user", "content": f"turn {n}"} for n in range(turns)]
    return json.dumps({"model": model, "system": system, "messages": messages}).encode()


def at(past: Past, moment: str) -> None:
    """Move the clock to this moment."""
    past.clock.now = datetime.fromisoformat(moment)


def _now(writing: Coroutine[Any, Any, None]) -> None:
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    run(writing)


def a_month(past: Past, *, days: int = 34, first: date = date(2026, 10, 18), hostile: str = "") -> None:
    """Five weeks with a bit of everything: growth, another model, a grown prompt, a broken cache, waste, no price."""
    chance = random.Random(7)
    titles = ("Fix the total of the cart", "Add tests for rates", "Write the docs of zones", "Implement surcharges")
    cents, made = 10**10, 0
    for day in range(days):
        late = day >= 20
        style = ("steering/style.md", "b7" * 8 if late else "a1" * 8)
        prompt = Prompt(version="v2" if late else "v1", documents=(style, ("specs/shop/design.md", "d0" * 8)))
        at(past, f"{(first + timedelta(days=day)).isoformat()}T08:00:00.000Z")
        for _ in range(chance.choice((0, 1, 2, 3, 4))):
            made += 1
            past.clock.advance(1_800)
            requests = chance.randrange(3, 8)
            acts: list[Asked | Did] = []
            for k in range(1, requests + 1):
                warm = Usage(uncached_input=900 + 40 * k, cache_read=11_000 + 800 * k, output=chance.randrange(80, 700))
                cold = Usage(uncached_input=9_000 + 800 * k, cache_read=2_000, output=chance.randrange(80, 700))
                acts.append(
                    Asked(
                        cost_pico=int(cents * (2 + day / 12) * chance.lognormvariate(0, 0.3) * (2.2 if late else 1)),
                        usage=cold if late or k == 1 else warm,
                        body=chat(f"It is {k if late else 0}", k),
                        model="acme-large-2" if late else "acme-large-1",
                        duration_ms=chance.randrange(2_000, 26_000),
                    )
                )
                path = f"src/shop/{chance.choice(('cart', 'rates', 'zones'))}.py"
                acts.append(Did(tool="read_file", input={"path": path}, content=f"{path} as it is"))
                if chance.random() < 0.25:
                    acts.append(
                        Did(tool="run_command", input={"argv": ["pytest", "-q"]}, content="2 failed", error=True)
                    )
                if chance.random() < 0.1:
                    acts.append(Did(tool="edit_file", input={"path": path}, hashes=("aa", "aa")))
            if made % 17 == 0:
                acts.append(Asked(cost_pico=None, model=f"local-7b{hostile}"))
            past.run(
                *acts,
                title=f"{titles[made % 4]}{hostile}",
                task=f"{1 + made % 9}.{1 + made % 3}{hostile}",
                prompt=prompt,
                finished=chance.random() < 0.9,
                workspace=f"/home/ada/shop{hostile}",
                first_tokens=(9_200 if late else 5_100) + chance.randrange(60),
            )
