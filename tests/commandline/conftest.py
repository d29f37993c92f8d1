"""A user in a workspace with one small spec, and a simulated provider of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.program import Simulator, User, make_workspace, simulator


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_workspace(tmp_path / "workspace")


@pytest.fixture
def user(tmp_path: Path, workspace: Path) -> User:
    return User(home=tmp_path / "home", cwd=workspace)


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "sim") as running:
        yield running
