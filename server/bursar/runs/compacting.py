"""The last resort at a model's window: one request of its own for a summary, which replaces the older turns.

It is an operation of its own kind, so it is held for, priced, booked and taken up after a crash like any other; the
event that says what it replaced is what the next request is built from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bursar.domain.money.price import usd_text
from bursar.domain.prompts import Prompt
from bursar.domain.runs import COMPACT, NewRun, PauseReason, RunRecord, StepRecord
from bursar.runs.arrivals import arrivals
from bursar.runs.assemble import FirstRequest
from bursar.runs.beside import beside, unheard
from bursar.runs.events import Events
from bursar.runs.exceeding import known_window
from bursar.runs.fold import AskModel
from bursar.runs.operations import Unanswered, ask_once
from bursar.runs.shapes import Shapes
from bursar.runs.staying import why_it_stays
from bursar.runs.summarising import MOST_SUMMARY_TOKENS, notes_of, shown, summary_request, transcript, why_not_usable
from bursar.runs.trim_terms import UNKNOWN_WINDOW_TOKENS
from bursar.runs.world import Paused, Way, World

_TRIES = 2
_REQUESTS_BETWEEN = 3
_KEPT_SHARE = 0.2
_LEAST_SHARE = 0.1
_CHARACTERS_PER_TOKEN = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Older:
    """The turns that could go: all up to answer ``up_to``, and their tokens as they stand."""

    up_to: int
    tokens: int


class Compacting:
    """Compacts the conversation of one run, at most once before each request."""

    def __init__(self, world: World, run: RunRecord, first: FirstRequest, events: Events) -> None:
        self._world = world
        self._run = run
        self._first = first
        self._events = events
        self._done_before = 0

    async def before(
        self, act: AskModel, steps: Sequence[StepRecord], shapes: Shapes, way: Way, world: World
    ) -> bool | Paused:
        """Put a summary in the place of the older turns; False where that is not wanted or would not help.

        ``world`` says whom the run may ask now. A value says why the run must pause instead.
        """
        if not (self._world.trims and self._world.compacts) or self._done_before == act.n:
            return False
        last = shapes.compacted
        if last is not None and act.n - last.n < _REQUESTS_BETWEEN:
            return False
        self._done_before = act.n
        by_key = {each.key: each for each in steps}
        window = known_window(world.prices, world.journal, world.clock, way.target) or UNKNOWN_WINDOW_TOKENS
        older = await asyncio.to_thread(self._older, act.n, by_key, shapes, window)
        if older is None:
            return False
        return await self._compact(act.n, by_key, steps, shapes, way, world, window, older)

    def _older(self, n: int, by_key: Mapping[str, StepRecord], shapes: Shapes, window: int) -> _Older | None:
        """What of the conversation can go: the newest turns stay as long as they are a small share of the window."""
        begin = 1 if shapes.compacted is None else shapes.compacted.up_to + 1
        sizes = {
            answer: sum(
                self._world.counter.count(shown(each, shapes)) for each in arrivals(answer + 1, by_key, self._first)
            )
            for answer in range(begin, n)
        }
        kept, up_to = 0, n - 1
        while up_to >= begin and kept + sizes[up_to] <= _KEPT_SHARE * window:
            kept += sizes[up_to]
            up_to -= 1
        tokens = sum(size for answer, size in sizes.items() if answer <= up_to)
        return _Older(up_to=up_to, tokens=tokens) if tokens >= _LEAST_SHARE * window else None

    async def _compact(
        self,
        n: int,
        by_key: Mapping[str, StepRecord],
        steps: Sequence[StepRecord],
        shapes: Shapes,
        way: Way,
        world: World,
        window: int,
        older: _Older,
    ) -> bool | Paused:
        run, first = self._run, self._first
        notes = notes_of(run, older.up_to, steps, shapes)
        fixed = self._world.counter.count(first.shared) + self._world.counter.count(first.task)
        room = (window // 2 - MOST_SUMMARY_TOKENS - fixed) * _CHARACTERS_PER_TOKEN
        text = transcript(older.up_to, by_key, first, shapes, max(2_000, int(room)))
        stays = why_it_stays(world.local_only, run, first, steps) is not None
        complaint = ""
        for attempt in range(1, _TRIES + 1):
            asked = summary_request(first, text, stays=stays, complaint=complaint)
            answered = await ask_once(replace(world, on_event=unheard), self._planned(asked, way, n, attempt))
            if isinstance(answered, Unanswered):
                what = "The conversation is longer than the model takes, and its summary could not be had"
                reason: PauseReason = "budget" if answered.reason == "budget" else "window"
                return Paused(reason=reason, detail=f"{what}: {answered.detail}")
            wrong = why_not_usable(
                answered.text,
                notes,
                run=run,
                stop_reason=answered.stop_reason,
                replaced_tokens=older.tokens,
                count=self._world.counter.count,
            )
            if wrong is None:
                await self._tell(n, older, answered.text, notes, answered.run, way, attempt)
                return True
            complaint = wrong
        detail = (
            f"The conversation is longer than {way.target} takes, and {_TRIES} summaries could not be used: the last, "
            f"because {complaint}. Drop parts of it, or unpin some ('bursar context {run.run}'), then resume; or go on "
            f"with a model that takes more ('bursar resume {run.run} --model NAME/MODEL')."
        )
        return Paused(reason="window", detail=detail)

    async def _tell(
        self, n: int, older: _Older, summary: str, notes: str, request: str, way: Way, attempt: int
    ) -> None:
        after = self._world.counter.count(summary) + self._world.counter.count(notes)
        booked = self._world.journal.summary(request)
        cost = None if booked is None else usd_text(booked.cost_pico)
        await self._events.tell(
            "context_compacted",
            n=n,
            provider=way.target.provider,
            model=way.target.model,
            up_to=older.up_to,
            summary=summary,
            notes=notes,
            request=request,
            tries=attempt,
            tokens_before=older.tokens,
            tokens_after=after,
            cost_usd=cost,
            message=f"Answers 1-{older.up_to} are a summary now: {older.tokens:,} tokens became {after:,}, for "
            f"{'an unknown price' if cost is None else f'${cost}'}; all of it is in the journal",
        )

    def _planned(self, asked: FirstRequest, way: Way, n: int, attempt: int) -> NewRun:
        run = self._run
        summary = self._world.journal.summary(run.run)
        spent = 0 if summary is None else summary.cost_pico + summary.held_pico
        return beside(
            run,
            name=f"{run.run}-summary-{n}-{attempt}",
            kind=COMPACT,
            target=way.target,
            first=asked,
            ceiling_pico=None if run.ceiling_pico is None else max(0, run.ceiling_pico - spent),
            prompt=Prompt(version=run.prompt_version),
        )
