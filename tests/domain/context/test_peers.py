"""When each policy that others ship acts, and on what: at its thresholds and just below them."""

from __future__ import annotations

import pytest

from bursar.domain.context.decision import Arrived, Decision, Excerpt, Terms
from bursar.domain.context.policies.registry import ENTRIES
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.session import RecordedSession, Turn, TurnKind

EMPTY = RecordedSession(
    id="", source="", turns=(), requests=(), base_tokens=1_000, window_tokens=200_000, tokens_per_character=0.25
)


class Played:
    """One policy, given requests by hand. The fixed prefix is 1,000 tokens."""

    def __init__(self, name: str, *, prices: str = "A", window_tokens: int = 200_000, is_tight: bool = False) -> None:
        terms = Terms(
            prices=PRICE_SETS[prices], window_tokens=window_tokens, base_tokens=1_000, tokens_per_character=0.25
        )
        self._policy = ENTRIES[name].plan(EMPTY, [], terms, is_tight)(terms)
        self._request = 0

    def sends(self, *parts: tuple[TurnKind, int] | tuple[TurnKind, int, str], gap_s: float = 1) -> Decision:
        turns = tuple(
            Turn(index=0, kind=kind, text=text[0] if text else "", request=self._request, tokens=tokens)
            for kind, tokens, *text in parts
        )
        arrived = Arrived(request=self._request, gap_s=gap_s, is_cold=gap_s > 300, turns=turns)
        self._request += 1
        return self._policy.decide(arrived)


def stubs(decision: Decision) -> list[int]:
    assert set(decision.changes.values()) <= {"stub"}
    return sorted(decision.changes)


def test_clear_tool_uses_keeps_three() -> None:
    played = Played("clear-tool-uses")
    assert stubs(played.sends(*[("tool_result", 19_800)] * 5)) == []  # 100,000 with the prefix
    assert stubs(played.sends(("user", 1))) == [0, 1]
    assert stubs(played.sends(("tool_result", 50_000))) == [2]


def test_clear_tool_uses_waits_until_enough_can_go() -> None:
    """A stub takes 14, so 20,027 save 20,013 and two of 10,007 save 19,986."""
    few, enough = Played("clear-tool-uses-20k"), Played("clear-tool-uses-20k")
    rest: list[tuple[TurnKind, int]] = [("tool_result", 10)] * 3
    assert stubs(few.sends(("user", 90_000), *[("tool_result", 10_007)] * 2, *rest)) == []
    assert stubs(enough.sends(("user", 90_000), ("tool_result", 20_014), *rest)) == [1]


@pytest.mark.parametrize(("prices", "window_tokens", "above"), [("cliff", 200_000, 95_000), ("A", 100_000, 50_000)])
def test_clear_tool_uses_acts_before_an_edge_and_in_a_smaller_window(
    prices: str, window_tokens: int, above: int
) -> None:
    played = Played("clear-tool-uses", prices=prices, window_tokens=window_tokens)
    results: list[tuple[TurnKind, int]] = [("tool_result", 1_000)] * 4
    assert stubs(played.sends(("user", above - 5_000), *results)) == []
    assert stubs(played.sends(("user", 1))) == [1]


def test_opencode_prunes_when_a_user_speaks() -> None:
    """What came since the last user but one stays, and 40,000 before that; the rest goes if it is 20,000."""
    played = Played("opencode")
    assert stubs(played.sends(("user", 1), ("tool_result", 20_000), ("tool_result", 40_000))) == []
    assert stubs(played.sends(("user", 1))) == []
    assert stubs(played.sends(("tool_result", 90_000))) == []
    assert stubs(played.sends(("user", 1))) == [1]
    assert stubs(played.sends(("user", 1))) == [2, 4]
    assert stubs(played.sends(("user", 1))) == []


def test_opencode_leaves_less_than_it_is_worth() -> None:
    played = Played("opencode")
    played.sends(("user", 1), ("tool_result", 19_999), ("tool_result", 40_000))
    played.sends(("user", 1))
    assert stubs(played.sends(("user", 1))) == []


@pytest.mark.parametrize(
    ("name", "prices", "at"),
    [("compact-80", "A", 160_000), ("compact-95", "A", 190_000), ("compact-80", "cliff", 95_000)],
)
def test_compaction_leaves_what_just_arrived(name: str, prices: str, at: int) -> None:
    played = Played(name, prices=prices)
    assert played.sends(("user", at - 1_000)) == Decision()
    decision = played.sends(("tool_result", 1))
    assert decision.summary
    assert decision.changes == {0: "dropped"}
    # 1,000, the summary's 2,000 and 1 are left
    assert not played.sends(("user", at - 3_001)).summary
    assert played.sends(("user", 1)).changes == {0: "dropped", 1: "dropped", 2: "dropped"}


@pytest.mark.parametrize(("name", "silence_s"), [("idle-5min", 300), ("idle-60min", 3_600), ("idle-5min-ping", 300)])
def test_after_a_silence_five_are_kept(name: str, silence_s: float) -> None:
    played = Played(name)
    results: list[tuple[TurnKind, int]] = [("tool_result", 100)] * 6
    assert stubs(played.sends(*results)) == []
    assert stubs(played.sends(("user", 1), gap_s=silence_s)) == []
    assert stubs(played.sends(("user", 1), gap_s=silence_s + 1)) == [0]


def test_only_a_prompt_that_is_worth_it_is_pinged() -> None:
    played = Played("idle-5min-ping")
    assert not played.sends(("user", 18_999)).ping
    assert played.sends(("user", 1)).ping
    assert not Played("idle-5min").sends(("user", 50_000)).ping


def test_in_a_tight_window_a_summary_is_the_last_resort() -> None:
    played = Played("idle-5min", window_tokens=10_000, is_tight=True)
    assert not played.sends(("tool_result", 8_200)).summary
    decision = played.sends(("user", 1))
    assert decision.summary and decision.changes == {0: "dropped"}
    assert Played("keep-all", window_tokens=10_000, is_tight=True).sends(("user", 99_000)) == Decision()


CODE = [f"    line_{each} = some_function(argument_{each})" for each in range(40)]


def read(first: int, end: int) -> tuple[TurnKind, int, str]:
    """A read as an agent sees it: with line numbers. 60 characters a line, so 15 tokens."""
    text = "\n".join(f"{each:6d}→{CODE[each]}" for each in range(first, end))
    return ("tool_result", round(0.25 * len(text)) + 6, text)


def test_lines_that_stand_elsewhere_are_left_out() -> None:
    played = Played("dedupe")
    assert played.sends(read(0, 30)) == Decision()
    assert played.sends(read(10, 40)).changes == {1: Excerpt(kept=((20, 30),), pointers=1)}
    # line 35 stands only in the second result, the rest of it was left out there and stands in the first
    assert played.sends(read(25, 36)).changes == {2: Excerpt(kept=(), pointers=2)}


def test_short_repeats_stay() -> None:
    played = Played("dedupe")
    played.sends(read(0, 30))
    other = "\n".join(f"another line of some length, number {each}" for each in range(20))
    text = f"{other}\n{CODE[7]}\n{other.upper()}"
    assert played.sends(("tool_result", 800, text)) == Decision()


def test_what_an_agent_wrote_is_shown_only_where_nothing_of_it_is_escaped() -> None:
    plain, quoted = Played("dedupe"), Played("dedupe")
    lines = [f"value_{each} = some_function(argument_{each})" for each in range(30)]
    result: tuple[TurnKind, int, str] = ("tool_result", 300, "\n".join(lines))
    plain.sends(("tool_call", 300, '{"content": "' + "\\n".join(lines) + '"}'))
    assert plain.sends(result).changes == {1: Excerpt(kept=(), pointers=1)}
    with_quotes = [f'{each} + "x"' for each in lines]
    quoted.sends(("tool_call", 300, '{"content": "' + "\\n".join(with_quotes).replace('"', '\\"') + '"}'))
    assert quoted.sends(("tool_result", 300, "\n".join(with_quotes))) == Decision()
