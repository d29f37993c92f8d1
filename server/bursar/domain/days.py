"""Calendar days as people name them."""

from __future__ import annotations

import re
from datetime import date, timedelta

from bursar.domain.errors import BadInput

_DAYS = re.compile(r"([1-9][0-9]{0,4})d")


def since_day(text: str, *, today: str) -> str:
    """The first day of a span that ends today: ``today``, ``7d`` (seven days with today) or a date like 2026-11-21.

    Raises BadInput for anything else.
    """
    now = date.fromisoformat(today)
    if text == "today":
        return today
    found = _DAYS.fullmatch(text)
    if found is not None:
        return max(now - timedelta(days=int(found[1]) - 1), date(1970, 1, 1)).isoformat()
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is None:
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadInput(f"'{text}' is no day: give a date like {today}, a number of days like 7d, or today") from None
