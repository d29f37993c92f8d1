"""What the user has pinned in a workspace: files, or lines of them, that runs begun later carry from the start."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bursar.domain.errors import BadInput
from bursar.domain.text import split_lines

PinState: TypeAlias = Literal["as_pinned", "moved", "changed", "gone"]

_PREFIX = "pinned:"
_LINES = re.compile(r"#L([0-9]{1,9})(?:-L?([0-9]{1,9}))?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A file by its path relative to the workspace, or lines of it: the first and the last, counted from 1.

    ``sha256`` is that of the text when it was pinned, with LF between its lines.
    """

    path: str
    lines: tuple[int, int] | None
    sha256: str

    @property
    def item(self) -> str:
        """Its name, such as ``pinned:src/app.py#L3-L20``."""
        return item_name(self.path, self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinNow:
    """What a pin stands for now: its text and where that is, or None where there is none.

    Pinned lines that stand elsewhere by now, once and as they were, are taken from there. Where they are nowhere, the
    lines that now have their numbers are.
    """

    pin: Pin
    state: PinState
    lines: tuple[int, int] | None
    text: str | None

    @property
    def item(self) -> str:
        """The name of the part that a run which begins now gets."""
        return item_name(self.pin.path, self.lines)

    @property
    def needs_a_look(self) -> bool:
        """Whether runs carry something else than was pinned, or nothing: files change, but lines were chosen."""
        return self.state == "gone" or (self.state == "changed" and self.pin.lines is not None)


def pin_of(path: str, text: str, lines: tuple[int, int] | None) -> Pin:
    """A pin on this text of a file. Raises BadInput for lines that it does not have."""
    if lines is None:
        return Pin(path=path, lines=None, sha256=_sha256(split_lines(text)))
    first, last = lines
    all_lines = _lines_of(text)
    if not 1 <= first <= last <= len(all_lines):
        raise BadInput(f"{path} has {len(all_lines)} lines: lines {first} to {last} cannot be pinned")
    return Pin(path=path, lines=lines, sha256=_sha256(all_lines[first - 1 : last]))


def pin_now(pin: Pin, text: str | None) -> PinNow:
    """What becomes of a pin with this text of its file; None where there is none to read."""
    if text is None:
        return PinNow(pin=pin, state="gone", lines=pin.lines, text=None)
    if pin.lines is None:
        same = _sha256(split_lines(text)) == pin.sha256
        return PinNow(pin=pin, state="as_pinned" if same else "changed", lines=None, text=text)
    first, last = pin.lines
    all_lines, length = _lines_of(text), last - first + 1
    state: PinState = "as_pinned"
    if _sha256(all_lines[first - 1 : last]) != pin.sha256:
        starts = [n for n in range(len(all_lines) - length + 1) if _sha256(all_lines[n : n + length]) == pin.sha256]
        state = "moved" if len(starts) == 1 else "changed"
        if state == "moved":
            first, last = starts[0] + 1, starts[0] + length
    last = min(last, len(all_lines))
    if first > last:
        return PinNow(pin=pin, state="gone", lines=pin.lines, text=None)
    return PinNow(pin=pin, state=state, lines=(first, last), text="\n".join(all_lines[first - 1 : last]))


def item_name(path: str, lines: tuple[int, int] | None) -> str:
    """``pinned:src/app.py#L3-L20``, ``pinned:src/app.py``."""
    return f"{_PREFIX}{path}" + ("" if lines is None else f"#L{lines[0]}-L{lines[1]}")


def place_in(name: str) -> tuple[str, tuple[int, int] | None]:
    """Path and lines of ``src/app.py#L3-L20``, with or without ``pinned:``. Raises BadInput for lines that are none."""
    name = name.removeprefix(_PREFIX)
    found = _LINES.search(name)
    if found is None:
        return name, None
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last:
        raise BadInput(f"'{name}' names no lines: they count from 1, and the last is not before the first")
    return name[: found.start()], (first, last)


def pin_words(now: PinNow) -> str:
    """What is to be known of a pin, as a sentence without its end mark."""
    match now.state:
        case "as_pinned":
            return f"{now.item} goes into runs that begin from now on"
        case "moved":
            return f"{now.pin.item} has moved to {now.item.removeprefix(_PREFIX)}, and goes into runs from there"
        case "changed" if now.pin.lines is None:
            return f"{now.item} was changed since it was pinned, and goes into runs as it is now"
        case "changed":
            return (
                f"{now.pin.item} is not what was pinned any more: the lines that are there now go into runs. Pin the "
                "right ones and unpin these"
            )
        case "gone":
            return (
                f"{now.pin.item} is gone, or cannot be read: runs go without it. 'bursar context unpin {now.pin.item}' "
                "forgets it"
            )


def _lines_of(text: str) -> list[str]:
    """Its lines; what stands behind the last line end is one only where there is something."""
    lines = split_lines(text)
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _sha256(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
