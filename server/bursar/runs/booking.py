"""Turns how an attempt ended into its ledger entry and its step result, together in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bursar.domain.conversation import Block, ModelReply, Text, ToolCall
from bursar.domain.errors import NotAccepted, QuotaExhausted
from bursar.domain.money.ledger import Certainty, LedgerEntry
from bursar.domain.money.price import Cost, Price, Unpriced, cost_of, service_of, usd_text
from bursar.domain.money.usage import Owed, Usage
from bursar.domain.pacing import Window
from bursar.domain.routes import Target
from bursar.domain.runs import RunRecord, StepRecord
from bursar.runs.bounding import Bound, bound_of_count, bound_of_cut, bound_of_hold
from bursar.runs.codec import block_to_json
from bursar.runs.events import Events
from bursar.runs.focus import Focus
from bursar.runs.world import World

_NO_BOUND = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sending of one request: whom it went to, what was reserved for it and what it was about."""

    n: int
    key: str
    number: int
    target: Target
    hold_pico: int
    local_day: str
    body_sha256: str
    prompt_sha256: str
    counted_tokens: int
    price: Price | Unpriced
    focus: Focus
    max_tokens: int = 0
    batch: bool = False


def target_of_step(step: StepRecord, run: RunRecord) -> Target:
    """Whom a request step was last sent to; a step that does not say so went to the run's own model."""
    return Target(
        provider=str(step.intent.get("provider", run.provider)), model=str(step.intent.get("model", run.model))
    )


def attempt_of(step: StepRecord, *, n: int, target: Target, price: Price | Unpriced, prompt_sha256: str) -> Attempt:
    """The attempt that a dead process had in flight, from what it recorded before it sent."""
    return Attempt(
        n=n,
        key=step.key,
        number=step.attempt,
        target=target,
        hold_pico=step.hold_pico,
        local_day=str(step.intent["day"]),
        body_sha256=step.body_sha256 or "",
        prompt_sha256=prompt_sha256,
        counted_tokens=int(step.intent["counted_tokens"]),
        price=price,
        focus=Focus(file=step.intent.get("file"), line=step.intent.get("line")),
        max_tokens=int(step.intent.get("max_tokens", 0)),
    )


class Books:
    """Settles the attempts of one run under one epoch."""

    def __init__(self, world: World, run: RunRecord, epoch: int, events: Events) -> None:
        self._world = world
        self._run = run
        self._epoch = epoch
        self._events = events

    async def settle(self, attempt: Attempt, reply: ModelReply, *, seconds_run: float) -> None:
        """Book a whole answer: usage as reported, our own count where none was; then it is the step's result.

        A reply that names another model than the one asked is priced as the model it names.
        """
        said = reply.said or _text_of(reply.blocks)
        usage, certainty = self._usage(attempt, reply.usage, clamped=reply.usage_clamped, said=said)
        price = self._price(attempt, reply.model, reply.service)
        entry = self._entry(attempt, reply.request_id, usage, price, model=reply.model, certainty=certainty)
        if certainty == "estimated":
            entry = _bounded(entry, self._bound(attempt, reply, usage, price, said))
        elif entry.certainty == "estimated":
            entry = _exact(entry)
        entry = replace(
            entry,
            usage_raw=reply.usage_raw,
            ttft_ms=reply.ttft_ms,
            duration_ms=reply.duration_ms,
        )
        result = {
            "blocks": [block_to_json(each) for each in reply.blocks],
            "stop_reason": reply.stop_reason,
            "model": reply.model,
            "request_id": reply.request_id,
        }
        await self._world.journal.settle_request(
            run=self._run.run,
            epoch=self._epoch,
            key=attempt.key,
            attempt=attempt.number,
            entry=entry,
            result=result,
            seconds_run=seconds_run,
        )
        self._world.spool.drop(run=self._run.run, key=attempt.key, attempt=attempt.number)
        windows = self._world.pace.newest(attempt.target)
        if windows:
            await self._world.journal.keep_windows(
                provider=attempt.target.provider, model=attempt.target.model, windows=windows
            )
        await self._events.tell(
            "request_finished",
            n=attempt.n,
            attempt=attempt.number,
            request_id=reply.request_id,
            model=reply.model,
            usage=usage.as_dict(),
            cost_usd=None if entry.cost_pico is None else usd_text(entry.cost_pico),
            certainty=entry.certainty,
            ttft_ms=reply.ttft_ms,
            duration_ms=reply.duration_ms,
            **_doubts(usage, price),
        )

    async def give_back(self, attempt: Attempt, error: NotAccepted) -> None:
        """Nothing is owed: the hold goes back. An account that is used up is remembered as a window without room."""
        target = attempt.target
        await self._world.journal.release_request(
            run=self._run.run, epoch=self._epoch, key=attempt.key, attempt=attempt.number, why=str(error)
        )
        if isinstance(error, QuotaExhausted):
            used_up = Window(kind="quota", remaining=0, limit=1, resets_at="")
            await self._world.journal.keep_windows(provider=target.provider, model=target.model, windows=[used_up])
        await self._events.tell("request_refused", n=attempt.n, attempt=attempt.number, message=str(error))

    async def settle_cut(
        self,
        attempt: Attempt,
        request_id: str | None,
        *,
        seconds_run: float,
        kept: Sequence[Block] = (),
        owed: Owed | None = None,
        so_far: Owed | None = None,
    ) -> int:
        """Book an attempt that gave no whole answer; the step stays to be done. Returns the most that it can cost.

        What the provider reported for it is booked as that. Where it did not come to that the bill is not known: the
        input is owed as it was reported ``so_far``, the output as it arrived, and both are "at most" what that input
        costs with the longest answer, or what was held. ``kept`` is what can be used of its answer: the next attempt
        goes on from there.
        """
        known = request_id or f"unseen:{self._run.run}:{attempt.key}:{attempt.number}"
        price = attempt.price
        if owed is None:
            entry = self._unknown(attempt, known, kept, so_far)
        else:
            model = owed.model or attempt.target.model
            price = self._price(attempt, model, owed.service)
            usage, certainty = self._usage(attempt, owed.usage, clamped=owed.clamped, said=_text_of(kept))
            entry = replace(
                self._entry(attempt, known, usage, price, model=model, certainty=certainty), usage_raw=owed.raw
            )
            if certainty == "billed" and entry.certainty == "estimated":
                entry = _exact(entry)
        await self._world.journal.settle_request(
            run=self._run.run,
            epoch=self._epoch,
            key=attempt.key,
            attempt=attempt.number,
            entry=entry,
            result=None,
            kept={"kept": [block_to_json(each) for each in kept]} if kept else None,
            seconds_run=seconds_run,
        )
        self._world.spool.drop(run=self._run.run, key=attempt.key, attempt=attempt.number)
        if owed is None:
            await self._events.tell(
                "request_unknown",
                n=attempt.n,
                attempt=attempt.number,
                request_id=known,
                at_most_usd=usd_text(entry.at_most_pico),
            )
            return entry.at_most_pico
        await self._events.tell(
            "request_given_up",
            n=attempt.n,
            attempt=attempt.number,
            request_id=known,
            model=entry.model,
            usage=entry.usage.as_dict(),
            cost_usd=None if entry.cost_pico is None else usd_text(entry.cost_pico),
            certainty=entry.certainty,
            **_doubts(entry.usage, price),
        )
        return entry.at_most_pico

    def _unknown(self, attempt: Attempt, request_id: str, kept: Sequence[Block], so_far: Owed | None) -> LedgerEntry:
        """An entry whose bill is not known, with what is known of its usage."""
        model, price, usage = attempt.target.model, attempt.price, Usage()
        bound = Bound(pico=attempt.hold_pico)
        if so_far is not None and not so_far.clamped:
            model = so_far.model or model
            price = self._price(attempt, model, so_far.service)
            bound = bound_of_cut(
                so_far.usage,
                max_tokens=attempt.max_tokens,
                is_asked_model=price == attempt.price,
                price=price,
                hold_pico=attempt.hold_pico,
            )
            arrived = self._world.counter.count(_text_of(kept)) if kept else 0
            usage = replace(so_far.usage, output=max(so_far.usage.output, arrived))
        entry = self._entry(attempt, request_id, usage, price, model=model, certainty="unknown")
        return replace(
            _bounded(entry, bound), cost_pico=None, usage_raw=so_far.raw or None if so_far is not None else None
        )

    def _bound(self, attempt: Attempt, reply: ModelReply, usage: Usage, price: Price | Unpriced, said: str) -> Bound:
        """The upper end of an estimate: of our own count where that was booked, else what was reserved."""
        if reply.usage is not None or reply.stop_reason == "max_tokens" or not attempt.max_tokens:
            return bound_of_hold(usage, price=price, hold_pico=attempt.hold_pico)
        return bound_of_count(
            usage,
            counted_tokens=attempt.counted_tokens,
            said=said,
            said_tokens=usage.output,
            max_tokens=attempt.max_tokens,
            model=reply.model,
            price=price,
            # What was reserved was reserved at the price of the model and service that were asked for.
            hold_pico=attempt.hold_pico if price == attempt.price or isinstance(price, Unpriced) else _NO_BOUND,
        )

    def _usage(self, attempt: Attempt, reported: Usage | None, *, clamped: bool, said: str) -> tuple[Usage, Certainty]:
        """What to book: the provider's figures, or our own count where there are none or false ones are below it."""
        if reported is not None and not clamped:
            return reported, "billed"
        own = Usage(uncached_input=attempt.counted_tokens, output=self._world.counter.count(said))
        if reported is None or reported.input + reported.output < own.input + own.output:
            return own, "estimated"
        return reported, "estimated"

    def _price(self, attempt: Attempt, model: str, service: str | None) -> Price | Unpriced:
        """The price of the model that answered, in the service that it answered in; both may be others than asked."""
        prices, provider, at = self._world.prices, attempt.target.provider, self._world.clock.now_utc()
        if not attempt.batch and service_of(service) != "standard":
            return prices.service_price(provider=provider, model=model, at=at, service=service)
        if model == attempt.target.model:
            return attempt.price
        find = prices.batch_price if attempt.batch else prices.price
        return find(provider=provider, model=model, at=at)

    def _entry(
        self,
        attempt: Attempt,
        request_id: str,
        usage: Usage,
        price: Price | Unpriced,
        *,
        model: str,
        certainty: Certainty,
    ) -> LedgerEntry:
        run = self._run
        cost = cost_of(usage, price)
        if isinstance(cost, Cost) and cost.assumed and certainty == "billed":
            # The tokens are the provider's, the rate is not: that is not what the bill says for certain.
            certainty = "estimated"
        known = not isinstance(cost, Unpriced)
        return LedgerEntry(
            request_id=request_id,
            at=self._world.clock.now_utc(),
            local_day=attempt.local_day,
            workspace=run.workspace,
            run=run.run,
            step=attempt.key,
            attempt=attempt.number,
            epoch=self._epoch,
            spec=run.spec,
            task=run.task_address,
            file=attempt.focus.file,
            line=attempt.focus.line,
            provider=attempt.target.provider,
            model=model,
            usage=usage,
            usage_raw=None,
            unit_prices=json.dumps(cost.rates.as_dict(), sort_keys=True) if not isinstance(cost, Unpriced) else None,
            rate_card=cost.rate_card if not isinstance(cost, Unpriced) else None,
            cost_pico=cost.pico if not isinstance(cost, Unpriced) else None,
            at_most_pico=attempt.hold_pico,
            unpriced=not known,
            certainty=certainty,
            body_sha256=attempt.body_sha256,
            prompt_sha256=attempt.prompt_sha256,
            ttft_ms=None,
            duration_ms=None,
            prompt_version=run.prompt_version,
            operation=run.kind,
        )


def _exact(entry: LedgerEntry) -> LedgerEntry:
    """An entry whose tokens are the provider's own: only their rate is assumed, and no count bounds that."""
    bound = entry.at_most_pico if entry.cost_pico is None else entry.cost_pico
    return _bounded(entry, Bound(pico=bound, tokens=entry.usage.input + entry.usage.output))


def _bounded(entry: LedgerEntry, bound: Bound) -> LedgerEntry:
    return replace(entry, at_most_pico=bound.pico, at_most_tokens=bound.tokens)


def _text_of(blocks: Sequence[Block]) -> str:
    """What was said in these blocks, for counting."""
    return "\n".join(
        each.text if isinstance(each, Text) else json.dumps(each.input, ensure_ascii=False)
        for each in blocks
        if isinstance(each, Text | ToolCall)
    )


def _doubts(usage: Usage, price: Price | Unpriced) -> dict[str, list[str]]:
    """What is not certain about the price of an answer, in words, for those who follow the run."""
    cost = cost_of(usage, price)
    doubts = list(cost.assumed) if isinstance(cost, Cost) else [cost.why]
    return {"price_doubts": doubts} if doubts else {}
