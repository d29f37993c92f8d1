"""Bursar's own policy, step by step, on sessions small enough to reckon by hand."""

from __future__ import annotations

import json

import pytest

from bursar.domain.context.decision import Arrived, Decision, Excerpt, Terms
from bursar.domain.context.policies.bursar.cautions import Cautions, ping_pays
from bursar.domain.context.policies.bursar.origin import Origin, origin_of
from bursar.domain.context.policies.bursar.policy import Steps
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.session import Turn
from bursar.domain.context.sizes import turn_tokens
from bursar.domain.context.window import Window

RATE = 0.25


class Talk:
    """A session that is made call by call, under the steps."""

    def __init__(
        self,
        *,
        cautions: Cautions | None = None,
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
        self.steps = Steps(cautions=cautions, keeps_warm=keeps_warm)
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


def test_output_is_cut_to_what_may_be_needed_and_its_ends() -> None:
    text = "\n".join([lines(100), "error in src/store/session_log.go: NewSessionLog wants two", lines(100, "more")])
    decision = Talk().run("make all", text)
    (shape,) = decision.changes.values()
    assert isinstance(shape, Excerpt)
    kept = {each for first, end in shape.kept for each in range(first, end)}
    assert {0, 1, 199, 200} <= kept
    assert 100 in kept
    assert len(kept) < 60


@pytest.mark.parametrize(
    ("command", "is_cut"),
    [
        ("make all", True),
        ("cd /work && grep -rn value src", True),
        ("cat notes.md", False),
        ("sed -n 1,400p src/a.go", False),
        ("cat > notes.md <<'E'", True),
    ],
)
def test_what_was_asked_for_to_be_read_comes_whole(command: str, is_cut: bool) -> None:
    assert bool(Talk().run(command, lines(400)).changes) == is_cut


def test_what_is_made_to_be_read_whole_keeps_more() -> None:
    def left(command: str) -> int:
        talk = Talk()
        talk.run(command, lines(200, "func runTheJob"))
        return talk.window.sizes[-1]

    assert left("git diff main") > 1.5 * left("make all")


def test_less_is_cut_where_a_loss_is_held_dearer() -> None:
    sizes = []
    for caution in (0.2, 2.0, 200.0):
        talk = Talk(cautions=Cautions(arriving=caution, standing=1.0))
        talk.run("make all", "\n".join(f"src/part_{n}.go: {'word ' * (n % 30)}" for n in range(200)))
        sizes.append(talk.window.sizes[-1])
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_one_result_that_is_larger_than_the_window_is_cut_to_half_of_it() -> None:
    talk = Talk(window_tokens=60_000)
    talk.run("cat all.txt", lines(6_000))
    (shape,) = [each for each in talk.window.shapes if each != "full"]
    assert isinstance(shape, Excerpt)
    assert shape.kept[0][0] == 0 and shape.kept[-1][1] == 6_000
    assert 0.9 * 30_000 < talk.window.sizes[-1] <= 30_000


def test_one_line_that_is_larger_than_the_window_is_masked() -> None:
    talk = Talk(window_tokens=60_000)
    assert talk.run("cat all.min.js", "x" * 5_000_000).changes == {1: "stub"}


def test_a_short_session_is_left_alone() -> None:
    talk = Talk(base_tokens=5_000)
    assert not talk.run("make all", lines(400)).changes
    assert not talk.run("make all", lines(400)).changes
    assert not talk.run("make all", "done", gap_s=4_000).changes


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
    talk = Talk(cautions=Cautions(arriving=1.0, standing=0.3))
    dull = "\n".join(f"{n} {'a plain word or two ' * 5}" for n in range(20))
    for n in range(12):
        assert not talk.run("cat notes.md", f"{n}\n{dull.replace('or', str(n))}").changes
    decision = talk.run("cat notes.md", dull, gap_s=400)
    assert 1 in decision.changes
    assert all(number < talk.window.arrived_from for number in decision.changes)


def test_a_source_is_judged_by_what_was_learnt_from_the_others() -> None:
    decisions = []
    for source in (None, "github.com/some/other", "github.com/entireio/cli", "github.com/badlogic/pi-mono"):
        talk = Talk(unseen_source=source)
        talk.run("ls", "a")
        made = [talk.run("make all", "\n".join(f"src/part_{n}.go: {'word ' * (n % 90)}" for n in range(200)))]
        decisions.append(made)
    assert decisions[0] == decisions[1]
    assert decisions[0] != decisions[2] != decisions[3]


def test_old_results_go_where_what_is_written_anew_for_it_is_little() -> None:
    """The cache is warm all the time; what stands behind the result is a tenth of what goes from it."""
    talk = Talk(prices="C", base_tokens=60_000)
    for _ in range(14):
        talk.say(("assistant", "", "on"))
    big = "\n".join(f"{n} {'a plain word or two ' * 5}" for n in range(400))
    talk.run("cat notes.md", big)
    changed = [n for n in range(12) if 15 in talk.say(("assistant", "", "on")).changes]
    assert changed and changed[0] >= 3
    assert talk.window.sizes[15] < 0.2 * talk.window.turns[15].tokens


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
