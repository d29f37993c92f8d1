"""Questions whose files are known, over source trees that every development environment has."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import importlib.util
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FILE = Path(__file__).parent.parent.parent / "fixtures" / "repository" / "questions.json"
DEMO = "parcel"
Part = Literal["tuned on", "held out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be done, and the files of the tree that somebody who does it must see."""

    tree: str
    text: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A source tree; ``version`` is the one whose sources the questions were written from."""

    name: str
    distribution: str | None
    version: str | None
    part: Part
    questions: tuple[Question, ...]

    @property
    def root(self) -> Path:
        """Where it is installed."""
        if self.distribution is None:
            return Path(str(importlib.resources.files("bursar.demo"))) / "workspace"
        spec = importlib.util.find_spec(self.name)
        assert spec is not None and spec.submodule_search_locations, f"{self.name} is not installed: make env"
        return Path(spec.submodule_search_locations[0])

    @property
    def installed(self) -> str | None:
        """The version that is installed."""
        return None if self.distribution is None else importlib.metadata.version(self.distribution)

    def copy_to(self, folder: Path) -> Path:
        """A copy without what running makes. Installed files may have several names, and such are not read."""
        return Path(
            shutil.copytree(self.root, folder / self.name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        )


def load() -> list[Tree]:
    """All trees with their questions."""
    data = json.loads(FILE.read_text("utf-8"))
    return [
        Tree(
            name=each["tree"],
            distribution=each["distribution"],
            version=each["version"],
            part=each["part"],
            questions=tuple(
                Question(tree=each["tree"], text=one["text"], files=tuple(one["files"])) for one in each["questions"]
            ),
        )
        for each in data["trees"]
    ]
