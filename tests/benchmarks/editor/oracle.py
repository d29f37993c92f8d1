"""Plain tiktoken in its own process: the right counts, and what they cost without anything kept."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.editor.reencode import ENCODING
from bursar.tokens.encodings import read_tokens
from tokens.support import official, official_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The tokens of a whole text, and how long their encoding took."""

    tokens: int
    ms: float


class Oracle:
    """Holds texts of its own, so that an edit costs no copy of a large text over the pipe.

    The ranks are read from the wheel's table; tiktoken itself checks the hash of what that makes.
    """

    def __init__(self) -> None:
        self._cache = tempfile.TemporaryDirectory(prefix="bursar-bench-")
        name = hashlib.sha1(official(ENCODING).url.encode()).hexdigest()
        (Path(self._cache.name) / name).write_bytes(official_text(read_tokens(ENCODING)))
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).parent / "reencode.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"TIKTOKEN_CACHE_DIR": self._cache.name, "https_proxy": "http://127.0.0.1:9"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.close()
        self._child.wait(30)
        self._child.stdout.close()
        self._cache.cleanup()

    def open(self, name: str, text: str) -> None:
        """Keep a text under a name."""
        self._say("open", name, text)

    def edit(self, name: str, start: int, end: int, new: str) -> None:
        """Change a kept text."""
        self._say("edit", name, start, end, new)

    def count(self, name: str) -> Counted:
        """The tokens of a kept text."""
        self._say("count", name)
        return self._answer()

    def count_text(self, text: str) -> Counted:
        """The tokens of this text."""
        self._say("text", text)
        return self._answer()

    def _say(self, *command: Any) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(command).encode() + b"\n")
        self._child.stdin.flush()

    def _answer(self) -> Counted:
        assert self._child.stdout is not None
        answer = json.loads(self._child.stdout.readline())
        return Counted(tokens=answer["tokens"], ms=answer["ms"])
