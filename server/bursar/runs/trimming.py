"""Before a request of a run is sized, the policy decides what of its conversation stands; the journal has its word.

The decision is an event before the request's intent, so a resume builds the same bytes. The policy itself is kept with
the run's driver; a new driver feeds it the history once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bursar.domain.context.decision import Terms
from bursar.domain.context.rules import rules_for
from bursar.domain.context.savings import expected_pico, further_requests
from bursar.domain.money.price import Price, Unpriced, usd_text
from bursar.domain.money.usage import Usage
from bursar.domain.runs import RunEvent, RunRecord, StepRecord
from bursar.runs.arrivals import arrivals
from bursar.runs.assemble import FirstRequest
from bursar.runs.booking import target_of_step
from bursar.runs.compacted import COMPACTED
from bursar.runs.events import Events
from bursar.runs.exceeding import known_window
from bursar.runs.fold import AskModel, request_key
from bursar.runs.shapes import TRIMMED, Ends, ShapeFold, Shapes, shape_from_json, shape_to_json
from bursar.runs.trim_terms import LastAnswer, is_cold, terms_of
from bursar.runs.trimmed import Trim, Trimmed
from bursar.runs.trimmer import Trimmer
from bursar.runs.warming import KEPT_WARM
from bursar.runs.world import Way, World

_PLAUSIBLE_RATE = (0.1, 1.0)
_USUAL_RATE = 0.30


class Trims:
    """The trims of one run under one epoch."""

    def __init__(self, world: World, run: RunRecord, first: FirstRequest, events: Events) -> None:
        self._world = world
        self._run = run
        self._first = first
        self._events = events
        self._fold = ShapeFold()
        self._history: list[RunEvent] = []
        self._trimmer: Trimmer | None = None
        self._decided: int = 0
        self._pressed: int = 0
        self._usage: dict[int, Usage] = {}
        self._misses = 0
        self._warmed: tuple[int, str] = (0, "")
        self.over_tokens = 0
        """By how much the newest request is larger than its window takes after all that can be cut was cut."""

    def look(self) -> Shapes:
        """How everything stands now, by the events of this process and of others."""
        new = self._world.journal.events(run=self._run.run, after_seq=self._fold.last_seq)
        self._fold.add(new)
        for event in new:
            if event.kind == "request_finished":
                self._note_usage(event.data)
        if any(each.kind == COMPACTED for each in new):
            # What it knew of the older turns is no part of the prompt any more.
            self._trimmer, self.over_tokens = None, 0
            self._history = [
                each for each in self._world.journal.events(run=self._run.run) if each.seq <= self._fold.last_seq
            ]
            new = [each for each in new if each not in self._history]
        for event in new:
            if event.kind == "request_finished":
                self._note_usage(event.data)
            elif event.kind == KEPT_WARM and event.data["hit"]:
                self._warmed = int(event.data["n"]), event.at
        if self._trimmer is None and self._world.trims:
            self._history += new
        return self._fold.shapes

    def is_over(self, way: Way) -> bool:
        """Whether the newest request is certainly longer than this model takes: its window is known, not supposed."""
        world = self._world
        return self.over_tokens > 0 and known_window(world.prices, world.journal, world.clock, way.target) is not None

    async def before(self, act: AskModel, steps: Sequence[StepRecord], way: Way) -> bool:
        """Decide what of the conversation stands in request ``act.n``; whether anything changed by it.

        Once for each request: an attempt that is made again goes out as it was decided.
        """
        if not self._world.trims or act.n == self._decided or not self._first.tools:
            return False
        self._decided = act.n
        by_key = {each.key: each for each in steps}
        return await self._tell(act.n, way, await asyncio.to_thread(self._decide, act.n, by_key, way))

    async def again(self, act: AskModel, steps: Sequence[StepRecord], way: Way, *, ratio: float) -> bool:
        """Make room in request ``act.n``, which was refused as too long; whether anything could be left out.

        ``ratio`` is how many of the provider's tokens one of ours was then. Once for each request: what is refused
        twice is not made shorter by guessing.
        """
        if act.n != self._decided or act.n == self._pressed:
            return False
        self._pressed = act.n
        by_key = {each.key: each for each in steps}
        decided = await asyncio.to_thread(self._decide, act.n, by_key, way, refused_at=ratio)
        return await self._tell(act.n, way, decided)

    async def _tell(self, n: int, way: Way, decided: tuple[Trimmed, bool, Price | Unpriced, float]) -> bool:
        trimmed, cold, price, ratio = decided
        self.over_tokens = trimmed.over_tokens
        if not trimmed.trims:
            return False
        await self._events.tell("context_trimmed", **_event(n, trimmed, way, price, ratio, is_cold=cold))
        return True

    def _decide(
        self, n: int, by_key: Mapping[str, StepRecord], way: Way, refused_at: float | None = None
    ) -> tuple[Trimmed, bool, Price | Unpriced, float]:
        world, target = self._world, way.target
        rules = rules_for(target.model)
        price = world.prices.price(provider=target.provider, model=target.model, at=world.clock.now_utc())
        last = self._last_answer(n, by_key)
        ratio = last.ratio if last is not None and last.target == target else 1.0
        if refused_at is not None:
            ratio = max(ratio, refused_at)
        base, rate = self._base()
        terms = terms_of(
            model=target.model,
            rules=rules,
            price=price,
            window_tokens=known_window(world.prices, world.journal, world.clock, target),
            answer_tokens=self._first.max_tokens,
            ratio=ratio,
            base_tokens=base,
            tokens_per_character=rate,
        )
        if refused_at is not None and self._trimmer is not None:
            trimmed = self._trimmer.press(self._fold.shapes, terms, may_edit=not rules.preserved_thinking)
            return trimmed, False, price, ratio
        trimmer = self._trimmer or self._rebuilt(n, by_key, terms)
        now_s = _seconds(world.clock.now_utc())
        cold = is_cold(rules, last, target, now_s)
        trimmed = trimmer.decide(
            arrivals(n, by_key, self._first),
            self._fold.shapes,
            terms,
            gap_s=0.0 if last is None else max(0.0, now_s - last.ended_s),
            is_cold=cold,
            may_edit=not rules.preserved_thinking,
        )
        return trimmed, cold, price, ratio

    def _rebuilt(self, n: int, by_key: Mapping[str, StepRecord], terms: Terms) -> Trimmer:
        """The policy as it was before this request: fed what was sent, request by request, as it stood then."""
        ends = {
            item: shape
            for event in self._history
            if event.kind == TRIMMED
            for item, data in event.data.get("items", {}).items()
            if isinstance(shape := shape_from_json(data), Ends)
        }
        trimmer = Trimmer(terms, count=self._world.counter.count, ends=ends)
        fold = ShapeFold()
        fed = 0
        compacted = self._fold.shapes.compacted
        gone = range(2, 2 if compacted is None else compacted.up_to + 2)
        for event in self._history:
            sent = event.data.get("n") if event.kind in (TRIMMED, "request_started") else None
            fold.add([event])
            if isinstance(sent, int) and fed < sent < n:
                for each in range(fed + 1, sent + 1):
                    if each not in gone:
                        trimmer.remember(arrivals(each, by_key, self._first), fold.shapes)
                fed = sent
        for each in range(fed + 1, n):
            if each not in gone:
                trimmer.remember(arrivals(each, by_key, self._first), fold.shapes)
        self._trimmer, self._history = trimmer, []
        return trimmer

    def _base(self) -> tuple[int, float]:
        """The tokens of the fixed prefix, and how many a character is, by the count of the first request."""
        first, counted = self._first, self._run.counted_tokens
        characters = len(first.system) + len(first.shared) + len(first.task)
        task = self._world.counter.count(first.task)
        compacted = self._fold.shapes.compacted
        if compacted is not None:
            counted += self._world.counter.count(compacted.summary) + self._world.counter.count(compacted.notes)
        rate = counted / characters if characters else _USUAL_RATE
        return max(0, counted - task), rate if _PLAUSIBLE_RATE[0] < rate < _PLAUSIBLE_RATE[1] else _USUAL_RATE

    def _last_answer(self, n: int, by_key: Mapping[str, StepRecord]) -> LastAnswer | None:
        step = by_key.get(request_key(n - 1))
        if step is None or step.status != "done" or step.ended_at is None:
            return None
        return LastAnswer(
            target=target_of_step(step, self._run),
            # What was read to keep it lives on from then.
            ended_s=_seconds(self._warmed[1] if self._warmed[0] == n - 1 else step.ended_at),
            counted_tokens=int(step.intent.get("counted_tokens", 0)),
            usage=self._usage.get(n - 1),
            misses=self._misses,
        )

    def _note_usage(self, data: Mapping[str, Any]) -> None:
        given = data.get("usage")
        if not isinstance(given, dict) or "n" not in data:
            return
        usage = Usage(**{key: int(given.get(key, 0)) for key in Usage.__dataclass_fields__})
        self._usage = {int(data["n"]): usage}
        kept = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
        rules = rules_for(str(data.get("model", "")))
        is_miss = data["n"] > 1 and kept == 0 and usage.input >= rules.min_prefix_tokens
        self._misses = self._misses + 1 if is_miss else 0


def _event(
    n: int, trimmed: Trimmed, way: Way, price: Price | Unpriced, ratio: float, *, is_cold: bool
) -> dict[str, Any]:
    """What is written down of a trim: the shapes, and for each why and how much; what it will probably save."""
    taken = sum(each.tokens_before - each.tokens_after for each in trimmed.trims)
    return {
        "n": n,
        "model": str(way.target),
        "items": {each.item: _item(each) for each in trimmed.trims},
        "tokens": taken,
        "prompt_tokens": trimmed.prompt_tokens,
        "rewritten_tokens": trimmed.rewritten_tokens,
        "is_cold": is_cold,
        "vendor_ratio": round(ratio, 3),
        **({"over_tokens": trimmed.over_tokens} if trimmed.over_tokens else {}),
        **_expected(n, trimmed, way, price, ratio, is_cold=is_cold),
    }


def _item(trim: Trim) -> dict[str, Any]:
    return {
        **shape_to_json(trim.shape),
        "why": trim.why,
        "tokens_before": trim.tokens_before,
        "tokens_after": trim.tokens_after,
        "is_new": trim.is_new,
    }


def _expected(
    n: int, trimmed: Trimmed, way: Way, price: Price | Unpriced, ratio: float, *, is_cold: bool
) -> dict[str, Any]:
    requests = further_requests(n)
    if isinstance(price, Unpriced):
        return {"expected_usd": None, "expected_from": f"no price is known: {price.why}"}
    new = sum(each.tokens_before - each.tokens_after for each in trimmed.trims if each.is_new)
    old = sum(each.tokens_before - each.tokens_after for each in trimmed.trims if not each.is_new)
    pico = expected_pico(
        new_tokens=int(new * ratio),
        old_tokens=int(old * ratio),
        rewritten_tokens=int(trimmed.rewritten_tokens * ratio),
        requests=requests,
        rates=price.rates_for(int(trimmed.prompt_tokens * ratio)),
        writes=way.provider.wire == "anthropic" and price.bills_writes,
        is_cold=is_cold,
    )
    said = f"expected over {requests} further requests at {price.rate_card}, from our counts times {ratio:.2f}"
    return {"expected_usd": usd_text(pico), "expected_from": said}


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
