"""What holds whatever a session is made of: the window, the pins, the prefix, and that nothing is decided twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bursar.domain.context.decision import Terms
from bursar.domain.context.rates import PriceSet
from bursar.runs.arrivals import Part
from bursar.runs.recalling import recalled
from bursar.runs.shapes import Ends, Lines, Shapes
from bursar.runs.trimmer import Trimmed, Trimmer
from support.steps import done_step

PRICES = PriceSet(name="test", read=0.1, write=1.25, ttl_s=300, output=5, minimum_tokens=1_024)
BASE = 1_000
TOOLS = ("read_file", "run_command", "search", "list_files")
# A character is a token here, so that a small session fills a window.
LINES = [f"line {n} says what thing_{n} is and what it is good for {'x' * (n % 40)}" for n in range(60)]


def terms(window: int) -> Terms:
    return Terms(prices=PRICES, window_tokens=window, base_tokens=BASE, tokens_per_character=1.0)


@dataclass
class Asked:
    parts: tuple[Part, ...]
    is_cold: bool
    pins: frozenset[str]
    shapes: Shapes = field(default_factory=Shapes)
    trimmed: Trimmed | None = None


@st.composite
def sessions(draw: st.DrawFn) -> list[Asked]:
    asked = [Asked((Part(item="task", kind="user", text="Do thing_1 and thing_2."),), False, frozenset())]
    for n in range(1, draw(st.integers(3, 14))):
        parts = [Part(item=f"m{n}", kind="assistant", text=f"I look at thing_{n}.")]
        results = []
        for index in range(draw(st.integers(1, 3))):
            tool, path = draw(st.sampled_from(TOOLS)), f"src/f{draw(st.integers(0, 3))}.py"
            first, count = draw(st.integers(0, 50)), draw(st.integers(0, 120))
            text = "\n".join(LINES[(first + each) % len(LINES)] for each in range(count))
            if draw(st.integers(0, 15)) == 0:
                text = "endless " * draw(st.integers(1, 9_000))
            parts.append(
                Part(item=f"m{n}", kind="tool_call", text=f'{{"path": "{path}"}}', tool=tool, call=f"c{n}.{index}")
            )
            is_error = draw(st.integers(0, 9)) == 0
            results.append(
                Part(
                    item=f"t{n}.{index}",
                    kind="tool_result",
                    text=text,
                    tool=tool,
                    call=f"c{n}.{index}",
                    is_error=is_error,
                )
            )
        pins = {each.item for each in results if draw(st.integers(0, 9)) == 0}
        asked.append(Asked((*parts, *results), draw(st.integers(0, 5)) == 0, frozenset(pins)))
    return asked


def play(asked: list[Asked], window: int, *, may_edit: bool) -> None:
    """Each request of the session, with its decision and the shapes that it left with."""
    trimmer, shapes = Trimmer(terms(window), count=len), Shapes()
    for each in asked:
        shapes = Shapes(cut=shapes.cut, pinned=shapes.pinned | each.pins)
        each.trimmed = trimmer.decide(
            each.parts, shapes, terms(window), gap_s=0, is_cold=each.is_cold, may_edit=may_edit
        )
        cut = {**shapes.cut, **{trim.item: trim.shape for trim in each.trimmed.trims}}
        shapes = each.shapes = Shapes(cut=cut, pinned=shapes.pinned)


def sent(asked: list[Asked], upto: int) -> list[tuple[str, str]]:
    """What request ``upto`` carries, part by part."""
    shapes = asked[upto].shapes
    return [
        (part.item, shapes.text(part.item, part.text) if part.kind == "tool_result" else part.text)
        for each in asked[: upto + 1]
        for part in each.parts
    ]


WINDOWS = st.sampled_from((12_000, 30_000, 60_000, 10**9))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sessions(), WINDOWS, st.booleans())
def test_every_session(asked: list[Asked], window: int, may_edit: bool) -> None:
    play(asked, window, may_edit=may_edit)
    for n, each in enumerate(asked):
        assert each.trimmed is not None
        carried = sent(asked, n)
        _is_within_the_window(each, carried, window, may_edit=may_edit)
        whole = [part for before in asked[: n + 1] for part in before.parts]
        assert [item for item, _ in carried] == [part.item for part in whole], "no call loses its result"
        for part, (item, text) in zip(whole, carried, strict=True):
            assert text == part.text or item not in each.shapes.pinned
            assert not (part.kind == "tool_result" and item in each.shapes.cut) or len(text) < len(part.text)
        if n:
            _begins_as_before(asked, n, may_edit=may_edit)
    _what_was_dropped_comes_back(asked)


def _is_within_the_window(each: Asked, carried: list[tuple[str, str]], window: int, *, may_edit: bool) -> None:
    assert each.trimmed is not None
    tokens = BASE + sum(len(text) + 6 for _, text in carried)
    assert each.trimmed.prompt_tokens == tokens, "what is thought to be sent is what is sent"
    assert each.trimmed.over_tokens == max(0, tokens - window)
    if each.trimmed.over_tokens:
        # Then nothing is left that could go: what stands is pinned, small, or may not be changed any more.
        for part in each.parts:
            size = len(each.shapes.text(part.item, part.text))
            assert part.kind != "tool_result" or part.item in each.shapes.pinned or size < 200


def _begins_as_before(asked: list[Asked], n: int, *, may_edit: bool) -> None:
    """Up to the first change that the decision names, the bytes are those of the request before."""
    before, now = sent(asked, n - 1), sent(asked, n)
    trimmed = asked[n].trimmed
    assert trimmed is not None
    changed = {each.item for each in trimmed.trims}
    pointing = {
        item
        for item, shape in asked[n].shapes.cut.items()
        if isinstance(shape, Lines) and any(each.item in changed for each in shape.pointers)
    }
    differs = {item for (item, was), (_, text) in zip(before, now, strict=False) if was != text}
    assert differs <= changed | pointing
    assert may_edit or not differs


def _what_was_dropped_comes_back(asked: list[Asked]) -> None:
    shapes = asked[-1].shapes
    for part in (part for each in asked for part in each.parts if part.item in shapes.cut):
        shape = shapes.cut[part.item]
        if not isinstance(shape, Lines) or len(part.text) > 30_000:
            continue
        step = done_step(part.item, {"content": part.text, "error": part.is_error})
        lines = part.text.split("\n")
        kept = {line for first, end in shape.kept for line in range(first, end)}
        for n, line in enumerate(lines):
            if n not in kept:
                found = recalled({"item": part.item, "lines": str(n + 1)}, [step], shapes)
                assert found == f"[lines {n + 1}-{n + 1} of {len(lines)} of {part.item}]\n{line}"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sessions(), WINDOWS, st.data())
def test_a_resume_decides_as_the_run_would_have(asked: list[Asked], window: int, data: st.DataObject) -> None:
    """A policy that is fed the history, as it stood at each request, comes to the same decision."""
    play(asked, window, may_edit=True)
    at = data.draw(st.integers(0, len(asked) - 1))
    shaped = [pair for each in asked[:at] for pair in each.shapes.cut.items()]
    ends = {item: shape for item, shape in shaped if isinstance(shape, Ends)}
    trimmer = Trimmer(terms(window), count=len, ends=ends)
    for each in asked[:at]:
        trimmer.remember(each.parts, each.shapes)
    before = asked[at - 1].shapes if at else Shapes()
    shapes = Shapes(cut=before.cut, pinned=before.pinned | asked[at].pins)
    again = trimmer.decide(asked[at].parts, shapes, terms(window), gap_s=0, is_cold=asked[at].is_cold, may_edit=True)
    assert again == asked[at].trimmed


def test_thousands_of_tiny_results_are_counted_once_each() -> None:
    """What a request costs is what is new in it, however long the session is."""
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text) // 4 + 1

    trimmer = Trimmer(terms(10**6), count=count)
    work: list[int] = []
    for n in range(300):
        tiny = tuple(
            Part(item=f"t{n}.{index}", kind="tool_result", text=f"ok {n} {index}", tool="list_files")
            for index in range(10)
        )
        before = len(counted)
        trimmed = trimmer.decide(tiny, Shapes(), terms(10**6), gap_s=0, is_cold=False, may_edit=True)
        assert trimmed.trims == ()
        work.append(len(counted) - before)
    assert set(work) == {10}
