"""The editor hears of a regression from the run that makes it certain, and of no other."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bursar.domain.ports import Journal
from bursar.runs.watching import watched
from bursar.session.worse import tell_worse
from support.history import Asked, past

CENT = 10**10


class Words:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, level: str, text: str) -> None:
        self.said.append((level, text))


async def test_one_quiet_word(tmp_path: Path) -> None:
    import asyncio

    def write() -> list[str]:
        with past(tmp_path / "home") as written:
            return [written.run(Asked(cost_pico=(20 + n % 4 + 40 * (n >= 30)) * CENT)) for n in range(50)]

    runs = await asyncio.to_thread(write)
    with past(tmp_path / "home") as again:
        journal: Journal = again.journal
        adapters: Any = SimpleNamespace(journal=lambda: journal, clock=again.clock)
        words: Any = Words()
        for run in runs:
            await tell_worse(adapters, words, run)
        (found,) = watched(journal)
        ((level, text),) = words.said
        assert (level, found.found in runs[30:45]) == ("info", True)
        assert text.startswith("Tasks of the kind “fix” cost $0.6")
        words.said.clear()
        await tell_worse(adapters, words, found.found)
        assert len(words.said) == 1
