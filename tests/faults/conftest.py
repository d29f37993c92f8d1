"""A workspace whose prices know every model of these tests, and the count of the cells that were played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.support import GPT
from support.world import RATES, Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    made = Workshop(tmp_path)
    made.prices.rates |= {"claude-x": RATES, "gpt-x": RATES, GPT: RATES}
    yield made
    made.close()


@pytest.fixture(scope="session")
def played() -> Iterator[list[str]]:
    """Each test writes its cell down; the count is printed at the end."""
    cells: list[str] = []
    yield cells
    print(f"\nfault matrix: {len(cells)} cells played")
