"""A text's figures for a model, and where they come from."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bursar.domain.counting import (
    Calibration,
    CountedRequest,
    TextKind,
    calibration_of,
    count_kinds,
    estimate_of,
    estimate_text,
)
from bursar.domain.counting.calibrate import NEWEST
from bursar.domain.counting.kinds import KINDS
from bursar.tokens import TiktokenCounter

COUNTER = TiktokenCounter()
MODEL = "anthropic/claude-sonnet-5-5"
PROSE = "The carrier asks for the weight of each parcel before it is handed over, and answers with a price. " * 20
TRUE_RATES: dict[TextKind, float] = {"prose": 1.2, "code": 1.6, "json": 1.9, "cjk": 1.0, "other": 1.4}


def known(model: str, requests: list[CountedRequest] | None = None) -> Calibration:
    found = calibration_of(model, requests or [])
    assert found is not None
    return found


def made(
    number: int,
    *,
    seed: int = 1,
    rates: dict[TextKind, float] = TRUE_RATES,
    overhead: int = 0,
    noise: float = 0.02,
    model: str = MODEL,
    runs: int = 10,
) -> list[CountedRequest]:
    """Requests of mixed kinds as a vendor with these rates would report them."""
    chance = random.Random(seed)
    requests = []
    for n in range(number):
        kinds = {kind: chance.randrange(50, 4_000) if chance.random() < 0.7 else 0 for kind in KINDS}
        kinds["prose"] += 100
        reported = overhead + sum(rates[kind] * tokens for kind, tokens in kinds.items()) * chance.gauss(1, noise)
        requests.append(
            CountedRequest(
                model=model,
                run=f"run-{n % runs}",
                counted_tokens=sum(kinds.values()),
                reported_tokens=round(reported),
                kinds=kinds,
            )
        )
    return requests


@pytest.mark.parametrize(("model", "encoding"), [("openai/gpt-5-mini", "o200k_base"), ("gpt-4-turbo", "cl100k_base")])
def test_an_openai_model_is_counted_exactly(model: str, encoding: str) -> None:
    text = PROSE + "配送料金は重さによります。" * 9 + "<|endoftext|>"
    found = estimate_text(text, known(model, made(50, model=model)), COUNTER)
    count = COUNTER.count(text, encoding=encoding)
    assert (found.tokens, found.low, found.high) == (count, count, count)
    assert found.provenance.startswith(f"exact for text under {encoding}")


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "gemini-3-pro", "gpt-6-sol", "qwen3-coder"])
def test_another_model_has_a_published_range_and_is_never_called_exact(model: str) -> None:
    found = estimate_text(PROSE, known(model), COUNTER)
    assert found.low < found.tokens < found.high
    assert "not measured here" in found.provenance
    assert "exact" not in found.provenance
    assert "2026-11-20" in found.provenance


def test_of_an_unknown_model_nothing_is_said_until_requests_tell() -> None:
    assert calibration_of("mystery-1") is None
    assert calibration_of("mystery-1", made(4, model="mystery-1")) is None
    few = known("mystery-1", made(5, model="mystery-1"))
    assert few.provenance.startswith("calibrated on 5 requests")
    assert "a guess of a quarter" in few.provenance


def test_the_kinds_are_learnt_where_requests_tell_them_apart() -> None:
    found = known(MODEL, made(50, overhead=300))
    assert found.by_kind
    assert found.provenance == "calibrated on 50 requests, by kind of text"
    for kind, rate in TRUE_RATES.items():
        assert found.rates[kind].value == pytest.approx(rate, rel=0.06), kind
    assert found.overhead_tokens == pytest.approx(300, abs=150)


def test_one_factor_is_taken_where_all_requests_are_alike() -> None:
    alike = [
        CountedRequest(model=MODEL, run=f"run-{n}", counted_tokens=size, reported_tokens=round(1.37 * size))
        for n, size in enumerate(range(1_000, 4_000, 100))
    ]
    found = known(MODEL, alike)
    assert not found.by_kind
    assert found.rates["prose"].value == pytest.approx(1.37, rel=0.001)
    assert "one factor for all kinds of text" in found.provenance
    # What nobody has sent may lie as far from it as is published.
    assert found.rates["other"].high > 1.37 * 1.3


def test_the_overhead_of_a_request_is_not_taken_for_text() -> None:
    requests = [
        CountedRequest(model=MODEL, run=f"run-{n}", counted_tokens=size, reported_tokens=round(1.3 * size) + 900)
        for n, size in enumerate(range(500, 8_500, 200))
    ]
    found = known(MODEL, requests)
    assert found.overhead_tokens == pytest.approx(900, abs=20)
    assert found.rates["prose"].value == pytest.approx(1.3, rel=0.01)


def test_requests_with_strange_figures_move_nothing() -> None:
    good = made(50)
    strange = [
        CountedRequest(
            model=each.model,
            run=each.run,
            counted_tokens=each.counted_tokens,
            reported_tokens=each.reported_tokens * (9 if n % 9 == 0 else 1),
            kinds=each.kinds,
        )
        for n, each in enumerate(good)
    ]
    before, after = known(MODEL, good), known(MODEL, strange)
    for kind in KINDS:
        assert after.rates[kind].value == pytest.approx(before.rates[kind].value, rel=0.1)


def test_few_requests_give_a_wider_range_than_many() -> None:
    def width(number: int) -> float:
        found = estimate_text(PROSE, known(MODEL, made(number)), COUNTER)
        return (found.high - found.low) / found.tokens

    assert width(6) > width(12) > width(50)


def test_only_the_newest_requests_of_the_model_count_and_few_of_one_run() -> None:
    old = {kind: 5.0 for kind in KINDS}
    newest = [*made(NEWEST), *made(200, rates=old), *made(200, rates=old, model="other")]
    assert known(MODEL, newest).rates["prose"].value < 2
    one_run = [*made(100, runs=1), *made(40, seed=2)]
    assert known(MODEL, one_run).requests == 46
    assert known(MODEL, made(100, runs=1)).requests == 10
    assert known("claude-sonnet-5-5", made(50)).requests == 50


def test_each_provider_of_a_model_is_learnt_from_its_own_requests() -> None:
    twice: dict[TextKind, float] = dict.fromkeys(KINDS, 2.0)
    thrice: dict[TextKind, float] = dict.fromkeys(KINDS, 3.0)
    elsewhere = "sim/claude-sonnet-5-5"
    both = [*made(30, rates=twice), *made(30, rates=thrice, model=elsewhere)]
    assert known(MODEL, both).rates["prose"].value == pytest.approx(2, rel=0.05)
    assert known(elsewhere, both).rates["prose"].value == pytest.approx(3, rel=0.05)
    assert known(MODEL, made(30, rates=thrice, model=elsewhere)).requests == 0


def test_what_was_answered_on_this_machine_says_nothing_of_the_vendor_and_the_other_way_round() -> None:
    here = [replace(each, is_loopback=True) for each in made(30, rates=dict.fromkeys(KINDS, 3.0))]
    there = made(20, rates=dict.fromkeys(KINDS, 2.0))
    for model in (MODEL, "claude-sonnet-5-5"):
        assert known(model, here).requests == 0
        assert known(model, [*here, *there]).requests == 20
    own = calibration_of(MODEL, [*here, *there], is_loopback=True)
    assert own is not None
    assert own.requests == 30
    assert own.rates["prose"].value == pytest.approx(3, rel=0.05)


def test_requests_from_before_kinds_were_kept_still_tell_the_factor() -> None:
    plain = [
        CountedRequest(model=MODEL, run=f"r{n}", counted_tokens=1_000 + n, reported_tokens=1_500 + n) for n in range(30)
    ]
    assert known(MODEL, plain).rates["prose"].value == pytest.approx(1.5, rel=0.05)


def test_figures_are_rounded_to_the_outside_of_their_range() -> None:
    calibration = known(MODEL)
    for tokens in (0, 1, 7, 99, 100, 1_234, 98_765, 12_345_678):
        found = estimate_of(calibration, {"prose": tokens})
        assert found.low <= calibration.rates["prose"].low * tokens
        assert found.high >= calibration.rates["prose"].high * tokens
        assert found.low <= found.tokens <= found.high
        assert len(str(found.tokens).rstrip("0")) <= 3
        assert len(str(found.high).rstrip("0")) <= 3
    assert estimate_of(calibration, {}).high == 0


def test_sums_over_texts_are_estimated_like_one_text() -> None:
    calibration = known(MODEL)
    kinds = count_kinds(PROSE, COUNTER.count)
    assert estimate_of(calibration, kinds) == estimate_text(PROSE, calibration, COUNTER)
