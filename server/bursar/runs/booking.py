"""Turns how an attempt ended into its ledger entry and its step result, together in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bursar.domain.conversation import Block, ModelReply, Text, ToolCall
from bursar.domain.money.ledger import Certainty, LedgerEntry
from bursar.domain.money.price import Cost, Price, Unpriced, cost_of, service_of, usd_text
from bursar.domain.money.usage import Owed, Usage
from bursar.domain.routes import Target
from bursar.domain.runs import RunRecord, StepRecord
from bursar.runs.codec import block_to_json
from bursar.runs.events import Events
from bursar.runs.focus import Focus
from bursar.runs.world import World


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
        usage, certainty = self._usage(attempt, reply.usage, clamped=reply.usage_clamped, blocks=reply.blocks)
        price = self._price(attempt, reply.model, reply.service)
        entry = replace(
            self._entry(attempt, reply.request_id, usage, price, model=reply.model, certainty=certainty),
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

    async def settle_cut(
        self,
        attempt: Attempt,
        request_id: str | None,
        *,
        seconds_run: float,
        kept: Sequence[Block] = (),
        owed: Owed | None = None,
    ) -> None:
        """Book an attempt that gave no whole answer; the step stays to be done.

        What the provider reported for it is booked as that; where it reported nothing the bill cannot be known, and is
        "at most" what was held. ``kept`` is what can be used of its answer: the next attempt goes on from there.
        """
        known = request_id or f"unseen:{self._run.run}:{attempt.key}:{attempt.number}"
        price = attempt.price
        if owed is None:
            entry = replace(
                self._entry(attempt, known, Usage(), price, model=attempt.target.model, certainty="unknown"),
                cost_pico=None,
            )
        else:
            model = owed.model or attempt.target.model
            price = self._price(attempt, model, owed.service)
            usage, certainty = self._usage(attempt, owed.usage, clamped=owed.clamped, blocks=kept)
            entry = replace(
                self._entry(attempt, known, usage, price, model=model, certainty=certainty), usage_raw=owed.raw
            )
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
                at_most_usd=usd_text(attempt.hold_pico),
            )
            return
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

    def _usage(
        self, attempt: Attempt, reported: Usage | None, *, clamped: bool, blocks: Sequence[Block]
    ) -> tuple[Usage, Certainty]:
        """What to book: the provider's figures, or our own count where there are none or false ones are below it."""
        if reported is not None and not clamped:
            return reported, "billed"
        own = Usage(uncached_input=attempt.counted_tokens, output=self._count(blocks))
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

    def _count(self, blocks: Sequence[Block]) -> int:
        parts = [
            each.text if isinstance(each, Text) else json.dumps(each.input, ensure_ascii=False)
            for each in blocks
            if isinstance(each, Text | ToolCall)
        ]
        return self._world.counter.count("\n".join(parts))


def _doubts(usage: Usage, price: Price | Unpriced) -> dict[str, list[str]]:
    """What is not certain about the price of an answer, in words, for those who follow the run."""
    cost = cost_of(usage, price)
    doubts = list(cost.assumed) if isinstance(cost, Cost) else [cost.why]
    return {"price_doubts": doubts} if doubts else {}
