"""What a provider teaches of its model's window by refusing a request as too long, or by reading too little of one."""

from __future__ import annotations

from bursar.domain.errors import WindowExceeded
from bursar.domain.money.usage import Usage
from bursar.domain.ports import Clock, Journal, PriceBook
from bursar.domain.routes import Target
from bursar.domain.runs import RunRecord
from bursar.runs.booking import Attempt
from bursar.runs.events import Events
from bursar.runs.world import Paused, TooLong, Way, World

_KEPT_FOR_S = 30 * 86_400.0
"""A provider may give a model a larger window one day: after that the card is believed again."""
_SHARE_WHERE_UNNAMED = 0.75
_READ_TOO_LITTLE = 0.6
_WORTH_A_DOUBT_TOKENS = 1_000
_PLAUSIBLE_RATIO = (0.5, 3.0)


def known_window(prices: PriceBook, journal: Journal, clock: Clock, target: Target) -> int | None:
    """How many tokens a model takes: what its provider taught, or else what the card says; None where nobody knows."""
    taught = journal.context_window(provider=target.provider, model=target.model)
    if taught is not None and clock.seconds_until(taught[1]) > -_KEPT_FOR_S:
        return taught[0]
    return prices.window_tokens(provider=target.provider, model=target.model)


class Teaching:
    """Hears what the providers of one run teach; the store keeps it for whoever asks the model next."""

    def __init__(self, world: World, run: RunRecord, events: Events) -> None:
        self._world = world
        self._run = run
        self._events = events
        self._doubted: set[Target] = set()

    async def exceeded(self, attempt: Attempt, error: WindowExceeded) -> Paused:
        """Keep the window that a refusal names, or one that is certainly less than what was refused.

        The value is how the run stands still if its conversation cannot be made shorter.
        """
        target, counted = attempt.target, attempt.counted_tokens
        ratio = 1.0
        if error.asked_tokens and counted and _is_plausible(error.asked_tokens / counted):
            ratio = error.asked_tokens / counted
        needs = int(counted * ratio) + attempt.max_tokens
        window = error.window_tokens
        if window is None:
            before = known_window(self._world.prices, self._world.journal, self._world.clock, target)
            window = int(_SHARE_WHERE_UNNAMED * min(needs, before or needs))
            how = f"It names no figure, so {window:,} tokens are taken for its window: the request needs {needs:,}"
        else:
            how = f"Its window takes {window:,} tokens, and the request needs {needs:,}"
        await self._world.journal.keep_context_window(provider=target.provider, model=target.model, tokens=window)
        await self._events.tell(
            "window_learnt",
            n=attempt.n,
            provider=target.provider,
            model=target.model,
            window_tokens=window,
            is_named=error.window_tokens is not None,
            message=f"{target} refused the request as too long; nothing is owed. {how}.",
        )
        return Paused(
            reason="window",
            detail=f"{error}. {how}, and no more of the conversation could be left out. {self.remedy()}",
            too_long=TooLong(target=target, ratio=ratio),
        )

    def remedy(self) -> str:
        """What a user can do for a conversation that does not fit."""
        off = 'Set "trim" in the setting "context" to true'
        make_room = f"Drop parts of it, or unpin some ('bursar context {self._run.run}')" if self._world.trims else off
        choose = f"go on with a model that takes more ('bursar resume {self._run.run} --model NAME/MODEL')"
        return f"{make_room}, then resume; or {choose}."

    async def read(self, attempt: Attempt, way: Way, usage: Usage | None) -> None:
        """Say so where a server that cuts silently what is too long has read far less than was sent."""
        if way.provider.wire != "ollama" or usage is None or way.target in self._doubted:
            return
        counted = attempt.counted_tokens
        if not 0 < usage.input < _READ_TOO_LITTLE * counted or counted - usage.input < _WORTH_A_DOUBT_TOKENS:
            return
        self._doubted.add(way.target)
        await self._events.tell(
            "window_doubted",
            n=attempt.n,
            provider=way.target.provider,
            model=way.target.model,
            read_tokens=usage.input,
            counted_tokens=counted,
            message=f"{way.target} reports {usage.input:,} tokens read of about {counted:,} that were sent: Ollama "
            "leaves out the beginning of what is longer than its context, and says nothing. Give it a larger one "
            "(OLLAMA_CONTEXT_LENGTH, or num_ctx of the model), or the model may not know the task",
        )


def _is_plausible(ratio: float) -> bool:
    return _PLAUSIBLE_RATIO[0] <= ratio <= _PLAUSIBLE_RATIO[1]
