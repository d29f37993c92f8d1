"""The recorded answers below ``tests/fixtures/responses`` with what is expected of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[1] / "fixtures" / "responses"
PRICES = FIXTURES / "prices.json"

GROUPS = {
    "plain": "answers without a trap",
    "cached": "cached input inside or outside the input",
    "many-records": "one reply in many records",
    "placeholders": "placeholders in a stream, and thinking",
    "broken": "cancelled and broken streams",
    "zero": "silently nothing",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One recorded answer: its group, how the command is called, and what it says."""

    name: str
    path: Path
    group: str
    args: tuple[str, ...]
    expected: dict[str, Any]

    @property
    def format(self) -> str:
        return self.path.parent.name


def cases() -> Iterator[Case]:
    """All of them; raises where a file has no expectation or an expectation no file."""
    for folder in sorted(each for each in FIXTURES.iterdir() if each.is_dir()):
        expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        files = {each.name for each in folder.iterdir()} - {"expected.json"}
        if files != set(expected):
            raise ValueError(f"{folder}: {files ^ set(expected)} has no counterpart")
        for name, value in expected.items():
            yield Case(
                name=f"{folder.name}/{name}",
                path=folder / name,
                group=value.pop("group"),
                args=tuple(value.pop("args", ())),
                expected=value,
            )
