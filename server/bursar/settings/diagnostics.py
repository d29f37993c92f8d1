"""Which findings are shown, and how severe: the setting ``diagnostics``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bursar.domain.errors import BadInput
from bursar.domain.rules.codes import CODES, SEVERITIES, Severity
from bursar.settings.checks import object_in, refuse_others

_SILENCERS = {"requestCost": "request-cost", "forecast": "probably-unfinished"}
"""Which finding each of the older ``diagnostics`` settings shows; it is silent where the setting is false."""
_LEVELS = ("default", "off", *SEVERITIES)


def diagnostics_from(value: Any, place: str) -> Mapping[str, Any]:
    """The setting, checked. Raises BadInput that names the place."""
    given = object_in(value, place)
    refuse_others(given, (*_SILENCERS, *CODES), place)
    for key, level in given.items():
        if key in CODES and level not in _LEVELS:
            raise BadInput(f"{place}.{key} must be one of {', '.join(_LEVELS)}")
    return given


def silenced_in(given: Mapping[str, Any]) -> frozenset[str]:
    """The codes that are not shown."""
    off = {code for code in CODES if given.get(code) == "off"}
    return frozenset(off | {code for key, code in _SILENCERS.items() if given.get(key) is False})


def levels_in(given: Mapping[str, Any]) -> dict[str, Severity]:
    """The codes that are shown at another level than their own."""
    return {code: level for code in CODES for level in SEVERITIES if given.get(code) == level}
