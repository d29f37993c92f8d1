"""What the providers say is left of their limits, shared by all runs of this process."""

from __future__ import annotations

from bursar.domain.pacing import Window
from bursar.domain.routes import Target


class Pace:
    """The newest windows of each target; nothing is kept beyond the process, because it is soon out of date."""

    def __init__(self) -> None:
        self._newest: dict[Target, tuple[Window, ...]] = {}

    def heard(self, target: Target, windows: tuple[Window, ...]) -> None:
        """Take what an answer said; an answer that says nothing changes nothing."""
        if windows:
            self._newest[target] = windows

    def newest(self, target: Target) -> tuple[Window, ...]:
        """What the provider said last of this model's windows; nothing where it never did."""
        return self._newest.get(target, ())
