"""A disk that remembers what was written and what was synced: it can lose power, or run out of space, at any write."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import apsw

SECTOR = 512
WAYS = ("drop", "all", "prefix", "subset", "torn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One thing that SQLite asked of the disk, or an acknowledgement that a caller got between two such things."""

    kind: Literal["write", "truncate", "sync", "delete", "ack"]
    file: str = ""
    offset: int = 0
    data: bytes = b""
    ack: Any = None


class Disk:
    """What happens below one folder while this is the default; ``full_from`` is the first write that finds no space.

    One that ``lies`` says that such a write is done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ops: list[Op] = []
        self.writes = 0
        self.full_from: int | None = None
        self.lies = False
        self.refused = 0

    def acknowledge(self, ack: Any) -> None:
        """Remember that a caller was told that this is durable."""
        self.ops.append(Op(kind="ack", ack=ack))

    def name_of(self, path: str | None) -> str | None:
        """The name of a file of ours."""
        return Path(path).name if path is not None and Path(path).parent == self.folder else None

    def write(self, file: str, data: bytes, offset: int) -> bool:
        """Remember a write; whether it is to be done. Raises apsw.FullError when there is no space, unless it lies."""
        self.writes += 1
        if self.full_from is not None and self.writes >= self.full_from:
            self.refused += 1
            if self.lies:
                return False
            raise apsw.FullError("no space")
        self.ops.append(Op(kind="write", file=file, offset=offset, data=bytes(data)))
        return True


@contextmanager
def logging_disk(folder: Path) -> Iterator[Disk]:
    """Within this block SQLite's default is a disk that logs."""
    disk = Disk(folder)
    vfs = _Vfs(disk)
    try:
        yield disk
    finally:
        vfs.unregister()
        assert apsw.vfs_names()[0] == "unix"


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__("bursar-logging", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = name if isinstance(name, str) or name is None else name.filename()
        return _File(name, flags, self._disk, self._disk.name_of(path))

    def xDelete(self, filename: str, syncdir: bool) -> None:
        ours = self._disk.name_of(filename)
        if ours is not None:
            self._disk.ops.append(Op(kind="delete", file=ours))
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: Disk, ours: str | None) -> None:
        self._disk, self._ours = disk, ours
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._ours is None or self._disk.write(self._ours, data, offset):
            super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        if self._ours is not None:
            self._disk.ops.append(Op(kind="truncate", file=self._ours, offset=newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        if self._ours is not None:
            self._disk.ops.append(Op(kind="sync", file=self._ours))


def image(base: dict[str, bytes], ops: Sequence[Op], chance: random.Random) -> tuple[dict[str, bytes], str]:
    """The files after a power cut at the end of these operations, and in which way the last writes were lost.

    What was synced is there. Of what was not, each file loses some: all, none, the last, any, or sectors of any.
    """
    durable = {name: bytearray(data) for name, data in base.items()}
    pending: dict[str, list[Op]] = defaultdict(list)
    for op in ops:
        if op.kind == "sync":
            for each in pending.pop(op.file, []):
                _apply(durable, each)
        elif op.kind != "ack":
            pending[op.file].append(op)
    how = chance.choice(WAYS)
    for waiting in pending.values():
        for each in _survivors(waiting, how, chance):
            _apply(durable, each)
    return {name: bytes(data) for name, data in durable.items()}, how


def _survivors(waiting: list[Op], how: str, chance: random.Random) -> Iterator[Op]:
    match how:
        case "all":
            yield from waiting
        case "prefix":
            yield from waiting[: chance.randint(0, len(waiting))]
        case "subset":
            yield from (each for each in waiting if chance.random() < 0.5)
        case "torn":
            for each in waiting:
                if each.kind != "write":
                    yield each
                    continue
                for start in range(0, len(each.data), SECTOR):
                    if chance.random() < 0.5:
                        yield Op(
                            kind="write",
                            file=each.file,
                            offset=each.offset + start,
                            data=each.data[start : start + SECTOR],
                        )


def _apply(files: dict[str, bytearray], op: Op) -> None:
    if op.kind == "delete":
        files.pop(op.file, None)
        return
    data = files.setdefault(op.file, bytearray())
    if op.kind == "truncate":
        del data[op.offset :]
        data.extend(bytes(op.offset - len(data)))
        return
    data.extend(bytes(max(0, op.offset - len(data))))
    data[op.offset : op.offset + len(op.data)] = op.data
