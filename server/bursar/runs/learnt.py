"""Whom it is no use to ask for now, as the runs of this process have learnt it under the settings of now."""

from __future__ import annotations

from collections.abc import Iterable

from bursar.domain.routes import Target


class Learnt:
    """Limits that last, by when they reset on the clock that only grows, and providers that refuse the account.

    Nothing is kept beyond the process or a change of the settings.
    """

    def __init__(self) -> None:
        self.until_s: dict[Target, tuple[float, str]] = {}
        self.refused: dict[str, str] = {}

    def first_reset_s(self, targets: Iterable[Target], now_s: float) -> float:
        """When the first limit of these targets resets; 0 where none lasts."""
        ends = (self.until_s[each][0] for each in targets if each in self.until_s)
        return min((each for each in ends if each > now_s), default=0.0)
