"""Which of several budgets and provider's windows stops the next request first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bursar.domain.money.budget import BudgetState, Level, WarnPercent, level_of
from bursar.domain.pacing import Window

STOPS_AFTER_S = 300.0
"""A window that is full again sooner is waited for, and stops nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWindow:
    """What a provider said last of one of its own limits, and when: a budget that nobody can set.

    Its kind ``quota`` stands for an account that is used up: nothing is left of one, until somebody pays.
    """

    provider: str
    model: str
    window: Window
    at: str

    @property
    def resets_at(self) -> str | None:
        """When it is full again; None where that is not known."""
        return self.window.resets_at or None

    @property
    def used(self) -> int:
        """How much of it is used."""
        return self.window.limit - self.window.remaining

    @property
    def name(self) -> str:
        """``acme/model input tokens``."""
        return f"{self.provider}/{self.model} {self.window.kind.replace('_', ' ')}"


def window_level(each: ProviderWindow, warn_percent: WarnPercent) -> Level:
    """The level of a window, by the same marks as those of the budgets."""
    return level_of(taken=each.used, limit=each.window.limit, warn_percent=warn_percent)


def still_told(
    windows: Iterable[ProviderWindow], *, seconds_until: Callable[[str], float], longer_than_s: float = 0.0
) -> list[ProviderWindow]:
    """The windows that have not been reset since they were told, and take longer than this to be."""
    return [each for each in windows if each.resets_at is None or seconds_until(each.resets_at) > longer_than_s]


def binds_first(
    budgets: Sequence[BudgetState], windows: Sequence[ProviderWindow] = ()
) -> BudgetState | ProviderWindow | None:
    """The one with the least share free, a budget before a window and the first before the next; None without any."""
    limited: list[BudgetState | ProviderWindow] = [each for each in budgets if each.limit is not None]
    return min([*limited, *windows], key=free_share, default=None)


def free_share(each: BudgetState | ProviderWindow) -> Fraction:
    """How much of it the next request may take, from 0 to 1."""
    if isinstance(each, ProviderWindow):
        return Fraction(each.window.remaining, max(each.window.limit, 1))
    limit = each.limit or 0
    return Fraction(max(limit - each.spent - each.reserved, 0), max(limit, 1))
