"""What the crash loops found, for the one line at the end of a soak."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping
from pathlib import Path

REPORT = "BURSAR_SOAK_REPORT"
"""Names the file that takes the findings; without it nothing is kept."""
SEED = "BURSAR_CRASH_SEED"


class Report:
    """Takes a line from each loop as it ends, before the loop judges itself."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def add(
        self,
        loop: str,
        *,
        kills: Mapping[str, int] | None = None,
        repeated: int = 0,
        lost: int = 0,
        control: int | None = None,
    ) -> None:
        """Kills by point, what was repeated or lost (paid, applied or booked wrongly), and what a control found."""
        row = {"loop": loop, "kills": dict(kills or {}), "repeated": repeated, "lost": lost, "control": control}
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def seeded() -> tuple[int, random.Random]:
    """The seed of a loop and its chance."""
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(10**6))
    return seed, random.Random(seed)
