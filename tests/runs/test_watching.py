"""Where the prompt cache was lost, told from the requests as they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.moments import Here
from bursar.domain.money.usage import Usage
from bursar.runs.watching import gaps, watched
from bursar.views.findings import finding_text
from support.history import Asked, Past, past
from support.history import chat as chat_of

COLD, WARM = Usage(uncached_input=9_000, output=10), Usage(uncached_input=100, cache_read=9_000, output=10)
MODEL = "gpt-5"
"""Keeps any prefix by itself, so what is in reach is what was sent."""
HERE = Here(zone=UTC, day="2026-11-21")


def chat(system: str, turns: int) -> bytes:
    return chat_of(system, turns, MODEL)


def asked(**given: Any) -> Asked:
    return Asked(model=MODEL, **given)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Past]:
    with past(tmp_path / "home") as written:
        yield written


def test_a_system_text_that_changes_breaks_the_cache_at_a_byte(shop: Past) -> None:
    run = shop.run(
        asked(body=chat("It is 12:01", 1), usage=COLD),
        asked(body=chat("It is 12:01", 2), usage=WARM),
        asked(body=chat("It is 12:02", 3), usage=COLD),
    )
    (gap,) = gaps(shop.journal, [run])
    assert (gap.run, gap.step) == (run, "m3")
    assert gap.broken is not None
    assert (gap.broken.byte, gap.broken.part) == (len('"It is 12:0'), "the system text")


def test_a_long_wait_is_told_only_where_nothing_was_read(shop: Past) -> None:
    def played(after: Usage) -> str:
        return shop.run(
            asked(body=chat("s", 1), usage=COLD), asked(body=chat("s", 2), usage=after, after_s=400, duration_ms=2_000)
        )

    (gap,) = gaps(shop.journal, [played(COLD)])
    assert (gap.broken, gap.expired_s) == (None, 402), "from one sending to the next"
    assert list(gaps(shop.journal, [played(WARM)])) == []


def test_a_run_that_only_goes_on_has_no_gap(shop: Past) -> None:
    run = shop.run(*(asked(body=chat("s", n), usage=WARM) for n in range(1, 5)))
    assert list(gaps(shop.journal, [run])) == []


async def test_erased_requests_tell_nothing_and_break_nothing(tmp_path: Path) -> None:
    import asyncio

    def write() -> str:
        with past(tmp_path / "home") as written:
            return written.run(asked(body=chat("one", 1), usage=COLD), asked(body=chat("two", 2), usage=COLD))

    run = await asyncio.to_thread(write)
    with past(tmp_path / "home") as again:
        assert len(list(gaps(again.journal, [run]))) == 1
        await again.journal.erase(run=run)
        assert list(gaps(again.journal, [run])) == []


def test_a_regression_of_the_cache_names_the_byte(shop: Past) -> None:
    """From the twentieth run on each request tells the time: the store alone says what happened."""
    for n in range(40):
        broken = n >= 20
        shop.clock.advance(3_600)
        shop.run(
            *(
                asked(
                    body=chat(f"It is {k if broken else 0}", k),
                    usage=COLD if broken or k == 1 else WARM,
                    cost_pico=10**10 + n,
                )
                for k in (1, 2, 3)
            )
        )
    (found,) = watched(shop.journal)
    assert (found.metric, found.workspace) == ("uncached", "/home/dev/shop")
    # Of three requests the first reads nothing, and 100 tokens of each other are new.
    assert (found.before, found.after) == ((9_000 + 100 + 100) * 1_000 // (9_000 + 9_100 + 9_100), 1_000)
    text = finding_text(found, HERE)
    assert "Runs pay without the prompt cache for 100.0% of the input (3.0 times as much), median of 2" in text
    assert f"the prompt cache was broken at byte {len(chr(34) + 'It is ')} in the system text" in text
    assert '“"It is 1"” became “"It is 2"”' in text


def test_nothing_recorded_is_no_finding(shop: Past) -> None:
    assert watched(shop.journal) == ()
