"""The load that a peer's budget is tried with: what it costs, and that nothing else passes for a refusal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.budget.litellm_proxy import PeerFailed, scenario, send, sizes
from support.program import simulator


def test_an_answer_is_billed_thirty_percent_of_the_worst_case(tmp_path: Path) -> None:
    """By hand: 400 tokens may be 1,392, at $3.75; 2,048 at $15 a million; together $0.03594, and 30 % is $0.010782."""
    with simulator(tmp_path, scenario([[400]])) as provider:
        assert send(provider.url, [[400]]) == (1, 0)
        (row,) = provider.bill()
    assert abs(Decimal(row["cost_usd"]) - Decimal("0.010782")) < Decimal("0.00005")


def test_all_clients_send_all_that_they_drew(tmp_path: Path) -> None:
    load = sizes(clients=3, count=4)
    with simulator(tmp_path, scenario(load)) as provider:
        assert send(provider.url, load) == (12, 0)
        assert len(provider.bill()) == 12
    assert load[0] != load[1]


def test_a_rate_limit_is_no_refusal_by_a_budget(tmp_path: Path) -> None:
    busy = scenario([[400]]) | {"faults": [{"when": {}, "kind": "429"}]}
    with simulator(tmp_path, busy) as provider, pytest.raises(PeerFailed, match="429"):
        send(provider.url, [[400]])
