"""What a task will probably take, from what similar tasks of the same user took.

Method. Tokens and money of a past task are taken as multiples of what its first request had (its counted tokens, and
what they cost uncached): this figure is known before a run to the token, and carries most of what can be known, because
each further request sends it again. Requests and seconds are taken as they are. Each past task has a weight between 0
and 1, a product of kernels over what was known before it ran: Gaussian in the logarithms of the first request, of the
length of the task's text and of the number of files that it names (Nadaraya, Theory Probab. Appl. 9, 1964; Watson,
Sankhya A 26, 1964; for quantiles Stone, Ann. Stat. 5, 1977), and a factor each for another kind of work, model, spec
and workspace. To these come the quantiles of a stated prior (``prior.py``) as pseudo-observations that weigh
``PRIOR_WEIGHT`` past tasks together, so that the figures shrink to the prior by the effective number of similar tasks
(a finite Dirichlet prior on the distribution: Ferguson, Ann. Stat. 1, 1973). The prior itself is moved on the
logarithmic scale toward the user's own median, by the share that the effective number has beside ``LOCATION_WEIGHT``
(a user whose tasks are all dear has none of the cheap ones of others): it then says how far tasks spread, no longer
where. p10, p50 and p90 are quantiles of that mixture; what was broken off is a lower bound (``spread.py``).

Constants. The two weights and the kernels were chosen once on the requests of `tests/fixtures/forecast`, where the
figures hardly depend on them; `make bench-forecast` scores this function and prints what each part brings.

With fewer than ``SIMILAR_NEEDED`` similar past tasks there are no figures, whatever the prior says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bursar.domain.money.budget import Unit
from bursar.domain.money.past import Known, PastTask
from bursar.domain.money.prior import PRIOR, Prior
from bursar.domain.money.spread import Observed, Spread, spread_of

SIMILAR_NEEDED = 5
SIMILAR_FROM = 0.2
"""From this weight on a past task counts as similar."""
PRIOR_WEIGHT = 3.0
LOCATION_WEIGHT = 3.0
_FIRST_SIGMA = 1.0
_TEXT_SIGMA = 1.5
_FILES_SIGMA = 1.5
_OTHER_KIND = 0.7
_OTHER_MODEL = 0.7
_OTHER_SPEC = 0.8
_OTHER_WORKSPACE = 0.5
_TRAITS_UNKNOWN = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is left of one budget; ``name`` as in "today's budget", ``left`` in its unit (pico-dollars for 'usd').

    ``each_run`` says that every run has it anew, so that it says nothing about several together; ``workspace`` is the
    only one that it holds in, None for all. ``lasts_ms`` is how long it takes until all of it is free again: a task
    that will probably take longer is not held to it, because it will only have to wait.
    """

    name: str
    unit: Unit
    left: int
    resets_at: str | None = None
    each_run: bool = False
    workspace: str | None = None
    lasts_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The chance that a task needs no more than what is left of one limit."""

    room: Room
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskForecast:
    """How the amounts of one task may turn out, or of several together; ``cost_pico`` is None without a price.

    ``similar`` past tasks were counted as such, out of ``past``; ``lowest`` and ``highest`` are the least and the most
    money that whole ones among them took (as they took it), None without one. ``weight`` is their effective number.
    """

    tokens: Spread
    cost_pico: Spread | None
    time_ms: Spread
    requests: Spread
    similar: int
    past: int
    weight: float
    lowest_pico: int | None = None
    highest_pico: int | None = None
    tasks: int = 1

    @property
    def is_enough(self) -> bool:
        """Whether there is enough history for figures."""
        return self.similar >= SIMILAR_NEEDED

    def fit(self, room: Room) -> Fit | None:
        """The chance that it fits what is left of a limit; None where the amount in its unit is not known, where
        the limit is for each run and these are several tasks, or where it is free again before they probably end."""
        if room.each_run and self.tasks > 1:
            return None
        if room.lasts_ms is not None and self.time_ms.quantile(0.5) > room.lasts_ms:
            return None
        spread = {"usd": self.cost_pico, "tokens": self.tokens, "requests": self.requests}[room.unit]
        return None if spread is None else Fit(room=room, chance=spread.share_within(room.left))


def tightest(forecast: TaskForecast, rooms: Iterable[Room]) -> Fit | None:
    """The limit that it fits least; None where there is none, or not enough history.

    The chance to fit all limits together is at most this one, and equal to it where the tightest is the only one that
    is ever passed.
    """
    if not forecast.is_enough:
        return None
    fits = [fit for room in rooms if (fit := forecast.fit(room)) is not None]
    return min(fits, key=lambda each: each.chance, default=None)


def forecast_task(known: Known, past: Sequence[PastTask], prior: Prior = PRIOR) -> TaskForecast:
    """How this task may turn out, given the user's own past tasks."""
    weighed = [(each, similarity(known, each.known)) for each in past]
    tokens = [
        Observed(value=each.tokens * known.first_tokens // each.known.first_tokens, weight=weight, whole=each.whole)
        for each, weight in weighed
        if each.known.first_tokens > 0
    ]
    cost = None
    if known.first_pico:
        paid = [
            Observed(value=each.cost_pico * known.first_pico // each.known.first_pico, weight=weight, whole=each.whole)
            for each, weight in weighed
            if each.cost_pico is not None and each.known.first_pico
        ]
        cost = _with_prior(paid, [each * known.first_pico // 1_000 for each in prior.cost_permille])
    similar = [each for each, weight in weighed if weight >= SIMILAR_FROM and each.whole]
    costs = [each.cost_pico for each in similar if each.cost_pico is not None]
    return TaskForecast(
        tokens=_with_prior(tokens, [each * known.first_tokens // 1_000 for each in prior.tokens_permille]),
        cost_pico=cost,
        time_ms=_with_prior(_plain(weighed, "time_ms"), prior.time_ms),
        requests=_with_prior(_plain(weighed, "requests"), prior.requests, least=1),
        similar=len(similar),
        past=len(past),
        weight=sum(weight for _, weight in weighed),
        lowest_pico=min(costs, default=None),
        highest_pico=max(costs, default=None),
    )


def similarity(one: Known, other: Known) -> float:
    """How alike two tasks are by what is known before they run, above 0 and at most 1."""
    apart = _apart(one.first_tokens, other.first_tokens, _FIRST_SIGMA)
    factor = 1.0 if one.model == other.model else _OTHER_MODEL
    if one.traits is None or other.traits is None:
        factor *= _TRAITS_UNKNOWN
    else:
        apart += _apart(one.traits.text_chars, other.traits.text_chars, _TEXT_SIGMA)
        apart += _apart(one.traits.files_named, other.traits.files_named, _FILES_SIGMA)
        factor *= 1.0 if one.traits.kind == other.traits.kind else _OTHER_KIND
    if one.workspace != other.workspace:
        factor *= _OTHER_WORKSPACE
    elif one.spec != other.spec:
        factor *= _OTHER_SPEC
    return factor * math.exp(-0.5 * apart)


def _plain(weighed: Sequence[tuple[PastTask, float]], name: Literal["time_ms", "requests"]) -> list[Observed]:
    return [Observed(value=getattr(each, name), weight=weight, whole=each.whole) for each, weight in weighed]


def _with_prior(own: Sequence[Observed], prior: Sequence[int], *, least: int = 0) -> Spread:
    weight = PRIOR_WEIGHT / len(prior)
    moved = _moved_permille(own, prior)
    spread = spread_of([*own, *(Observed(value=max(least, each * moved // 1_000), weight=weight) for each in prior)])
    if spread is None:
        raise ValueError("a prior without quantiles says nothing")
    return spread


def _moved_permille(own: Sequence[Observed], prior: Sequence[int]) -> int:
    """The factor that moves the prior's median toward the user's own, in thousandths; 1,000 without history."""
    spread = spread_of(own)
    if spread is None:
        return 1_000
    weight = sum(each.weight for each in own)
    share = weight / (weight + LOCATION_WEIGHT)
    apart = math.log(max(1, spread.quantile(0.5)) / max(1, sorted(prior)[len(prior) // 2]))
    return round(1_000 * math.exp(share * apart))


def _apart(one: int, other: int, sigma: float) -> float:
    """The squared distance of two sizes on the logarithmic scale, in units of sigma."""
    return 0.0 if one == other else (math.log((1 + one) / (1 + other)) / sigma) ** 2
