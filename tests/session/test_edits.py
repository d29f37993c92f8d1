"""Changes as editors send them: ranges, whole texts, and what fits no text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from bursar.domain.text.blocks import Change, TextBlocks
from bursar.domain.text.units import PositionEncoding
from bursar.session.counting import Counting
from bursar.session.model import ENCODING, Changed, Document, Edited, Opened, PartKey, Unread
from bursar.tokens import TiktokenCounter

from .conftest import Office

TEXT = "# Plan 🦀\r\n\r\n- [ ] 1. One\r\n"
Span = tuple[tuple[int, int], tuple[int, int]]


def shown(office: Office) -> Document:
    return office.session.snapshot().documents[office.uri]


def edit(
    office: Office, version: int, *changes: tuple[Span | None, str], encoding: PositionEncoding = "utf-16"
) -> None:
    made = tuple(Change(span=span, text=text) for span, text in changes)
    office.session.apply(Edited(uri=office.uri, version=version, changes=made, encoding=encoding))


@pytest.mark.parametrize(("encoding", "at"), [("utf-8", 11), ("utf-16", 9), ("utf-32", 8)])
async def test_ranges_are_counted_as_agreed(office: Office, encoding: PositionEncoding, at: int) -> None:
    office.open(TEXT)
    edit(office, 2, (((0, at), (0, at)), "!"), (((2, 9), (2, 12)), "Two"), encoding=encoding)
    assert shown(office).text == "# Plan 🦀!\r\n\r\n- [ ] 1. Two\r\n"
    assert shown(office).version == 2


@pytest.mark.parametrize(
    "span",
    [
        ((0, -1), (0, 0)),
        ((-1, 0), (0, 0)),
        ((0, 0), (2**31, 0)),
        ((0, 0), (0, 2**31)),
        ((1, 0), (0, 5)),
        ((0, 3), (0, 2)),
        ((0, 8), (0, 8)),
    ],
    ids=["character -1", "line -1", "line 2^31", "character 2^31", "lines reversed", "reversed", "inside the crab"],
)
async def test_a_range_that_is_none_changes_nothing_and_is_said_once(office: Office, span: Span) -> None:
    office.open(TEXT)
    edit(office, 2, (((2, 0), (2, 0)), "kept out"), (span, "x"))
    assert (shown(office).text, shown(office).version) == (TEXT, 1)
    ((level, said),) = office.window.said
    assert level == "warning"
    assert "a change of tasks.md that fits no text" in said and "close the file and open it again" in said
    edit(office, 3, (((0, 0), (0, 0)), "y"))
    assert (shown(office).text, shown(office).version) == (TEXT, 1), "it would land in the wrong place"
    assert len(office.window.said) == 1


@pytest.mark.parametrize("how", ["whole change", "whole among others", "opened again", "whole text"])
async def test_a_document_that_is_out_of_step_comes_back_with_its_whole_text(office: Office, how: str) -> None:
    office.open(TEXT)
    office.session.apply(Unread(uri=office.uri))
    assert "could not be read" in office.window.said[0][1]
    match how:
        case "whole change":
            edit(office, 5, (None, "- [ ] 1. New\n"))
        case "whole among others":
            edit(office, 5, (((7, 0), (0, 0)), "x"), (None, "- [ ] 1. ew\n"), (((0, 9), (0, 9)), "N"))
        case "opened again":
            office.session.apply(Opened(uri=office.uri, path=str(office.shop.tasks), version=5, text="- [ ] 1. New\n"))
        case _:
            office.session.apply(Changed(uri=office.uri, version=5, text="- [ ] 1. New\n"))
    assert (shown(office).text, shown(office).version) == ("- [ ] 1. New\n", 5)
    edit(office, 6, (((0, 9), (0, 12)), "Old"))
    assert shown(office).text == "- [ ] 1. Old\n"


async def test_a_change_of_what_was_never_opened_is_nothing(office: Office) -> None:
    office.open(TEXT)
    office.session.apply(
        Edited(
            uri="file:///elsewhere.md", version=1, changes=(Change(span=((9, 9), (0, 0)), text="x"),), encoding="utf-16"
        )
    )
    office.session.apply(Unread(uri="file:///elsewhere.md"))
    assert list(office.session.snapshot().documents) == [office.uri]
    assert office.window.said == []


async def test_a_version_that_goes_back_loses_no_change(office: Office) -> None:
    office.open(TEXT)
    first = await office.session.analyst.tokens(shown(office))
    edit(office, 7, (((2, 11), (2, 11)), " and much more text than there was before"))
    more = await office.session.analyst.tokens(shown(office))
    edit(office, 1, (((2, 0), (2, 0)), "- [ ] 0. A task before all the others\n"))
    assert shown(office).version == 1
    assert shown(office).text.startswith("# Plan 🦀\r\n\r\n- [ ] 0. A task before")
    assert first < more < await office.session.analyst.tokens(shown(office)), "the count of version 1 is another text's"


class Slow:
    """The real counter, which remembers what it was asked and when its ranks were there."""

    def __init__(self) -> None:
        self.real = TiktokenCounter()
        self.asked: list[str] = []

    def count(self, text: str, /, *, encoding: str = ENCODING) -> int:
        self.asked.append(text)
        return self.real.count(text, encoding=encoding)

    def ready(self, encoding: str) -> bool:
        return self.real.ready(encoding)

    def load(self, encoding: str) -> None:
        self.real.load(encoding)


async def test_an_edit_costs_its_blocks_and_a_whole_document_is_counted_where_it_is_looked_at_first() -> None:
    slow = Slow()
    counting = Counting(lambda: slow)
    text = "".join(f"{number}: a line of some length\n" for number in range(30_000))
    blocks = TextBlocks.of(text)
    counting.edited(blocks.replaced(0, 0, "x"))
    assert slow.asked == [], "what was never counted is left alone"
    slices = counting.slices(blocks, lambda: 29_000)
    await anext(slices)
    assert text.index(slow.asked[0]) > 700_000
    assert 10 < len(slow.asked) < 100, "between two slices the loop goes on"
    await slices.aclose()
    known = len(slow.asked)
    whole = await counting.total(blocks)
    assert whole == slow.real.count(text)
    assert len(set(slow.asked)) == len(slow.asked) > known, "what was counted stays counted"
    slow.asked.clear()
    changed = blocks.replaced(400_000, 400_004, "other")
    counting.edited(changed)
    assert sum(map(len, slow.asked)) < 5_000
    slow.asked.clear()
    assert await counting.total(changed) == slow.real.count(changed.text)
    assert slow.asked == []


async def test_of_a_large_document_the_part_that_is_looked_at_is_shown_first(office: Office) -> None:
    parts = [f"- [ ] {number}. Task {number}\n" + f"  Do {number} as agreed.\n" * 250 for number in range(50)]
    text = "# Plan\n\n" + "".join(parts)
    counter, real = Slow(), TiktokenCounter()
    office.adapters.counter = lambda: counter  # type: ignore[method-assign]
    window, session = office.second_window()
    shown: list[Mapping[PartKey, int]] = []

    def looked() -> None:
        analysis = session.snapshot().analyses.get(office.uri)
        if analysis is not None:
            shown.append(analysis.part_tokens)

    window.annotations_changed = looked  # type: ignore[method-assign]
    session.apply(Opened(uri=office.uri, path=str(office.shop.tasks), version=1, text=text))
    line = text[: text.index("- [ ] 30.")].count("\n")
    session.look_at(office.uri, line, line + 260)
    async with asyncio.timeout(60):
        while not shown or len(shown[-1]) < 50:
            await asyncio.sleep(0.01)
    await session.close()
    assert 1 <= len(shown[0]) <= 3, "what is looked at, before all is counted"
    for known in (shown[0], shown[-1]):
        assert [size for key, size in known.items() if key[2] == "30 Task 30"] == [real.count(parts[30])]


async def test_the_first_figures_are_the_kept_ones_and_are_counted_once_they_are_shown(office: Office) -> None:
    text = "# Plan\n\n- [ ] 1. One\n- [ ] 2. Two\n"
    kept: dict[bytes, int] = {}

    class Memory:
        def read(self) -> dict[bytes, int]:
            return kept

        def keep(self, counts: Mapping[bytes, int], /) -> None:
            kept.update(counts)

        def was_erased(self) -> bool:
            return False

    async def figures() -> tuple[list[bool], list[int]]:
        counter = TiktokenCounter(memory=Memory())
        office.adapters.counter = lambda: counter  # type: ignore[method-assign]
        office.adapters.keep_counts = counter.keep  # type: ignore[method-assign]
        window, session = office.second_window()
        ready: list[bool] = []
        shown: list[int] = []

        def looked() -> None:
            if (analysis := session.snapshot().analyses.get(office.uri)) is not None:
                ready.append(counter.ready(ENCODING))
                shown.append(analysis.tokens)

        window.annotations_changed = looked  # type: ignore[method-assign]
        session.apply(Opened(uri=office.uri, path=str(office.shop.tasks), version=1, text=text))
        async with asyncio.timeout(60):
            while not (shown and counter.ready(ENCODING) and shown[-1] == right):
                await asyncio.sleep(0.01)
        await session.close()
        counter.keep()
        return ready, shown

    right = TiktokenCounter().count(text)
    _, first = await figures()
    assert set(first) == {right}
    kept.update({digest: number + 1 for digest, number in kept.items()})
    ready, second = await figures()
    assert (ready[0], second[0]) == (False, right + 1), "before the ranks are loaded, what was kept is shown"
    assert second[-1] == right, "and then what is right"
