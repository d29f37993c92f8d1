"""Whom the next request is asked of: the ways of a run in their order, less those that cannot answer now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bursar.domain.errors import ProviderError
from bursar.domain.pacing import free_share
from bursar.domain.routes import Target
from bursar.runs.events import Events
from bursar.runs.waiting import Patience
from bursar.runs.world import Paused, PauseNow, Way, World


class Elsewhere(Exception):
    """Unwinds to the loop of the attempts, which goes on at once: another target is asked."""

    def __init__(self, failure: ProviderError) -> None:
        super().__init__(str(failure))
        self.failure = failure


class Known:
    """What one drive has learnt of its targets itself: who refused its key, who answered last."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self.last: Target | None = None
        self._told: dict[Target, str] = {}

    def is_news(self, target: Target, why: str) -> bool:
        """Whether nobody was told yet that this target is not asked, and why; from now on it was."""
        before = self._told.get(target)
        self._told[target] = why
        return before != why

    def asked(self, target: Target) -> None:
        """It is asked again: that it was not is over."""
        self._told.pop(target, None)


class Choice:
    """The ways of one request. One that was passed over is not asked again for it."""

    def __init__(self, world: World, n: int, chain: Sequence[Way], known: Known, *, sticks: bool) -> None:
        self.n = n
        self.chain = tuple(chain)
        self.sent = 0
        self.sticks = sticks
        self._world = world
        self._known = known
        self._ways = _by_room(world, chain, known.last) if sticks else list(chain)
        self._passed: dict[Target, str] = {}
        self._told_rest: set[Target] = set()

    @property
    def has_others(self) -> bool:
        """Whether there is more than one way at all."""
        return len(self._ways) > 1

    async def next(self, patience: Patience) -> Way:
        """The way to go now. Where all that are left must rest for a while, that is waited, if it is not too long.

        Raises PauseNow where nobody is left, or the wait would be too long.
        """
        while True:
            left = self._left()
            if not left:
                raise PauseNow(Paused(reason="provider", detail=f"Nobody can be asked now. {self.passed_over()}"))
            waits = [(self._wait_s(each.target), each) for each in left]
            free = [each for seconds, each in waits if seconds <= 0]
            if free:
                return free[0]
            seconds, way = min(waits, key=lambda each: each[0])
            why, is_limit = self._why_it_rests(way.target)
            await patience.rest(seconds, why, reason="limit" if is_limit else "provider")

    def pausing(self, paused: Paused) -> Paused:
        """The same pause, with what became of the targets that were not asked, and the first moment that one resets."""
        detail = f"{paused.detail} {self.passed_over() if self.has_others else ''}".rstrip()
        clock = self._world.clock
        now_s = clock.monotonic_s()
        left_s = self._world.learnt.first_reset_s([each.target for each in self.chain], now_s) - now_s
        until = clock.utc_in(left_s)
        sooner = paused.resume_at is None or until < paused.resume_at
        if left_s <= 0 or not sooner or paused.reason not in ("limit", "provider"):
            return replace(paused, detail=detail)
        return Paused(reason="limit", detail=f"{detail} The first limit resets at {until}.", resume_at=until)

    def skipped(self, way: Way) -> list[tuple[Way, str]]:
        """The ways before this one that rest, with the reason; each is told once for a request."""
        found, left, before = [], self._left(), self._world.learnt.refused
        for each in self._ways:
            if each.target == way.target:
                break
            if each.target in self._told_rest:
                continue
            if each in left:
                found.append((each, self._why_it_rests(each.target)[0]))
            elif each.target not in self._passed and each.target.provider not in self._known.refused:
                why = before.get(each.target.provider, "").rstrip(".")
                found.append((each, f"{why}. It is asked again when the settings change, or nobody else is left"))
            else:
                continue
            self._told_rest.add(each.target)
        return found

    def other(self, way: Way, *, of_another_provider: bool, fits: Callable[[Way], str | None]) -> Way | None:
        """Another way that could be gone at once; those that cannot (``fits`` says why) are passed over on the way."""
        for each in self._left():
            if each.target == way.target or (of_another_provider and each.target.provider == way.target.provider):
                continue
            if self._wait_s(each.target) > 0:
                continue
            why = each.provider.missing_key() or fits(each)
            if why is None:
                return each
            self._passed[each.target] = why
        return None

    def pass_over(self, way: Way, why: str) -> bool:
        """Leave this way out for this request; False (and nothing changed) where no other is left."""
        if all(each.target == way.target for each in self._left()):
            return False
        self._passed[way.target] = why
        return True

    def passed_over(self) -> str:
        """Who was passed over and why, for the end of a message; empty where nobody was."""
        said = [f"{target} was not asked: {why}" for target, why in self._passed.items()]
        said += [f"{provider} was not asked again: {why}" for provider, why in self._known.refused.items()]
        return " ".join(f"{each.rstrip('.')}." for each in said)

    def _left(self) -> list[Way]:
        refused, before = self._known.refused, self._world.learnt.refused
        left = [each for each in self._ways if each.target not in self._passed and each.target.provider not in refused]
        # Who refused an earlier run of this process is asked again only where nobody else is left: it may be over.
        return [each for each in left if each.target.provider not in before] or left

    def _wait_s(self, target: Target) -> float:
        now_s = self._world.clock.monotonic_s()
        until_s, _ = self._world.learnt.until_s.get(target, (now_s, ""))
        return max(self._world.circuits.wait_s(target, now_s), until_s - now_s)

    def _why_it_rests(self, target: Target) -> tuple[str, bool]:
        until_s, why = self._world.learnt.until_s.get(target, (0.0, ""))
        if until_s > self._world.clock.monotonic_s():
            return why, True
        return f"{target} has failed again and again, and is left alone for a while", False


async def choose_model(world: World, run: str, target: Target) -> None:
    """The user's word: from its next request on the run asks this model and no other, until it ends or they choose
    again."""
    await world.journal.set_model(run, provider=target.provider, model=target.model)
    await Events(world, run).tell("model_chosen", model=str(target))


def _by_room(world: World, chain: Sequence[Way], last: Target | None) -> list[Way]:
    """Equal targets: the one that knows the conversation already, then those with the most room in their limits."""
    seconds_until = world.clock.seconds_until

    def room(way: Way) -> tuple[bool, float]:
        share = free_share(world.pace.newest(way.target), seconds_until=seconds_until)
        return way.target == last, share

    return sorted(chain, key=room, reverse=True)
