"""The chain over ledger rows shows any change; a row takes its cost, or its bound, from a budget."""

from __future__ import annotations

import dataclasses

import pytest

from bursar.domain.money.ledger import CHAIN_START, LedgerEntry, chain_hash, charged_pico
from bursar.domain.money.usage import Usage

ENTRY = LedgerEntry(
    request_id="req_1",
    at="2026-11-21T08:00:00.000Z",
    local_day="2026-11-21",
    workspace="/home/u/p",
    run="run-1",
    step="7",
    attempt=1,
    epoch=1,
    spec="tasks.md",
    task="2.1",
    file="a.py",
    line=3,
    provider="sim",
    model="m",
    usage=Usage(uncached_input=1, output=2),
    usage_raw='{"x":"ä"}',
    unit_prices='{"input":"2"}',
    rate_card="card 1",
    cost_pico=22_000_000,
    at_most_pico=99_000_000,
    unpriced=False,
    certainty="billed",
    body_sha256="b",
    prompt_sha256="p",
    ttft_ms=10,
    duration_ms=20,
)

OTHER_VALUES = {str: "other", int: 424_242, bool: True, Usage: Usage(output=3), type(None): "x"}


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(LedgerEntry)])
def test_a_change_of_any_field_changes_the_hash(name):
    changed = dataclasses.replace(ENTRY, **{name: OTHER_VALUES[type(getattr(ENTRY, name))]})
    assert chain_hash(CHAIN_START, changed) != chain_hash(CHAIN_START, ENTRY)


def test_a_row_that_is_missing_or_moved_changes_what_follows():
    second = dataclasses.replace(ENTRY, request_id="req_2")
    third = dataclasses.replace(ENTRY, request_id="req_3")

    def end(*rows):
        last = CHAIN_START
        for row in rows:
            last = chain_hash(last, row)
        return last

    assert len({end(ENTRY, second, third), end(ENTRY, third), end(second, ENTRY, third), end(ENTRY, second)}) == 4


def test_the_hash_is_the_same_for_ever():
    # Rows that were written years ago must still prove themselves: this number may never change.
    assert chain_hash(CHAIN_START, ENTRY) == chain_hash(CHAIN_START, dataclasses.replace(ENTRY))
    assert chain_hash(CHAIN_START, ENTRY) == "f9125718366c46e9ba2bf112225a0ebcbb86c69ece4d98fe76954cd3fb2731ea"


def test_a_lone_surrogate_in_a_path_does_no_harm():
    assert len(chain_hash(CHAIN_START, dataclasses.replace(ENTRY, file="\udcff.py"))) == 64


def test_an_unknown_cost_charges_its_bound_and_a_known_one_itself():
    assert charged_pico(ENTRY) == 22_000_000
    assert charged_pico(dataclasses.replace(ENTRY, cost_pico=None, certainty="unknown")) == 99_000_000
    assert charged_pico(dataclasses.replace(ENTRY, cost_pico=0)) == 0
