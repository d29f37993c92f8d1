"""One of several processes that spend from one budget: ``python -m benchmarks.budget.load HOME TAG COUNT LIMIT HOW``.

It sizes, reserves and settles as a run does, through the real store; only nothing is sent: each answer costs 30 % of
what the request could cost at the worst, and never more than what its own ``max_tokens`` lets it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.domain.money.budget import Amount, BudgetKind, Granted, Limit, RefusedByBudget
from bursar.domain.money.ledger import LedgerEntry
from bursar.domain.money.price import Price, Rates, most_it_can_cost_pico
from bursar.domain.money.scopes import chain, scopes_of
from bursar.domain.money.usage import Usage
from bursar.domain.runs import NewRun, RunRecord
from bursar.runs.assemble import FirstRequest
from bursar.runs.sizing import Sized, size_request
from bursar.runs.world import Way
from bursar.storage import SqliteJournal, open_journal
from support.fakes import CountingIds, FakeClock

ANSWER_TOKENS = 2_048
SHARE_PERCENT = 30
_LOOKS = 6_000
PATIENCE = 2_000
RATES = Rates(
    input=Decimal(3),
    output=Decimal(15),
    cache_read=Decimal("0.30"),
    cache_write_5m=Decimal("3.75"),
    cache_write_1h=Decimal(6),
)
PRICE = Price(model="claude-x", rates=RATES, rate_card="the load's own")


class Body:
    """As much of a provider as sizing asks for: the body says how long its answer may be."""

    name, wire, is_loopback = "acme", "anthropic", True

    def __init__(self) -> None:
        self.tokens = 0

    def body(self, request: Any) -> bytes:
        return json.dumps({"max_tokens": request.max_tokens, "padding": "x" * self.tokens * 4}).encode()

    def prompt_text(self, body: bytes) -> str:
        return ""

    def count(self, text: str) -> int:
        """The counter's part: what the next request was said to have."""
        return self.tokens


def size(journal: Any, run: RunRecord, body: Body, limits: Sequence[Limit]) -> Sized:
    """The next request as a run would size it."""
    way: Any = Way(provider=body, model=PRICE.model)  # type: ignore[arg-type]
    return size_request(run, (), way=way, counter=body, journal=journal, price=PRICE, limits=limits)  # type: ignore[arg-type]


def limits_for(run: str, session: str, limit_pico: int, day: str) -> list[Limit]:
    """A chain in which the day binds, with wider and narrower scopes that do not."""
    scopes = scopes_of(run=run, workspace="/w", spec="s", task="1", session=session, day=day)
    kinds: tuple[BudgetKind, ...] = ("request", "run", "task", "session", "workspace", "week", "month")
    amounts = {kind: Amount(unit="usd", value=limit_pico * 2) for kind in kinds}
    return chain(scopes, {**amounts, "day": Amount(unit="usd", value=limit_pico)})


async def spend(home: Path, tag: str, count: int, limit_pico: int, how: str) -> dict[str, int]:
    """Reserve and settle ``count`` times; a reservation that only other holds refuse is tried again a while later."""
    clock = FakeClock()
    journal = open_journal(home, clock=clock, ids=CountingIds(tag), failpoint=lambda name: None)
    run = await _own_run(journal, f"run-{tag}")
    limits = limits_for(run.run, journal.session, limit_pico, clock.local_day())
    chance, body, said = random.Random(tag), Body(), {"granted": 0, "refused": 0, "waited": 0}
    for n in range(1, count + 1):
        body.tokens = chance.randint(100, 600)
        naive = naive_pico(body.tokens)
        for _ in range(PATIENCE):
            sized = size(journal, run, body, limits)
            decision = await _reserve(journal, run, sized, f"m{n}", limits, how, clock.local_day())
            if isinstance(decision, Granted) or not decision.may_pass:
                break
            said["waited"] += 1
            await asyncio.sleep(chance.random() / 50)
        if isinstance(decision, RefusedByBudget):
            said["refused"] += 1
            continue
        said["granted"] += 1
        cost_pico = min(naive * SHARE_PERCENT // 100, sized.hold_pico)
        await journal.settle_request(
            run=run.run,
            epoch=1,
            key=f"m{n}",
            attempt=1,
            entry=_entry(run.run, f"m{n}", cost_pico, sized.hold_pico, decision.local_day),
            result={},
            seconds_run=0.0,
        )
    journal.close()
    return said


async def _reserve(
    journal: SqliteJournal, run: RunRecord, sized: Sized, key: str, limits: Sequence[Limit], how: str, day: str
) -> Granted | RefusedByBudget:
    kind, _, others = how.partition(":")
    if kind == "check-then-add":
        # The control: each looks first and adds then, in two steps, as a budget without a transaction does.
        for each in journal.standings(limits):
            if sized.hold_pico > each.left:
                return RefusedByBudget(
                    scope=each.scope,
                    unit=each.unit,
                    limit=each.limit,
                    spent=each.used.charged,
                    reserved=each.used.held,
                    wanted=sized.hold_pico,
                )
        await _all_have_looked(journal.path.parent, run.run, others)
        limits = ()
    return await journal.begin_request(
        run=run.run,
        epoch=1,
        key=key,
        n=int(key[1:]) * 1_000,
        attempt=1,
        intent={"counted_tokens": sized.counted_tokens, "max_tokens": sized.max_tokens, "day": day},
        body=sized.body,
        body_sha256=hashlib.sha256(sized.body).hexdigest(),
        prompt_sha256="",
        hold_pico=sized.hold_pico,
        limits=limits,
        day=limits_for(run.run, "", 1, day)[-3].scope,
    )


async def _all_have_looked(home: Path, run: str, number: str) -> None:
    """Wait until so many processes have looked once: on a busy machine they would else come one after the other."""
    looked = home / "looked"
    looked.mkdir(exist_ok=True)
    (looked / run).touch()
    for _ in range(_LOOKS):
        if len(list(looked.iterdir())) >= int(number):
            return
        await asyncio.sleep(0.01)


async def _own_run(journal: SqliteJournal, run: str) -> RunRecord:
    new = NewRun(
        run=run,
        workspace="/w",
        spec="s",
        task_id="1",
        task_address="1",
        task_title="t",
        task_title_sha256="",
        task_line=0,
        provider="acme",
        model=PRICE.model,
        ceiling_pico=None,
        first_request=FirstRequest(system="", shared="", task="", max_tokens=ANSWER_TOKENS).to_json(),
        counted_tokens=0,
    )
    await journal.create_run(new)
    await journal.claim(run)
    found = journal.run(run)
    assert found is not None
    return found


def naive_pico(counted_tokens: int) -> int:
    """What a budget holds that knows no better: all the input at its dearest, the longest answer there can be."""
    tokens = counted_tokens * 22 // 10 + 512
    return most_it_can_cost_pico(input_tokens=tokens, output_tokens=ANSWER_TOKENS, price=PRICE)


def _entry(run: str, key: str, cost_pico: int, hold_pico: int, day: str) -> LedgerEntry:
    return LedgerEntry(
        request_id=f"req-{run}-{key}",
        at="2026-11-21T08:00:01.000Z",
        local_day=day,
        workspace="/w",
        run=run,
        step=key,
        attempt=1,
        epoch=1,
        spec="s",
        task="1",
        file=None,
        line=None,
        provider="acme",
        model=PRICE.model,
        usage=Usage(),
        usage_raw=None,
        unit_prices=None,
        rate_card=None,
        cost_pico=cost_pico,
        at_most_pico=hold_pico,
        unpriced=False,
        certainty="billed",
        body_sha256="",
        prompt_sha256="",
        ttft_ms=None,
        duration_ms=None,
    )


def main() -> None:
    """Spend, and say what came of it in one line of JSON."""
    home, tag, count, limit_pico, how = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(spend(Path(home), tag, int(count), int(limit_pico), how))) + "\n")


if __name__ == "__main__":
    main()
