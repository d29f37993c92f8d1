"""What a provider has counted of a conversation already."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.money.bound import Prefix
from bursar.domain.routes import Target
from bursar.domain.runs import RequestRow, RunRecord, StepRecord
from bursar.runs.booking import target_of_step
from bursar.runs.shapes import FULL, Shapes


def counted_before(
    run: RunRecord,
    steps: Sequence[StepRecord],
    requests: Sequence[RequestRow],
    target: Target,
    shapes: Shapes = FULL,
) -> Prefix | None:
    """What this target's provider counted of the conversation so far, in the newest request that was answered.

    ``requests`` are the run's, oldest first; None where another target answered, or nothing was reported, and where
    ``shapes`` say that what was sent then stands otherwise now: it is no beginning of the next request any more.
    """
    answered = [each for each in steps if each.kind == "model" and each.status == "done"]
    newest = max(answered, key=lambda each: each.n, default=None)
    if newest is None or target_of_step(newest, run) != target:
        return None
    if newest.intent.get("shapes", "") != shapes.of_sent(int(newest.key[1:])):
        return None
    for row in reversed(requests):
        if (row.step, row.attempt, row.certainty) == (newest.key, newest.attempt, "billed"):
            counted = int(newest.intent.get("counted_tokens", 0))
            return Prefix(counted_tokens=counted, reported_tokens=row.usage.input)
    return None
