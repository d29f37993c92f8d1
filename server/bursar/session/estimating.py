"""How the model that requests would go to counts, from what its provider reported so far."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bursar.domain.counting import Calibration, Estimate, are_kinds_counted, calibration_of, estimate_blocks
from bursar.domain.counting.calibrate import FEWEST
from bursar.domain.counting.families import FAMILIES, exact_encoding
from bursar.domain.errors import BadInput, BursarError
from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.counts import is_counted
from bursar.session.ports import Adapters
from bursar.settings import ESTIMATE_MODEL, Settings, split_model

_LOOKED_AT_REQUESTS = 1_000
_FRESH_S = 5.0


def model_for_estimates(settings: Settings) -> str:
    """PROVIDER/MODEL that requests would go to; where that cannot be told, the default for estimates."""
    route = settings.roles.get("edit", settings.route)
    chosen = settings.model if route is None else str(route.chain[0])
    default = f"anthropic/{ESTIMATE_MODEL}"
    if chosen is None:
        return default
    try:
        return chosen if split_model(chosen)[0] in settings.providers else default
    except BadInput:
        return default


def calibration_for(adapters: Adapters, settings: Settings, model: str) -> Calibration | None:
    """What is known of how PROVIDER/MODEL counts; None where nothing is. Reads the journal, so beside the loop.

    Where the store cannot be read, or there is none, it is what is published.
    """
    if exact_encoding(model) is not None:
        return calibration_of(model)
    try:
        requests = adapters.journal().counted_requests(_LOOKED_AT_REQUESTS)
    except BursarError:
        requests = []
    return calibration_of(model, requests, is_loopback=_is_loopback(adapters, settings, model))


def _is_loopback(adapters: Adapters, settings: Settings, model: str) -> bool:
    """Whether the provider of this model is on this machine; a name that no setting has is a vendor's."""
    try:
        return adapters.provider(settings, model)[0].is_loopback
    except BadInput:
        return False


def known_calibration(adapters: Adapters, settings: Settings, model: str) -> Calibration:
    """The same for a model that the user names. Raises BadInput where nothing is known of it."""
    found = calibration_for(adapters, settings, model)
    if found is None:
        families = ", ".join(each.name for each in FAMILIES)
        raise BadInput(
            f"nothing is known of how '{model}' counts: it is of none of the families {families}, and fewer than "
            f"{FEWEST} requests to it are recorded. Name another model, or ask this one a few times with 'bursar run'"
        )
    return found


class Estimates:
    """What the model of the settings makes of open documents: from what was learnt last, while it is looked again."""

    def __init__(
        self,
        *,
        adapters: Adapters,
        settings: Callable[[], Settings],
        beside: Callable[[Coroutine[Any, Any, None]], None],
        changed: Callable[[], None],
    ) -> None:
        self._adapters = adapters
        self._settings = settings
        self._beside = beside
        self._changed = changed
        self._looking = False
        self._known: tuple[str, Calibration | None] | None = None
        self._looked_s = 0.0

    @property
    def known(self) -> Calibration | None:
        """What was learnt last; None where nothing was, or nobody has asked yet."""
        return None if self._known is None else self._known[1]

    def look_soon(self) -> None:
        """Something was booked: look again whether more is known, if anybody has asked before."""
        if self._known is not None and not self._looking:
            self._looking = True
            self._beside(self._look(self._known[0]))

    async def of(self, blocks: TextBlocks) -> Estimate | None:
        """The estimate of a text; counted beside the loop unless all of it was counted before."""
        calibration = await self.calibration()
        if calibration is None:
            return None
        counter = self._adapters.counter()
        known = is_counted if calibration.exact else are_kinds_counted
        if known(blocks, calibration.encoding):
            return estimate_blocks(blocks, calibration, counter)
        return await asyncio.to_thread(estimate_blocks, blocks, calibration, counter)

    async def calibration(self) -> Calibration | None:
        """How the model of the settings counts, as it was known last; None where nothing is known of it."""
        model, known = model_for_estimates(self._settings()), self._known
        if known is None or known[0] != model:
            await self._look(model)
        elif self._adapters.clock.monotonic_s() - self._looked_s >= _FRESH_S:
            self._looked_s = self._adapters.clock.monotonic_s()
            self._beside(self._look(model))
        return None if self._known is None else self._known[1]

    async def _look(self, model: str) -> None:
        # Before it is read: what is booked while it is read is looked at once more.
        self._looking = False
        found = await asyncio.to_thread(calibration_for, self._adapters, self._settings(), model)
        before, self._known = self._known, (model, found)
        self._looked_s = self._adapters.clock.monotonic_s()
        if before is not None and before != self._known:
            self._changed()
