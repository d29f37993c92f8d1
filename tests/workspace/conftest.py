from __future__ import annotations

from pathlib import Path

import pytest

from .support import CANARY, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root, outside = tmp_path / "ws", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    made = Bench(root=root.resolve(), outside=outside.resolve())
    made.canary.write_text(CANARY)
    return made
