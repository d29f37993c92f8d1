"""What goes when the cache is cold: chances by a second reckoning, plans by their price, and nothing out of reach."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest

from bursar.domain.context.decision import Arrived, Decision, Excerpt, Terms
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar import features
from bursar.domain.context.policies.bursar.chances import Chances
from bursar.domain.context.policies.bursar.coefficients import ALL
from bursar.domain.context.policies.bursar.features import identifiers
from bursar.domain.context.policies.bursar.history import History
from bursar.domain.context.policies.bursar.origin import UNKNOWN, Origin
from bursar.domain.context.policies.bursar.plans import LINES_PER_DECISION, Plans
from bursar.domain.context.policies.bursar.policy import Steps
from bursar.domain.context.policies.bursar.trims import plan_of
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
    """One line, read three requests ago and never spoken of: each feature reckoned here, one by one."""
    history = History()
    text = "func runTheJob() { // see src/run_it.go"
    history.add(0, turn(0, "user", "mend it", 0), READ)
    history.add(1, turn(1, "tool_result", text, 2), READ)
    history.show(1, 0)
    values = dict.fromkeys(features.NAMES, 0.0)
    values["line tokens ln"] = log(1 + RATE * 40)
    values |= {"identifiers": 2, "definition": 1, "path": 1}
    values |= {"has unsaid": 1, "unsaid paths": 1, "unsaid camel": 1, "used distance ln": log(501)}
    values["result tokens ln"] = values["code x result tokens ln"] = log(1 + 16)
    values |= {"result lines ln": log(2), "age ln": log(4), "since touched ln": log(4), "since user ln": log(6)}
    values["since use ln"] = values["code x since use ln"] = log(4)
    values |= {"results in request ln": log(2), "request ln": log(6), "code": 1}
    logit = ALL[0] + sum(beta * values[name] for name, beta in zip(features.NAMES, ALL[1:], strict=True))
    assert Chances(history, RATE).of(1, 5) == [pytest.approx(1 / (1 + exp(-logit)), abs=1e-9)]


def test_a_name_that_was_said_or_shown_again_no_longer_hangs_on_a_line() -> None:
    history = History()
    for number in (0, 1):
        history.add(number, turn(number, "tool_result", "see src/run_it.go\nand theOther", number), READ)
    history.show(0, 0)
    history.show(0, 1)
    assert history.results[0].unsaid == {0: {"src/run_it.go"}, 1: {"theOther"}}
    history.show(1, 0)
    assert history.results[0].unsaid == {0: set(), 1: {"theOther"}}
    assert (history.results[0].gone, history.results[1].unsaid) == ({0}, {0: {"src/run_it.go"}})
    history.add(2, turn(2, "assistant", "I look at theOther", 2), UNKNOWN)
    assert history.results[0].unsaid == {0: set(), 1: set()}


def test_only_lines_of_which_something_changed_are_read_again() -> None:
    history = History()
    text = "\n".join(f"the name of part_{n} stands here" for n in range(50))
    history.add(0, turn(0, "tool_result", text, 0), READ)
    for line in range(50):
        history.show(0, line)
    chances = Chances(history, RATE)
    before = chances.of(0, 1)
    history.add(1, turn(1, "assistant", "part_7 and part_9", 1), UNKNOWN)
    after = chances.of(0, 1)
    assert chances.lines_read == 52
    assert [n for n in range(50) if before[n] != after[n]] == [7, 9]
    assert Chances(history, RATE).of(0, 1) == after
    assert max(after[7], after[9]) < min(before)


def test_a_line_that_a_newer_result_shows_is_hardly_needed() -> None:
    history = History()
    for number in (0, 1):
        history.add(number, turn(number, "tool_result", "func runTheJob() {", number), READ)
        history.show(number, 0)
    old, new = (Chances(history, RATE).of(each, 5)[0] for each in (0, 1))
    assert old < 0.2 * new


def test_what_a_call_used_is_remembered_by_line() -> None:
    history = History()
    history.add(0, turn(0, "tool_result", "one\nsee src/run_it.go\na line that stands here alone", 1), READ)
    for line in range(3):
        history.show(0, line)
    history.add(1, turn(1, "tool_call", '{"path": "src/run_it.go"}', 3), Origin(kind="read"))
    assert (history.results[0].used, history.results[0].uses, history.results[0].last_use) == ([1], 1, 3)
    history.add(
        2, turn(2, "tool_call", '{"old": "  a line that stands here alone"}', 4), Origin(kind="edit", path="a.go")
    )
    assert (history.results[0].used, history.results[0].uses, history.results[0].last_use) == ([1, 2], 2, 4)
    known = dict(zip(features.OF_RESULT, history.of_result(history.results[0], 5), strict=True))
    assert (known["edited since"], known["read since"]) == (True, False)
    assert known["since touched ln"] == pytest.approx(log(2))


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
    plan = plan_of(0, window, told, chances, (), 1.5)
    assert plan is not None
    assert plan.shape == Excerpt(kept=((3, 4),))
    after = turn_tokens(len(TEXT.split("\n")[3]) + 1, RATE) + 14 + 2 * 4
    assert plan.saved_tokens == window.sizes[0] - after
    again = 0.1 * window.tokens + (1.25 + 10 * 0.1) * window.sizes[0] + 80 * 5
    cost = max(again * (1 - exp(-chances[7] / 4)), 1.5 * 0.1 * window.tokens * chances[7])
    assert plan.cost == pytest.approx(cost)


def test_what_nobody_needs_is_masked_whole_and_what_all_need_stays() -> None:
    window, told = shown(TEXT)
    plan = plan_of(0, window, told, [0.0] * 20, (), 1.5)
    assert plan is not None
    assert plan.shape == "stub"
    assert plan_of(0, window, told, [0.5] * 20, (), 1.5) is None


def test_a_pointer_goes_with_the_lines_beside_it() -> None:
    window, told = shown(TEXT)
    window.apply(Decision(changes={0: Excerpt(kept=((0, 5), (8, 12), (15, 20)), pointers=2)}))
    runs = (Run(first=5, end=8, turn=9, copy_first=0), Run(first=12, end=15, turn=9, copy_first=0))
    plan = plan_of(0, window, told, [0.5] * 5 + [0.0] * 15, runs, 1.5)
    assert plan is not None
    assert plan.shape == Excerpt(kept=((0, 5),), pointers=1)


def test_a_copy_is_as_wanted_as_what_points_to_it() -> None:
    history = History()
    for number, origin in ((0, UNKNOWN), (1, READ)):
        text = "\n".join(f"func runTheJob{number}{n}() {{" for n in range(3))
        history.add(number, turn(number, "tool_result", text, number), origin)
        for line in range(3):
            history.show(number, line)
    chances = Chances(history, RATE)
    own, other = chances.of(0, 2), chances.of(1, 2)
    assert other[0] > own[1] and other[1] > own[2]
    plans = Plans(chances, {1: (Run(first=0, end=2, turn=0, copy_first=1),)})
    plans.point(1)
    assert plans.wanted(0, 2) == [own[0], other[0], other[1]]
    assert plans.wanted(1, 2) == other


def test_a_plan_is_made_anew_as_its_result_ages() -> None:
    window, told = shown(TEXT)
    history = History()
    history.add(0, window.turns[0], READ)
    plans = Plans(Chances(history, RATE), {})
    made = [plans.current(0, window, told, request, 0.1) for request in range(1, 60)]
    assert all(each is not None for each in made)
    changes = [n for n in range(1, len(made)) if made[n] is not made[n - 1]]
    assert changes[0] == 3
    assert len(changes) < 16
    window.apply(Decision(changes={0: Excerpt(kept=((0, 12),))}))
    assert plans.current(0, window, told, 59, 0.1) is not made[-1]


def test_a_decision_weighs_no_more_lines_late_in_a_session() -> None:
    """Work instead of time: three hundred files stand in the prompt, and each decision looks at a few of them."""
    told = replace(terms(), window_tokens=2_000_000)
    window, steps = Window(told), Steps()
    weighed = []
    for request in range(300):
        text = "\n".join(
            f"the name of part_{request}_{n} stands here and is told in some more words" for n in range(30)
        )
        call = replace(turn(2 * request, "tool_call", f'{{"file_path": "src/part{request}.go"}}', request), tool="Read")
        turns = (call, turn(2 * request + 1, "tool_result", text, request))
        window.take(turns)
        before = steps.lines_weighed
        steps(window, Arrived(request=request, gap_s=5.0, is_cold=False, turns=turns), told)
        weighed.append(steps.lines_weighed - before)
    assert sum(window.shapes[each] != "stub" for each in window.results) > 100
    assert max(weighed) <= LINES_PER_DECISION + 2 * 30
    assert sum(weighed[200:]) < 1.5 * sum(weighed[100:200])
