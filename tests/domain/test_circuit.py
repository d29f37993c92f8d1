"""When a target is left alone, for how long, and what lets it be asked again: tables of outcomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.circuit import CLOSED, FAILURES_IN_A_ROW, REST_S, Circuit, answered, asked, ended, wait_s


def after(*outcomes: tuple[float, bool], circuit: Circuit = CLOSED) -> Circuit:
    for at, well in outcomes:
        circuit = answered(ended(asked(circuit)), at, well=well)
    return circuit


def failures(count: int, *, every_s: float = 1.0, start_s: float = 0.0) -> list[tuple[float, bool]]:
    return [(start_s + each * every_s, False) for each in range(count)]


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [
        ([], False),
        (failures(4), False),
        (failures(5), True),
        ([*failures(4), (4.0, True), *failures(4, start_s=5)], False),
        # Half of ten within a minute, never five in a row.
        ([(float(each), each % 2 == 1) for each in range(9)], False),
        ([(float(each), each % 2 == 0) for each in range(10)], True),
        ([(float(each), each % 3 != 0) for each in range(12)], False),
        # The same half, but spread over more than a minute.
        ([(each * 12.0, each % 2 == 0) for each in range(10)], False),
        # Five in a row open it however long they took.
        (failures(5, every_s=100.0), True),
    ],
)
def test_what_opens_it(outcomes: list[tuple[float, bool]], opens: bool) -> None:
    assert (after(*outcomes).opened_at_s is not None) is opens


def test_it_rests_and_is_then_probed_by_one() -> None:
    circuit = after(*failures(5))
    assert wait_s(circuit, 4.0) == REST_S
    assert wait_s(circuit, 4.0 + REST_S - 1) == 1
    assert wait_s(circuit, 4.0 + REST_S) == 0
    probed = asked(circuit)
    assert wait_s(probed, 4.0 + REST_S) > 0, "one probe at a time"
    assert wait_s(answered(ended(probed), 40.0, well=True), 40.0) == 0
    assert answered(probed, 40.0, well=True).opened_at_s is None
    assert wait_s(answered(ended(probed), 40.0, well=False), 40.0) == REST_S
    assert wait_s(ended(probed), 40.0) == 0, "a probe that was cancelled leaves room for another"


def test_a_target_that_begins_to_fail_is_not_asked_by_a_crowd() -> None:
    circuit = after(*failures(2))
    for _ in range(3):
        assert wait_s(circuit, 2.0) == 0
        circuit = asked(circuit)
    assert wait_s(circuit, 2.0) > 0


def test_one_that_answers_is() -> None:
    circuit = after((0.0, True))
    for _ in range(50):
        assert wait_s(circuit, 1.0) == 0
        circuit = asked(circuit)


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from([True, False, None]), st.booleans()), max_size=60))
def test_whatever_happens_nobody_waits_for_ever(happens: list[tuple[float, bool | None, bool]]) -> None:
    now_s, circuit = 0.0, CLOSED
    for passes_s, well, ends in happens:
        now_s += passes_s
        circuit = (
            asked(circuit) if not ends else ended(circuit) if well is None else answered(circuit, now_s, well=well)
        )
        assert 0 <= wait_s(circuit, now_s) <= REST_S
        assert circuit.under_way >= 0
        assert circuit.in_a_row < FAILURES_IN_A_ROW or circuit.opened_at_s is not None
    while circuit.under_way:
        circuit = ended(circuit)
    assert wait_s(circuit, now_s + REST_S) == 0
