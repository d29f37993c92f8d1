"""Which targets are left alone for a while, shared by all runs of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bursar.domain import circuit
from bursar.domain.circuit import CLOSED, Circuit
from bursar.domain.errors import KeyRefused, ProviderError
from bursar.domain.failover import speaks_of_target
from bursar.domain.ports import Clock
from bursar.domain.routes import Target


class Circuits:
    """The circuit of each target; nothing is kept beyond the process."""

    def __init__(self) -> None:
        self._of: dict[Target, Circuit] = {}

    def of(self, target: Target) -> Circuit:
        """A target's circuit; closed where it was never asked."""
        return self._of.get(target, CLOSED)

    def wait_s(self, target: Target, now_s: float) -> float:
        """Seconds until the target may be asked; 0: now."""
        return circuit.wait_s(self.of(target), now_s)

    @contextmanager
    def taken(self, target: Target) -> Iterator[None]:
        """A request to the target is prepared and under way inside: others see it from the first moment on."""
        self._of[target] = circuit.asked(self.of(target))
        try:
            yield
        finally:
            self._of[target] = circuit.ended(self.of(target))

    @contextmanager
    def hearing(self, target: Target, clock: Clock) -> Iterator[None]:
        """The target is asked inside; what it comes to is kept, unless it was cancelled."""
        well: bool | None = None
        try:
            yield
            well = True
        except ProviderError as error:
            # A key that is missing here was never sent: nobody has answered anything.
            well = None if isinstance(error, KeyRefused) and error.status is None else not speaks_of_target(error)
            raise
        finally:
            if well is not None:
                self._of[target] = circuit.answered(self.of(target), clock.monotonic_s(), well=well)
