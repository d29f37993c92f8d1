"""What every part of the settings is held to, with the sentence that names the place of what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bursar.domain.errors import BadInput


def refuse_others(given: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    """Raises BadInput for a key that would be passed over in silence: a misspelt budget is no budget."""
    for key in given:
        if key not in known:
            raise BadInput(f"{place}: '{key}' is not a setting; the settings are {', '.join(known)}")


def object_in(value: Any, place: str) -> dict[str, Any]:
    """The object; raises BadInput for anything else."""
    if not isinstance(value, dict):
        raise BadInput(f"{place} must be a JSON object")
    return value
