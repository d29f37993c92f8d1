"""Texts that a command is given: files, or standard input as ``-``."""

from __future__ import annotations

import sys
from pathlib import Path

from bursar.domain.errors import BadInput

STDIN = "-"


def read_text(given: str, *, largest_bytes: int) -> str:
    """The text as an editor would open it: without a byte order mark at its beginning, its line ends as they are.

    Raises BadInput that names the file, what is wrong with it and what to give instead.
    """
    name = "standard input" if given == STDIN else given
    data = sys.stdin.buffer.read(largest_bytes + 1) if given == STDIN else _read(given, largest_bytes + 1)
    _refuse_large(name, data, largest_bytes)
    zero = data.find(b"\0")
    if zero >= 0:
        raise BadInput(f"{name} is a binary file (a zero byte at offset {zero}): give a text file in UTF-8")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start} cannot be read; save it as "
            "UTF-8 and try again"
        ) from error


def read_bytes(given: str, *, largest_bytes: int) -> bytes:
    """What is in a file. Raises BadInput as ``read_text`` does, but for what the bytes are."""
    data = _read(given, largest_bytes + 1)
    _refuse_large(given, data, largest_bytes)
    return data


def _refuse_large(name: str, data: bytes, largest_bytes: int) -> None:
    if len(data) > largest_bytes:
        raise BadInput(f"{name} is larger than {largest_bytes} bytes: give a smaller file")


def _read(given: str, most_bytes: int) -> bytes:
    path = Path(given)
    try:
        if not path.is_file():
            # A pipe would be waited for, and a device may never end.
            path.stat()
            raise BadInput(f"{given} is no file but a folder, a pipe or a device: give the path of a text file")
        with path.open("rb") as file:
            return file.read(most_bytes)
    except OSError as error:
        raise BadInput(f"{given} cannot be read ({error.strerror}): give the path of a text file") from error
    except ValueError as error:
        raise BadInput(f"{given!r} cannot be the path of a file ({error}): give the path of a text file") from error
