"""Which texts of the user's went into a run's first request, so that what they cost can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A version of the texts that all tasks of a spec share: steering and the spec's documents.

    ``documents`` are (path relative to the workspace, hash of its text) in the order in which they are sent.
    """

    version: str = ""
    documents: tuple[tuple[str, str], ...] = ()


NO_PROMPT = Prompt()
"""Where it is not known."""


def prompt_of(documents: Iterable[tuple[str, str]]) -> Prompt:
    """The version of these (path, text): another path, text or order is another version."""
    known = tuple((path, _digest(text)) for path, text in documents)
    return Prompt(version=_digest(json.dumps(known)), documents=known)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
