"""Plain tiktoken in its own process: the right counts, and what they cost without anything kept."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.editor.reencode import ENCODING
from bursar.tokens.encodings import read_tokens
from tokens.support import official, official_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The tokens of a whole text, and how long their encoding took."""

    tokens: int
    ms: float


class Oracle:
    """Counts one text after the other; nothing is going on in its process in between.

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

    def count(self, text: str) -> Counted:
        """The tokens of this text."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(text).encode() + b"\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> Counted:
        assert self._child.stdout is not None
        answer = json.loads(self._child.stdout.readline())
        return Counted(tokens=answer["tokens"], ms=answer["ms"])
