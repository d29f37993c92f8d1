"""For how long and how much Bursar's own response cache keeps."""

from __future__ import annotations

import re
from typing import Any

from bursar.domain.errors import BadInput
from bursar.domain.responses import DAY_S, DEFAULT_BYTES, DEFAULT_TTL_S, ResponseLimits
from bursar.settings.checks import object_in, refuse_others

_TTL = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3_600, "d": DAY_S}


def response_limits(given: Any, place: str) -> ResponseLimits:
    """The limits that are set, and the usual ones for those that are not. Raises BadInput that names the place."""
    fields = object_in(given, place)
    refuse_others(fields, ("ttl", "max_bytes"), place)
    text, most = fields.get("ttl"), fields.get("max_bytes", DEFAULT_BYTES)
    if isinstance(most, bool) or not isinstance(most, int) or most < 0:
        raise BadInput(f"{place}.max_bytes must be a whole number of bytes, for example 1000000, or 0 to keep none")
    return ResponseLimits(ttl_s=DEFAULT_TTL_S if text is None else _seconds(text, place), max_bytes=most)


def _seconds(text: Any, place: str) -> int:
    if text == "off":
        return 0
    found = _TTL.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise BadInput(f"{place}.ttl must be a time such as '12h', '7d' or '30m', or 'off'")
    return int(found[1]) * _SECONDS[found[2]]
