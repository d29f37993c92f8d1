"""What tasks took so far: the user's own history, as a forecast reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bursar.domain.specs.traits import TaskTraits

_GRID = 20
"""Steps in each factor of e."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a task before it runs; ``traits`` is None where nobody wrote them down.

    ``first_pico`` is what the counted tokens of the first request cost uncached, None without a price.
    """

    traits: TaskTraits | None
    model: str
    workspace: str
    spec: str
    first_tokens: int
    first_pico: int | None

    def coarse(self) -> Known:
        """The same with its sizes on a grid of five hundredths, so that an edit of a few words changes nothing.

        That is far below what any forecast can tell apart, and the money of the first request keeps its price.
        """
        tokens = _on_grid(self.first_tokens)
        pico = self.first_pico
        if pico is not None and self.first_tokens:
            pico = pico * tokens // self.first_tokens
        traits = self.traits
        if traits is not None:
            traits = replace(traits, text_chars=_on_grid(traits.text_chars))
        return replace(self, traits=traits, first_tokens=tokens, first_pico=pico)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTask:
    """What a task took; where it is not ``whole``, it took at least that.

    ``cost_pico`` is None where no price was known for a part of it.
    """

    known: Known
    tokens: int
    cost_pico: int | None
    time_ms: int
    requests: int
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """A run of a task that is over, with its sums in the ledger.

    ``task`` says which task of the spec it was (its id and the hash of its title). ``unpriced`` and ``unknown`` count
    requests without a price and requests whose bill is not known.
    """

    known: Known
    task: tuple[str | None, str]
    finished: bool
    began_at: str
    tokens: int
    cost_pico: int
    time_ms: int
    requests: int
    unpriced: int
    unknown: int


def past_tasks(runs: Iterable[EndedRun]) -> tuple[PastTask, ...]:
    """The tasks that these runs worked on, oldest first.

    All runs of a task up to the one that finished it count together: what a failed attempt took is a part of what the
    task took, and a retry that begins with the steps of another run is not cheap for that. A task that no run has
    finished is not whole: it took at least what its runs took. Neither is one with a request whose bill is not known;
    its other requests are counted.
    """
    open_: dict[tuple[str, str, str | None, str], list[EndedRun]] = {}
    found: list[PastTask] = []
    for each in sorted(runs, key=lambda run: run.began_at):
        key = (each.known.workspace, each.known.spec, *each.task)
        attempts = open_.setdefault(key, [])
        attempts.append(each)
        if each.finished:
            found.append(_together(attempts))
            del open_[key]
    found += [_together(attempts) for attempts in open_.values()]
    return tuple(each for each in found if each.requests)


def _on_grid(size: int) -> int:
    return round(math.exp(round(math.log(size) * _GRID) / _GRID)) if size > 0 else size


def _together(attempts: list[EndedRun]) -> PastTask:
    return PastTask(
        known=attempts[0].known,
        tokens=sum(each.tokens for each in attempts),
        cost_pico=None if any(each.unpriced for each in attempts) else sum(each.cost_pico for each in attempts),
        time_ms=sum(each.time_ms for each in attempts),
        requests=sum(each.requests for each in attempts),
        whole=attempts[-1].finished and not any(each.unknown for each in attempts),
    )
