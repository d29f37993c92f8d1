"""Costs and retention of small sessions, each figure worked out by hand beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bursar.domain.context.bench import Bench
from bursar.domain.context.decision import NOTHING, Arrived, Decision, Excerpt, MakePolicy, Policy, Terms
from bursar.domain.context.policies.registry import ENTRIES, Entry, by_policy
from bursar.domain.context.rates import PriceSet
from bursar.domain.context.replay import terms_of
from bursar.domain.context.retention import uses_by_request
from bursar.domain.context.score import Score, difference_interval, resamples_of, row_of, score
from bursar.domain.context.session import RecordedSession, Request, Turn, TurnKind

PRICES = PriceSet(name="A", read=0.1, write=1.25, ttl_s=300, output=5, minimum_tokens=0)
EDIT = '{"old_string": "    the_first_line = read(alpha)", "path": "src/alpha.py"}'


def turn(kind: TurnKind, request: int, tokens: int, text: str = "") -> Turn:
    return Turn(index=0, kind=kind, text=text, request=request, tokens=tokens)


def session(*turns: Turn, at_s: tuple[float, ...]) -> RecordedSession:
    return RecordedSession(
        id="hand",
        source="here",
        turns=turns,
        requests=tuple(Request(n=number, at_s=each) for number, each in enumerate(at_s)),
        base_tokens=100,
        window_tokens=200_000,
        tokens_per_character=0.25,
    )


READ_AND_EDIT = session(
    turn("user", 0, 100, "please mend it"),
    turn("tool_call", 1, 50, '{"path": "."}'),
    turn("tool_result", 1, 1_000, "first\n    the_first_line = read(alpha)\nin src/alpha.py\nlast"),
    turn("tool_call", 2, 50, '{"path": "elsewhere"}'),
    turn("tool_result", 2, 500, "nothing"),
    turn("tool_call", 3, 50, EDIT),
    at_s=(0, 10, 20),
)
KEEP_ALL = (
    1.25 * 200  # nothing is cached
    + (0.1 * 200 + 1.25 * 1_050)
    + (0.1 * 1_250 + 1.25 * 550)
)


class Fixed:
    """Decides what a test says, by request."""

    def __init__(self, decisions: dict[int, Decision]) -> None:
        self._decisions = decisions

    def decide(self, arrived: Arrived) -> Decision:
        return self._decisions.get(arrived.request, NOTHING)


def fixed(decisions: dict[int, Decision]) -> MakePolicy:
    def make(terms: Terms) -> Policy:
        return Fixed(decisions)

    return make


def named(name: str) -> MakePolicy:
    terms = terms_of(READ_AND_EDIT, PRICES)
    return ENTRIES[name].plan(READ_AND_EDIT, uses_by_request(READ_AND_EDIT), terms, False)


def scored(made: MakePolicy, recorded: RecordedSession = READ_AND_EDIT, prices: PriceSet = PRICES) -> Score:
    return score(recorded, uses_by_request(recorded), made, terms_of(recorded, prices))


def test_nothing_is_changed() -> None:
    found = scored(named("keep-all"))
    assert found.cost == pytest.approx(KEEP_ALL) == pytest.approx(2_395)
    assert found.eff == found.cost
    # the path and the name of the edit; the replaced line; that line again as a quote
    assert found.used == found.kept == {"atom": 2, "edit_line": 1, "quote": 1}
    assert (found.trims, found.refetches, found.violated) == (0, 0, False)


def test_a_result_is_masked_and_then_needed() -> None:
    found = scored(fixed({2: Decision(changes={2: "stub"})}))
    prompt = 1_800 - 1_000 + 14
    # what the first request carried is still read, the rest is written again
    assert found.cost == pytest.approx(1.25 * 200 + (0.1 * 200 + 1.25 * 1_050) + (0.1 * 200 + 1.25 * (prompt - 200)))
    assert found.kept == {"atom": 0, "edit_line": 0, "quote": 0}
    # three uses, one source: it is fetched once
    assert found.penalty == pytest.approx(0.1 * prompt + 1.25 * 1_000 + 10 * 0.1 * 1_000 + 5 * 80)
    assert (found.trims, found.refetches) == (1, 1)


def test_an_excerpt_keeps_what_its_lines_say() -> None:
    """Lines 1 and 2 stay: 32 + 16 characters with their ends, so 12 + 6 tokens, 14 for the marker, 4 for each gap."""
    found = scored(fixed({2: Decision(changes={2: Excerpt(kept=((1, 3),))})}))
    prompt = 1_800 - 1_000 + (12 + 6 + 14 + 2 * 4)
    assert found.cost == pytest.approx(1.25 * 200 + (0.1 * 200 + 1.25 * 1_050) + (0.1 * 200 + 1.25 * (prompt - 200)))
    assert found.kept == found.used
    assert found.penalty == 0


def test_an_excerpt_loses_what_its_lines_do_not_say() -> None:
    found = scored(fixed({2: Decision(changes={2: Excerpt(kept=((1, 2),))})}))
    assert found.kept == {"atom": 1, "edit_line": 1, "quote": 1}


def test_a_result_that_arrives_as_an_excerpt_breaks_nothing() -> None:
    found = scored(fixed({1: Decision(changes={2: Excerpt(kept=((1, 3),))})}))
    assert found.cost == pytest.approx(1.25 * 200 + (0.1 * 200 + 1.25 * 90) + (0.1 * 290 + 1.25 * 550))
    assert found.trims == 0


def test_a_summary_stands_before_everything() -> None:
    found = scored(fixed({2: Decision(changes=dict.fromkeys(range(3), "dropped"), summary=True)}))
    call = 0.1 * 1_800 + 1.25 * 400 + 5 * 2_000
    prompt = 100 + 2_000 + 550
    assert found.cost == pytest.approx(
        1.25 * 200 + (0.1 * 200 + 1.25 * 1_050) + call + 0.1 * 100 + 1.25 * (prompt - 100)
    )


AFTER_A_SILENCE = replace(READ_AND_EDIT, requests=tuple(Request(n=n, at_s=at) for n, at in enumerate((0, 10, 410))))


def test_after_a_silence_nothing_is_cached_and_a_trim_breaks_nothing() -> None:
    found = scored(fixed({2: Decision(changes={2: "stub"})}), AFTER_A_SILENCE)
    assert found.cost == pytest.approx(1.25 * 200 + (0.1 * 200 + 1.25 * 1_050) + 1.25 * 814)
    assert found.trims == 0


def test_a_ping_keeps_the_cache_and_is_paid_after_the_last_request_too() -> None:
    found = scored(fixed(dict.fromkeys(range(3), Decision(ping=True))), AFTER_A_SILENCE)
    # the first silence ends before its ping; the second is pinged once and reads again; nobody comes after the third
    assert found.cost == pytest.approx(KEEP_ALL + (0.1 * 1_250 + 5) + (0.1 * 1_800 + 5))


@pytest.mark.parametrize(("silence_s", "is_warm"), [(590, True), (591, False)])
def test_a_ping_lasts_as_long_as_the_cache(silence_s: float, is_warm: bool) -> None:
    times = tuple(Request(n=n, at_s=at) for n, at in enumerate((0, 10, 10 + silence_s)))
    found = scored(fixed({1: Decision(ping=True)}), replace(READ_AND_EDIT, requests=times))
    last = 0.1 * 1_250 + 1.25 * 550 if is_warm else 1.25 * 1_800
    assert found.cost == pytest.approx(1.25 * 200 + (0.1 * 200 + 1.25 * 1_050) + (0.1 * 1_250 + 5) + last)


def test_above_an_edge_the_whole_request_is_dearer_and_below_a_minimum_nothing_is_cached() -> None:
    prices = replace(PRICES, edge_tokens=1_500, above=5, minimum_tokens=1_000)
    found = scored(named("keep-all"), prices=prices)
    assert found.cost == pytest.approx(1.25 * 200 + 1.25 * 1_250 + 5 * (0.1 * 1_250 + 1.25 * 550))


def test_a_request_larger_than_the_window_is_a_violation() -> None:
    assert scored(named("keep-all"), replace(READ_AND_EDIT, window_tokens=1_799)).violated


def test_what_others_said_first_is_no_use_of_a_result() -> None:
    said = replace(READ_AND_EDIT.turns[0], text="please mend src/alpha.py, where the_first_line = read(alpha)")
    found = uses_by_request(replace(READ_AND_EDIT, turns=(said, *READ_AND_EDIT.turns[1:])))
    # a quote needs only to stand in an earlier result, whoever else said it
    assert [each.kind for each in found[2]] == ["quote"]


def grown(results: int) -> RecordedSession:
    """One result of 100 tokens in each request after the first."""
    turns = [turn("user", 0, 100)]
    for number in range(1, results + 1):
        turns += [turn("tool_call", number, 10), turn("tool_result", number, 100)]
    return session(*turns, at_s=tuple(range(results + 1)))


def masked_at(name: str, recorded: RecordedSession) -> dict[int, int]:
    """How many results were masked when, by request."""
    found: dict[int, int] = {}

    def watched(make: MakePolicy) -> Callable[[Terms], Policy]:
        def made(terms: Terms) -> Policy:
            inner = make(terms)

            class Watched:
                def decide(self, arrived: Arrived) -> Decision:
                    decision = inner.decide(arrived)
                    if decision.changes:
                        found[arrived.request] = len(decision.changes)
                    return decision

            return Watched()

        return made

    scored(watched(named(name)), recorded)
    return found


def test_masking_in_steps() -> None:
    assert masked_at("mask-10", grown(13)) == {11: 1, 12: 1, 13: 1}
    assert masked_at("mask-10x10", grown(31)) == {20: 10, 30: 10}
    assert masked_at("mask-10x25", grown(36)) == {35: 25}


def test_a_window_of_turns_keeps_the_task() -> None:
    """21 requests are 41 turns, so the second one goes (a call and its result in each further request)."""
    assert masked_at("window-40", grown(20)) == {}
    assert masked_at("window-40", grown(22)) == {21: 2, 22: 2}


def test_a_row_is_a_mean_of_shares_and_the_difference_has_an_interval() -> None:
    base = scored(named("keep-all"))
    own = scored(fixed({2: Decision(changes={2: "stub"})}))
    row = row_of("own", "A", [base, own], [base, base])
    assert row.eff == pytest.approx((1 + 5_101.4 / 2_395) / 2)
    assert row.worst_trace == pytest.approx(5_101.4 / 2_395)
    assert (row.retention, row.edit_lines, row.trims, row.refetches) == (0.5, 0.5, 0.5, 0.5)


def test_the_interval_of_a_difference() -> None:
    resamples = resamples_of(30)
    assert len(resamples) == 4_000 and resamples == resamples_of(30)
    own = [0.9, 1.1] * 15
    low, high = difference_interval(own, [1.0] * 30, resamples)
    # the mean of 30 draws of +-0.1 has a standard deviation of 0.1 / sqrt(30) = 0.0183
    assert low == pytest.approx(-1.96 * 0.01826, abs=0.005)
    assert high == pytest.approx(1.96 * 0.01826, abs=0.005)
    assert difference_interval(own, own, resamples) == (0, 0)


@pytest.mark.parametrize(("cross_validated", "unseen"), [(True, "here"), (False, None)])
def test_a_policy_is_told_which_source_must_not_have_taught_it(cross_validated: bool, unseen: str | None) -> None:
    told: list[str | None] = []

    def make(terms: Terms) -> Policy:
        told.append(terms.unseen_source)
        return Fixed({})

    own = Entry(name="own", plan=by_policy(make), peer=False)
    (judged,) = Bench([READ_AND_EDIT], cross_validated=cross_validated).rows([own], PRICES)
    assert told == [unseen]
    assert (judged.row.eff, judged.best_peer, judged.interval) == (1.0, None, None)


def test_who_does_not_ping_is_held_against_peers_that_do_not() -> None:
    """The second silence is one that a ping outlasts, so the peer that pings is the cheapest."""
    large = replace(AFTER_A_SILENCE, base_tokens=50_000)
    plain = Entry(name="plain", plan=by_policy(fixed({})), peer=False)
    warm = replace(plain, name="warm", pings=True)
    peers = [ENTRIES["keep-all"], ENTRIES["idle-5min-ping"]]
    found = {each.row.policy: each for each in Bench([large]).rows([*peers, plain, warm], replace(PRICES, write=2.0))}
    assert found["idle-5min-ping"].row.eff < 1
    assert found["plain"].best_peer == "keep-all"
    assert found["warm"].best_peer == "idle-5min-ping"
    assert found["warm"].interval is not None and found["warm"].interval[0] > 0
