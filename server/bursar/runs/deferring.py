"""Parks a task until a moment: a limit's reset, cheaper hours, or a time that the user names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bursar.domain.errors import BadInput, OwnedElsewhere
from bursar.domain.moments import moment_words
from bursar.domain.money.price import Unpriced
from bursar.domain.ports import Clock, HeldElsewhere, Journal, PriceBook
from bursar.domain.runs import RunRecord
from bursar.domain.tasks import goes_on_by_itself
from bursar.runs.here import here_of

_HOUR_MINUTE = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_LOOK_EVERY = timedelta(minutes=15)
_LOOK_AHEAD = timedelta(days=1)


def moment_of(
    text: str, *, provider: str, model: str, runs: Sequence[RunRecord], prices: PriceBook, clock: Clock
) -> str:
    """The moment that ``reset``, ``cheap`` or a time stands for, RFC 3339 UTC. Raises BadInput that says why none."""
    if text == "reset":
        return _reset(provider, runs, clock)
    if text == "cheap":
        return _cheap(provider, model, prices, clock)
    return _time(text, clock)


async def park(journal: Journal, run: str, until: str) -> None:
    """Let a run wait until then. Raises OwnedElsewhere while somebody drives it."""
    claimed = await journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{run} runs now ({claimed.owner}): pause it first, then defer it")
    try:
        await journal.set_state(
            run=run,
            epoch=claimed.epoch,
            state="in_doubt" if claimed.run.state == "in_doubt" else "paused",
            reason="deferred",
            detail=f"Deferred until {until}. It goes on by itself in an open editor; resume goes on at once.",
            resume_at=until,
        )
    finally:
        await journal.release(run)


async def unpark(journal: Journal, run: str) -> bool:
    """Let a run that waits for its moment go on only when the user says so; False where it does not wait any more.

    Raises OwnedElsewhere where somebody has begun to drive it meanwhile.
    """
    claimed = await journal.claim(run)
    if isinstance(claimed, HeldElsewhere):
        raise OwnedElsewhere(f"{run} has just gone on ({claimed.owner}): pause it there")
    try:
        if not goes_on_by_itself(claimed.run):
            return False
        await journal.set_state(
            run=run,
            epoch=claimed.epoch,
            state="in_doubt" if claimed.run.state == "in_doubt" else "paused",
            reason="asked",
            detail="Paused as asked: it no longer goes on by itself. Resume goes on.",
        )
        return True
    finally:
        await journal.release(run)


async def hold(journal: Journal, run: str) -> bool:
    """Ask a run to pause between steps, or one that waits for its moment not to go on by itself; False for no such.

    Raises OwnedElsewhere where it has gone on just now.
    """
    if await journal.request_pause(run):
        return True
    record = journal.run(run)
    return record is not None and goes_on_by_itself(record) and await unpark(journal, run)


def is_parked_until(run: RunRecord, moment: str) -> bool:
    """Whether this run still waits for that moment and nobody has decided otherwise."""
    return goes_on_by_itself(run) and run.resume_at == moment


def is_parked(run: RunRecord, clock: Clock) -> bool:
    """Whether the user has deferred this run and its moment has not come."""
    return run.reason == "deferred" and run.resume_at is not None and clock.seconds_until(run.resume_at) > 0


def _reset(provider: str, runs: Sequence[RunRecord], clock: Clock) -> str:
    known = [
        each.resume_at
        for each in runs
        if each.provider == provider and each.reason in ("limit", "limit_again") and each.resume_at is not None
    ]
    coming = [each for each in known if clock.seconds_until(each) > 0]
    if coming:
        return max(coming)
    if any(each.reason == "budget" and each.state == "paused" for each in runs):
        return clock.next_local_midnight_utc()
    raise BadInput(
        f"no limit of {provider} is known that will reset: nothing waits for one here. Give a time: --until 18:30"
    )


def _cheap(provider: str, model: str, prices: PriceBook, clock: Clock) -> str:
    now = datetime.fromisoformat(clock.now_utc())
    at_present = _input_and_output(provider, model, prices, now)
    if at_present is None:
        raise BadInput(f"no price is known for {model}, so none of its hours is known to be cheaper: give a time")
    # Windows begin at whole quarters of an hour; the first that is cheaper is taken.
    moment = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    while (moment := moment + _LOOK_EVERY) <= now + _LOOK_AHEAD:
        then = _input_and_output(provider, model, prices, moment)
        if (
            then is not None
            and sum(then) < sum(at_present)
            and all(a <= b for a, b in zip(then, at_present, strict=True))
        ):
            return _text(moment)
    raise BadInput(
        f"the price card knows no cheaper hours of {model} in the next day: it costs now what it costs then. "
        "Give a time: --until 18:30"
    )


def _input_and_output(provider: str, model: str, prices: PriceBook, moment: datetime) -> tuple[Decimal, Decimal] | None:
    price = prices.price(provider=provider, model=model, at=_text(moment))
    return None if isinstance(price, Unpriced) else (price.rates.input, price.rates.output)


def _time(text: str, clock: Clock) -> str:
    now = datetime.fromisoformat(clock.now_utc())
    if found := _HOUR_MINUTE.fullmatch(text):
        # Without a zone it is the wall clock: a night in which the clocks change keeps the hour that was meant.
        today = now.astimezone().replace(tzinfo=None, hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
        days = (today + timedelta(days=each) for each in (0, 1))
        return next(_text(each.astimezone()) for each in days if each.astimezone() > now)
    moment = _parsed(text)
    if moment is None or moment.tzinfo is None:
        raise BadInput(
            f"'{text}' is no moment: write reset, cheap, a local time such as 18:30, or one with its zone such as "
            "2026-11-21T18:30:00Z"
        )
    if moment <= now:
        raise BadInput(f"{text} is past: it is {moment_words(clock.now_utc(), here_of(clock))} now")
    return _text(moment)


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
