"""What a rewind would change, as a diff that people can read: bounded, printable, without secrets."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from bursar.domain.safety.secrets import mask_secrets
from bursar.domain.safety.show import escape_argument, printable_output

_LINES_PER_FILE = 300
_LARGEST_BYTES = 512 * 1024


def file_diff(path: str, now: bytes | None, then: bytes | None) -> str:
    """From what a file holds to what it will hold; None stands for no file."""
    shown = escape_argument(path)
    head = f"--- {shown if now is not None else '/dev/null'}\n+++ {shown if then is not None else '/dev/null'}\n"
    before, after = _text(now), _text(then)
    if before is None or after is None:
        return f"{head}(not shown: {len(now or b''):,} bytes become {len(then or b''):,} bytes)\n"
    lines = list(_lines(before, after))
    if not lines:
        return f"{head}(only its permissions change)\n"
    more = len(lines) - _LINES_PER_FILE
    body = "".join(lines[:_LINES_PER_FILE])
    return head + body + (f"({more:,} more lines are not shown)\n" if more > 0 else "")


def _lines(before: str, after: str) -> Iterator[str]:
    unified = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    for number, line in enumerate(unified):
        if number > 1:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _text(data: bytes | None) -> str | None:
    if data is None:
        return ""
    if len(data) > _LARGEST_BYTES or b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return printable_output(mask_secrets(text)[0])
