"""Benches: a workspace, a state folder and a simulated provider each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bursar.demo import scenario_path
from support.bench import Bench, MakeBench, make_bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """With the generic model."""
    async with make_bench(tmp_path) as made:
        yield made


@pytest.fixture
async def demo_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """With the demo's scripted model."""
    async with make_bench(tmp_path, scenario_path()) as made:
        yield made


@pytest.fixture
async def benches(tmp_path: Path) -> AsyncIterator[MakeBench]:
    """For a scenario of a test's own."""
    yield lambda scenario: make_bench(tmp_path, scenario)
