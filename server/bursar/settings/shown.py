"""What the user says about the sizes that are shown, and on which files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bursar.domain.errors import BadInput
from bursar.domain.instructions.kinds import KINDS, FileGlobs
from bursar.settings import HINT_MIN_TOKENS
from bursar.settings.checks import object_in, refuse_others


def hint_min_tokens_from(given: Any, place: str) -> int:
    """From how many tokens up a part says its size. Raises BadInput that names the place."""
    value = _checked(given, ("min_tokens",), place).get("min_tokens", HINT_MIN_TOKENS)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadInput(f"{place}.min_tokens must be a whole number of tokens, for example 200, or 0 for all parts")
    return value


def files_from(given: Any, place: str) -> FileGlobs:
    """Which files are what to an agent, beside those that are known. Raises BadInput that names the place."""
    fields = _checked(given, ("include", "exclude"), place)
    include, exclude = fields.get("include", {}), fields.get("exclude", [])
    if not isinstance(include, dict):
        raise BadInput(f'{place}.include must be a JSON object such as {{"prompts/**/*.md": "prompt"}}')
    for glob, kind in include.items():
        if kind not in KINDS:
            raise BadInput(f"{place}.include: '{glob}' is to be '{kind}', which is none of {', '.join(KINDS)}")
    if not isinstance(exclude, list) or not all(isinstance(each, str) for each in exclude):
        raise BadInput(f'{place}.exclude must be a list of patterns such as ["vendor/**"]')
    return FileGlobs(include=tuple(include.items()), exclude=tuple(exclude))


def _checked(given: Any, known: tuple[str, ...], place: str) -> Mapping[str, Any]:
    fields = object_in(given, place)
    refuse_others(fields, known, place)
    return fields
