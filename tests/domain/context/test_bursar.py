"""Bursar's own policy, step by step, on sessions small enough to reckon by hand."""

from __future__ import annotations

import json

import pytest

from bursar.domain.context.decision import Arrived, Decision, Excerpt, Terms
from bursar.domain.context.policies.bursar.admission import D2000, N1000, Admission
from bursar.domain.context.policies.bursar.origin import Origin, origin_of
from bursar.domain.context.policies.bursar.policy import Steps, ping_pays, usual_caution
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.session import Turn
from bursar.domain.context.sizes import turn_tokens
from bursar.domain.context.window import Window

RATE = 0.25


class Talk:
    """A session that is made call by call, under the steps."""

    def __init__(
        self,
        admission: Admission | None = N1000,
        *,
        base_tokens: int = 30_000,
        window_tokens: int = 200_000,
        prices: str = "A",
        keeps_warm: bool = False,
        unseen_source: str | None = None,
    ) -> None:
        self.terms = Terms(
            prices=PRICE_SETS[prices],
            window_tokens=window_tokens,
            base_tokens=base_tokens,
            tokens_per_character=RATE,
            unseen_source=unseen_source,
        )
        self.window = Window(self.terms)
        self.steps = Steps(admission, keeps_warm=keeps_warm)
        self.request = -1

    def say(self, *turns: tuple[str, str, str], gap_s: float = 5.0) -> Decision:
        """One request with these turns: kind, tool, text. A result belongs to the call before it."""
        self.request += 1
        first = len(self.window.turns)
        made = tuple(
            Turn(
                index=first + n,
                kind=kind,  # type: ignore[arg-type]
                text=text,
                request=self.request,
                tokens=turn_tokens(len(text), RATE),
                tool=tool,
            )
            for n, (kind, tool, text) in enumerate(turns)
        )
        self.window.take(made)
        arrived = Arrived(request=self.request, gap_s=gap_s, is_cold=gap_s > 300, turns=made)
        return self.steps(self.window, arrived, self.terms)

    def run(self, command: str, output: str, gap_s: float = 5.0) -> Decision:
        """A command and what it printed."""
        return self.say(
            ("tool_call", "Bash", json.dumps({"command": command})), ("tool_result", "Bash", output), gap_s=gap_s
        )


def lines(count: int, what: str = "line") -> str:
    return "\n".join(f"{what} {n:04d} of the output that a program printed" for n in range(count))


def test_bulky_output_keeps_its_head_and_tail() -> None:
    decision = Talk().run("make all", lines(400))
    (shape,) = decision.changes.values()
    assert isinstance(shape, Excerpt)
    (head_first, head_end), (tail_first, tail_end) = shape.kept
    assert (head_first, tail_end) == (0, 400)
    assert head_end - head_first == pytest.approx(tail_end - tail_first, abs=1)
    kept = sum(end - first for first, end in shape.kept) * (len(lines(1)) + 1) * RATE
    assert 0.9 * N1000.most_tokens < kept <= N1000.most_tokens


@pytest.mark.parametrize(
    ("command", "is_cut"),
    [
        ("make all", True),
        ("cd /work && grep -rn value src", True),
        ("git diff main", False),
        ("gh pr view 12", False),
        ("program --help", False),
        ("cat notes.md", False),
        ("sed -n 1,400p src/a.go", False),
        ("cat > notes.md <<'E'", True),
    ],
)
def test_what_is_made_to_be_read_whole_passes(command: str, is_cut: bool) -> None:
    assert bool(Talk().run(command, lines(400)).changes) == is_cut


def test_the_other_setting_cuts_documents_too_and_less() -> None:
    assert Talk(D2000).run("git diff main", lines(400)).changes
    assert not Talk(D2000).run("make all", lines(120)).changes
    assert Talk(N1000).run("make all", lines(120)).changes


def test_more_is_cut_on_arrival_where_the_cache_lives_longer() -> None:
    assert not Talk(None, prices="A").run("make all", lines(120)).changes
    assert Talk(None, prices="B").run("make all", lines(120)).changes


def test_a_loss_counts_more_reads_where_a_read_is_cheaper() -> None:
    assert [usual_caution(PRICE_SETS[each]) for each in "ABCDEFG"] == [1.5, 1.5, 1.5, 2, 2, 2, 2]


def test_a_short_session_is_left_alone() -> None:
    talk = Talk(base_tokens=5_000)
    assert not talk.run("make all", lines(400)).changes
    assert not talk.run("make all", lines(400)).changes
    assert not talk.run("make all", "done", gap_s=4_000).changes


def test_one_line_that_is_too_long_passes_whole() -> None:
    assert not Talk().run("make all", "x" * 20_000).changes


def test_what_was_shown_is_pointed_to_and_the_copy_remembered() -> None:
    talk = Talk()
    talk.run("cat a.py", lines(60))
    decision = talk.run("cat a.py", f"{lines(60)}\nand one more line that is new in it")
    assert decision.changes == {3: Excerpt(kept=((60, 61),), pointers=1)}
    (run,) = talk.steps.copies[3]
    assert (run.turn, run.copy_first, run.end) == (1, 0, 60)


@pytest.mark.parametrize(
    ("tool", "arguments", "origin"),
    [
        ("Read", '{"file_path": "/a/b.go"}', Origin(kind="read", path="/a/b.go", is_code=True)),
        ("Read", '{"file_path": "/a.md", "offset": 3}', Origin(kind="read", path="/a.md", is_range=True)),
        (
            "exec_command",
            '{"cmd": "sed -n 1,9p src/x.ts"}',
            Origin(kind="read", path="src/x.ts", is_code=True, is_range=True),
        ),
        ("mcp__files__edit", '{"path": "a.py"}', Origin(kind="edit", path="a.py")),
        ("apply_patch", "*** Begin Patch\n*** Update File: a/b.py\n+x", Origin(kind="edit", path="a/b.py")),
        ("Bash", '{"command": "cd /w && git show HEAD"}', Origin(kind="command", is_document=True, is_code=True)),
        ("bash", "ls -la\n", Origin(kind="search")),
        ("Agent", '{"prompt": "look"}', Origin(kind="report")),
        ("book_flight", '{"id": 1}', Origin(kind="other")),
    ],
)
def test_a_call_says_what_its_result_is(tool: str, arguments: str, origin: Origin) -> None:
    assert origin_of(tool, arguments) == origin


def test_a_ping_is_sent_where_it_pays() -> None:
    assert ping_pays(20_000, PRICE_SETS["A"])
    assert not ping_pays(19_999, PRICE_SETS["A"])
    assert {each for each in "ABCDEFG" if ping_pays(50_000, PRICE_SETS[each])} == {"A", "D", "E", "F"}
    assert Talk(keeps_warm=True).run("ls", "a").ping
    assert not Talk().run("ls", "a").ping


def test_after_a_silence_what_is_old_goes_and_what_came_now_stays() -> None:
    talk = Talk()
    for n in range(12):
        talk.run("make all", lines(20, f"step {n}"))
    assert not talk.run("make all", lines(20, "again")).changes
    decision = talk.run("make all", lines(20, "last"), gap_s=400)
    assert 1 in decision.changes
    assert all(number < talk.window.arrived_from for number in decision.changes)


def test_a_source_that_was_learnt_from_gets_the_rule_without_what_was_learnt() -> None:
    talk = Talk(unseen_source="github.com/entireio/cli")
    for n in range(8):
        talk.run("cat a.py", lines(20, f"step {n}"))
    decision = talk.run("ls", "a.py", gap_s=400)
    assert decision.changes == {2 * n + 1: "stub" for n in range(4)}
    other = Talk(unseen_source="github.com/some/other")
    for n in range(8):
        other.run("cat a.py", lines(20, f"step {n}"))
    assert other.run("ls", "a.py", gap_s=400).changes != decision.changes


def test_near_the_end_of_the_window_results_make_room_without_a_silence() -> None:
    talk = Talk(window_tokens=60_000)
    sizes: list[int] = []
    for n in range(60):
        decision = talk.run("cat a.py", lines(60, f"step {n}"))
        assert not decision.summary
        assert talk.window.shapes[-1] == "full"
        sizes.append(talk.window.tokens)
    assert max(sizes) <= 0.95 * 60_000
    made_room = [n for n in range(1, 60) if sizes[n] < sizes[n - 1]]
    assert made_room
    assert all(sizes[n] <= 0.75 * 60_000 for n in made_room)


def test_a_price_edge_is_kept_where_it_can_be() -> None:
    """Above 100,000 tokens a request costs five times; where no trim can prevent it, nothing is thrown away for it."""
    talk = Talk(prices="cliff", base_tokens=60_000)
    sizes = []
    for n in range(60):
        talk.run("cat a.py", lines(90, f"step {n}"))
        sizes.append(talk.window.tokens)
    assert 90_000 < max(sizes) <= 100_000
    beyond = Talk(prices="cliff", base_tokens=110_000)
    for n in range(20):
        assert not beyond.run("cat a.py", lines(90, f"step {n}")).changes
