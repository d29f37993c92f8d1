"""What goes when the cache is cold: chances by a second reckoning, plans by their price, and nothing out of reach."""

from __future__ import annotations

from math import exp, log

import pytest

from bursar.domain.context.decision import Decision, Excerpt, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar.chances import Chances
from bursar.domain.context.policies.bursar.history import History, identifiers
from bursar.domain.context.policies.bursar.origin import Origin
from bursar.domain.context.policies.bursar.trims import cold_plan, inherited
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.session import Turn, TurnKind
from bursar.domain.context.sizes import turn_tokens
from bursar.domain.context.window import Window

RATE = 0.25
READ = Origin(kind="read", path="a.go", is_code=True)


def turn(number: int, kind: TurnKind, text: str, request: int) -> Turn:
    return Turn(index=number, kind=kind, text=text, request=request, tokens=turn_tokens(len(text), RATE))


def terms(base_tokens: int = 50_000, source: str | None = None) -> Terms:
    return Terms(
        prices=PRICE_SETS["A"],
        window_tokens=200_000,
        base_tokens=base_tokens,
        tokens_per_character=RATE,
        unseen_source=source,
    )


def test_a_chance_by_hand() -> None:
    """One line, read three requests ago and never spoken of: each term of the published table, one by one."""
    history = History()
    text = "func runTheJob() {"
    history.add(0, turn(0, "user", "mend it", 0), READ)
    history.add(1, turn(1, "tool_result", text, 2), READ)
    history.show(1, 0)
    logit = -1.363
    logit += 0.884 * log(1 + RATE * 19) + 0.011 * 1  # tokens, one identifier
    logit += -0.972 * log(1 + 10) + 0.595 * log(1 + 1)  # the result: 4.5 rounded plus six tokens, one line
    logit += 0.217 + 0.677  # read, code
    logit += 0.128  # a definition
    logit += -0.464 * log(1 + 3) - 0.160 * log(1 + 3)  # no use yet, age 3
    logit += -0.141 * log(1 + 5)  # the user spoke at 0
    logit += -0.107 * log(1 + 1)  # one result in its request
    logit += (0.288 + 0.019 + 0.027) * 1  # the identifier is new to everybody, and first here
    logit += (-0.082 + 0.012) * log(1 + 500)  # nothing was mentioned or used
    assert Chances(history, RATE).of(1, 5) == [pytest.approx(1 / (1 + exp(-logit)), abs=1e-9)]


def test_a_line_that_a_newer_result_shows_is_hardly_needed() -> None:
    history = History()
    for number in (0, 1):
        history.add(number, turn(number, "tool_result", "func runTheJob() {", number), READ)
        history.show(number, 0)
    old, new = (Chances(history, RATE).of(each, 5)[0] for each in (0, 1))
    assert old < 0.05 * new


def test_what_a_call_used_is_remembered_by_line() -> None:
    history = History()
    history.add(0, turn(0, "tool_result", "one\nsee src/run_it.go\na line that stands here alone", 1), READ)
    history.add(1, turn(1, "tool_call", '{"path": "src/run_it.go"}', 3), Origin(kind="read"))
    assert (history.results[0].used, history.results[0].uses, history.results[0].last_use) == ({1}, 1, 3)
    history.add(
        2, turn(2, "tool_call", '{"old": "  a line that stands here alone"}', 4), Origin(kind="edit", path="a.go")
    )
    assert (history.results[0].used, history.results[0].uses, history.results[0].last_use) == ({1, 2}, 2, 4)
    assert history.edited_since(history.results[0])
    assert not history.read_since(history.results[0])


def test_identifiers_are_words_that_name_something() -> None:
    assert identifiers("the runner run_it runIt value9 Capital transaction RunIt2 a_b") == [
        "run_it",
        "value9",
        "transaction",
        "RunIt2",
    ]


def shown(text: str) -> tuple[Window, Terms]:
    told = terms()
    window = Window(told)
    window.take((turn(0, "tool_result", text, 0),))
    window.take((turn(1, "user", "go on", 1),))
    return window, told


TEXT = "\n".join(f"{n:02d} " + "some words that take a little place in the prompt " * 2 for n in range(20))


def test_a_line_stays_where_its_loss_would_cost_more_than_its_place() -> None:
    """Place: 26 tokens, written once and read sixty times. Loss: 1.5 requests that read the whole prompt."""
    window, told = shown(TEXT)
    tokens = RATE * (len(TEXT.split("\n", 1)[0]) + 1)
    even = (1.25 + 0.1 * 60) * tokens / (1.5 * 0.1 * window.tokens)
    chances = [0.0] * 20
    chances[3], chances[7] = 1.01 * even, 0.99 * even
    plan = cold_plan(0, window, told, chances, (), 1.5)
    assert plan is not None
    assert plan.shape == Excerpt(kept=((3, 4),))
    after = turn_tokens(len(TEXT.split("\n")[3]) + 1, RATE) + 14 + 2 * 4
    assert plan.saved_tokens == window.sizes[0] - after
    again = 0.1 * window.tokens + (1.25 + 10 * 0.1) * window.sizes[0] + 80 * 5
    cost = max(again * (1 - exp(-chances[7] / 4)), 1.5 * 0.1 * window.tokens * chances[7])
    assert plan.value == pytest.approx(7.25 * plan.saved_tokens - cost)


def test_what_nobody_needs_is_masked_whole_and_what_all_need_stays() -> None:
    window, told = shown(TEXT)
    plan = cold_plan(0, window, told, [0.0] * 20, (), 1.5)
    assert plan is not None
    assert plan.shape == "stub"
    assert cold_plan(0, window, told, [0.5] * 20, (), 1.5) is None


def test_a_pointer_goes_with_the_lines_beside_it() -> None:
    window, told = shown(TEXT)
    window.apply(Decision(changes={0: Excerpt(kept=((0, 5), (8, 12), (15, 20)), pointers=2)}))
    runs = (Run(first=5, end=8, turn=9, copy_first=0), Run(first=12, end=15, turn=9, copy_first=0))
    plan = cold_plan(0, window, told, [0.5] * 5 + [0.0] * 15, runs, 1.5)
    assert plan is not None
    assert plan.shape == Excerpt(kept=((0, 5),), pointers=1)


def test_a_copy_is_as_wanted_as_what_points_to_it() -> None:
    chances = {1: [0.1, 0.2, 0.3], 2: [0.5, 0.0, 0.4], 3: [0.9]}
    inherited(
        chances,
        {2: (Run(first=0, end=2, turn=1, copy_first=1),), 3: (Run(first=0, end=1, turn=2, copy_first=0),)},
    )
    assert chances[1] == [0.1, 0.9, 0.3]
