"""What the providers say is left of their limits, shared by all runs of this process."""

from __future__ import annotations

from bursar.domain.pacing import Window


class Pace:
    """The newest windows of each provider; nothing is kept beyond the process, because it is soon out of date."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[Window, ...]] = {}

    def heard(self, provider: str, windows: tuple[Window, ...]) -> None:
        """Take what an answer said; an answer that says nothing changes nothing."""
        if windows:
            self._newest[provider] = windows

    def newest(self, provider: str) -> tuple[Window, ...]:
        """What the provider said last; nothing where it never did."""
        return self._newest.get(provider, ())
