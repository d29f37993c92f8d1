"""Where a command's words go: results to stdout, messages and progress to stderr.

Much of it was said by others (a spec, a model, a provider, a program): orders to the terminal in it are shown, and
not given.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from bursar.domain.safety.show import unseen

FINE = 0
FOUND = 1
WRONG_USE = 2
PAUSED = 3
INTERNAL = 4


def result(text: str) -> None:
    """A line of the result, on stdout."""
    sys.stdout.write(f"{_shown(text)}\n")
    sys.stdout.flush()


def result_json(value: Any) -> None:
    """The result as one line of JSON, on stdout."""
    text = json.dumps(value, ensure_ascii=False)
    sys.stdout.write("".join(_in_json(each) if unseen(each) else each for each in text) + "\n")
    sys.stdout.flush()


def message(text: str) -> None:
    """A line for the user beside the result, on stderr."""
    sys.stderr.write(f"{_shown(text)}\n")
    sys.stderr.flush()


def _shown(text: str) -> str:
    return "".join(each if each in "\n\t" or not unseen(each) else f"\\u{{{ord(each):04x}}}" for each in text)


def _in_json(character: str) -> str:
    """The same value, written in letters that every terminal takes as they are."""
    return json.dumps(character)[1:-1]
