"""Which model a run asks from which request on, and how tersely: what its events say. Pure, like the fold of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bursar.domain.runs import MODEL_CHOSEN, RunEvent
from bursar.runs.fold import request_key

Lead = Literal["chain", "stronger", "economy"]

ESCALATED, ECONOMY_ON = "escalated", "economy_on"
"""The kinds of the events that change the mode; each has in ``n`` the first request that it holds for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """``began_terse`` is the route's own effort when the run began; the numbers are those of requests.

    ``stronger`` and ``economy`` are the models that were named then, as PROVIDER/MODEL. The economy mode need not
    change the model: not where the route names none, or where the stronger one was needed before.
    """

    began_terse: bool = False
    escalated_at: int | None = None
    stronger: str | None = None
    economy_at: int | None = None
    economy: str | None = None
    economy_parts: int = 0
    """How many parts of answer ``economy_at`` had broken off by then."""

    @property
    def lead(self) -> Lead:
        """Who is asked: a task that needed the stronger model goes on needing it."""
        if self.stronger is not None:
            return "stronger"
        return "chain" if self.economy is None else "economy"

    @property
    def asked(self) -> str | None:
        """The model that leads; None for the usual chain."""
        return {"stronger": self.stronger, "economy": self.economy, "chain": None}[self.lead]

    @property
    def terse(self) -> bool:
        """Whether the run asks for short answers, in whatever way."""
        return self.began_terse or self.economy_at is not None

    @property
    def terse_from(self) -> int | None:
        """Before which answer the words stand that ask for short ones; None where they are in the first request."""
        return None if self.began_terse else self.economy_at

    @property
    def terse_after(self) -> int:
        """Behind how many broken-off parts of that answer they stand: behind those that may have been sent already."""
        return self.economy_parts

    @property
    def terse_fields(self) -> bool:
        """Whether the wire format's own fields ask for it, too.

        They are part of what a provider's prompt cache is found by: changed on the way, the same model would read the
        whole conversation anew, for more than short answers save. So they change only together with the model.
        """
        if self.began_terse:
            return True
        if self.economy_at is None:
            return False
        return self.economy is not None or (self.escalated_at is not None and self.escalated_at >= self.economy_at)

    def escalate(self, n: int, model: str) -> Modes:
        """From request ``n`` on the stronger model is asked."""
        return replace(self, escalated_at=n, stronger=model)

    def save(self, n: int, model: str | None, *, parts: int = 0) -> Modes:
        """From request ``n`` on the run is in economy mode, with another model or with its own.

        ``parts`` is how much of its answer had broken off before.
        """
        return replace(self, economy_at=n, economy=model, economy_parts=parts)

    def leave_the_model(self) -> Modes:
        """The user has chosen another model for the run: it is asked, and what was said of short answers stays."""
        return replace(self, stronger=None, economy=None)

    def without_after(self, n: int) -> Modes:
        """What holds once everything behind request ``n`` was taken back."""
        kept = self
        if self.escalated_at is not None and self.escalated_at > n:
            kept = replace(kept, escalated_at=None, stronger=None)
        if self.economy_at is not None and self.economy_at > n:
            kept = replace(kept, economy_at=None, economy=None, economy_parts=0)
        return kept

    def asked_anew(self, n: int) -> Modes:
        """Request ``n`` is made anew: what had broken off of its answer is gone."""
        return replace(self, economy_parts=0) if self.economy_at == n else self


def modes_of(events: Sequence[RunEvent], *, began_terse: bool = False) -> Modes:
    """The mode that these events of one run, in their order, lead to."""
    modes = Modes(began_terse=began_terse)
    own_model: object = None
    for each in events:
        if each.kind == ESCALATED and "n" in each.data:
            modes = modes.escalate(int(each.data["n"]), str(each.data["model"]))
        elif each.kind == ECONOMY_ON and "n" in each.data:
            modes = modes.save(int(each.data["n"]), each.data.get("model"), parts=int(each.data.get("parts", 0)))
        elif each.kind == MODEL_CHOSEN:
            modes, own_model = modes.leave_the_model(), each.data.get("model")
        elif each.kind in ("run_started", "run_resumed") and "model" in each.data:
            if own_model not in (None, each.data["model"]):
                modes = modes.leave_the_model()
            own_model = each.data["model"]
        elif each.kind == "rewound" and "step" in each.data:
            step = str(each.data["step"])
            modes = modes.without_after(_request_of(step))
            if step == request_key(_request_of(step)):
                modes = modes.asked_anew(_request_of(step))
    return modes


def mode_events(events: Sequence[RunEvent], *, before: int) -> list[RunEvent]:
    """The events that a run which begins with this one's requests up to ``before`` takes over."""
    modes = modes_of(events).without_after(before)
    wanted = {ESCALATED: modes.escalated_at, ECONOMY_ON: modes.economy_at}
    newest = {each.kind: each for each in events if each.kind in wanted and each.data.get("n") == wanted[each.kind]}
    # What had broken off of an answer that is not taken over is not taken over either.
    return [
        replace(each, data={**each.data, "parts": 0 if each.data["n"] == before else modes.economy_parts})
        if each.kind == ECONOMY_ON
        else each
        for each in newest.values()
    ]


def _request_of(key: str) -> int:
    """The number of the request that a step belongs to, from its key."""
    return int(key[1:].partition(".")[0])
