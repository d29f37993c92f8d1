"""The editor hears of a day's alerts once, whichever window finds them first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bursar.domain.money.alerts import AlertLimits, alert_limits
from bursar.session.alerting import tell_alerts
from bursar.storage import open_journal
from support.books import book, entry
from support.fakes import CountingIds, FakeClock


class Words:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, level: str, text: str) -> None:
        self.said.append((level, text))


async def test_one_quiet_word_a_day(tmp_path: Path) -> None:
    limits = alert_limits(cost_day="1usd")
    await asyncio.to_thread(
        book, tmp_path, [entry(1, cost_pico=10**12), entry(2, cost_pico=1), entry(3, local_day="2026-11-22")]
    )
    clock = FakeClock("2026-11-21T08:00:00.000Z")
    words: Any = Words()
    windows = [
        open_journal(tmp_path, clock=clock, ids=CountingIds(tag), failpoint=lambda name: None) for tag in ("a", "b")
    ]
    try:
        first, second = (SimpleNamespace(journal=lambda each=each: each, clock=clock) for each in windows)
        await tell_alerts(first, words, AlertLimits())  # type: ignore[arg-type]
        assert words.said == []
        for window in (first, second, first):
            await tell_alerts(window, words, limits)  # type: ignore[arg-type]
        ((level, text),) = words.said
        assert level == "warning"
        assert text.startswith("Bursar: today cost $1.00")
        # The next day has spent less than its limit, and nothing of the day before counts.
        clock.advance(86_400)
        await tell_alerts(second, words, limits)  # type: ignore[arg-type]
        assert len(words.said) == 1
        await tell_alerts(second, words, alert_limits(cost_day="0.0001usd"))  # type: ignore[arg-type]
        assert len(words.said) == 2
    finally:
        for each in windows:
            each.close()
