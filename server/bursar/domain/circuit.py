"""Whether a target that keeps failing is left alone for a while: a fold over what its requests came to."""

from __future__ import annotations

from dataclasses import dataclass, replace

FAILURES_IN_A_ROW = 5
LEAST_IN_WINDOW = 10
WINDOW_S = 60.0
REST_S = 30.0
# How soon to look again where only requests that are under way keep the next one back.
_SOON_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """One target's newest outcomes. Times are seconds of a clock that only grows.

    It is open from ``opened_at_s`` on; once it has rested, one request probes the target: an answer closes it, a
    failure opens it anew.
    """

    outcomes: tuple[tuple[float, bool], ...] = ()
    in_a_row: int = 0
    under_way: int = 0
    opened_at_s: float | None = None


CLOSED = Circuit()


def wait_s(circuit: Circuit, now_s: float) -> float:
    """Seconds until the target may be asked again; 0: now.

    A target that has begun to fail is asked by no more at once than would open the circuit, so that many runs do not
    find out the same together.
    """
    if circuit.opened_at_s is None:
        crowded = circuit.in_a_row > 0 and circuit.in_a_row + circuit.under_way >= FAILURES_IN_A_ROW
        return _SOON_S if crowded else 0.0
    rests_s = circuit.opened_at_s + REST_S - now_s
    if rests_s > 0:
        return rests_s
    return _SOON_S if circuit.under_way else 0.0


def asked(circuit: Circuit) -> Circuit:
    """A request is on its way."""
    return replace(circuit, under_way=circuit.under_way + 1)


def ended(circuit: Circuit) -> Circuit:
    """A request is no longer on its way, whatever came of it, and even if it was not sent in the end."""
    return replace(circuit, under_way=max(0, circuit.under_way - 1))


def answered(circuit: Circuit, now_s: float, *, well: bool) -> Circuit:
    """What a request came to: the target answered it, whatever it said, or it failed."""
    if well and circuit.opened_at_s is not None:
        return Circuit(outcomes=((now_s, True),), under_way=circuit.under_way)
    recent = tuple(each for each in circuit.outcomes if now_s - each[0] < WINDOW_S)
    outcomes = (*recent, (now_s, well))
    in_a_row = 0 if well else circuit.in_a_row + 1
    failed = sum(not each for _, each in outcomes)
    opens = not well and (
        circuit.opened_at_s is not None
        or in_a_row >= FAILURES_IN_A_ROW
        or (len(outcomes) >= LEAST_IN_WINDOW and 2 * failed >= len(outcomes))
    )
    return Circuit(
        outcomes=outcomes,
        in_a_row=in_a_row,
        under_way=circuit.under_way,
        opened_at_s=now_s if opens else circuit.opened_at_s,
    )
