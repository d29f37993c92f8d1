"""The estimate's score: learnt from a provider that counts in its own way, better than with kinds that say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.calibration import play
from bursar.domain.counting import CountedRequest
from bursar.tokens import TiktokenCounter

COUNTER = TiktokenCounter()


@pytest.fixture
async def requests(tmp_path: Path) -> list[CountedRequest]:
    async with play.provider(tmp_path) as sender:
        return await play.ask(sender, COUNTER, runs=30, of_each=4, seed=3)


async def test_the_range_holds_what_it_was_not_learnt_from_and_kinds_help(requests: list[CountedRequest]) -> None:
    ratios = [each.reported_tokens / each.counted_tokens for each in requests]
    assert min(ratios) > 1.05, "the provider counts otherwise than we do"
    assert max(ratios) / min(ratios) > 1.15, "and how it does depends on the text"
    found = play.compare(requests, COUNTER, rounds=5, seed=3)
    # Made for nine in ten; the thresholds are far below what a range that is right would miss by chance.
    assert found.requests.coverage > 0.78
    assert found.texts.coverage > 0.78
    assert found.requests.width < 0.5
    assert found.texts.error < 0.06
    assert found.swapped_texts.error > 1.2 * found.texts.error, "the control must be worse"


async def test_a_range_that_is_too_narrow_is_found(requests: list[CountedRequest]) -> None:
    learnt = play.learnt(requests[:50])
    rates = {
        kind: type(rate)(value=rate.value, low=rate.value * 0.99, high=rate.value * 1.01)
        for kind, rate in learnt.rates.items()
    }
    narrow = type(learnt)(
        model=learnt.model, encoding=learnt.encoding, rates=rates, requests=learnt.requests, provenance=""
    )
    assert play.on_requests(narrow, requests[50:]).coverage < 0.6
