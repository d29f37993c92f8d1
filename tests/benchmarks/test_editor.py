"""The editor's benchmark runs whole on tiny amounts, and finds old counts. No time is asserted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.editor import __main__ as bench
from benchmarks.editor import keystrokes, servers
from benchmarks.editor.amounts import Amounts
from benchmarks.editor.asking import WrongAnswer
from benchmarks.editor.figures import Aim, p99, slope
from benchmarks.editor.oracle import Oracle
from benchmarks.editor.servers import BURSAR, NOTHING, Place, Server
from benchmarks.editor.texts import Typist, markdown
from bursar.domain.text import apply_change

TINY = Amounts(
    sizes=(4_000,),
    usual=4_000,
    large=6_000,
    starts=1,
    uncounted_starts=0,
    openings=1,
    strokes=20,
    seconds=0,
    strokes_inside=40,
    storm=200,
    edits=240,
)
CONTROLS = str(Path(__file__).parent / "editor_controls.py")


def beside_an_empty_server() -> dict[str, Server]:
    """Bursar itself, and in the place of pygls a server that starts at once."""
    found = servers.servers(None)
    return {**found, NOTHING: replace(found[NOTHING], command=(sys.executable, "-S", CONTROLS, "nothing"))}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as running:
        yield running


def test_every_part_measures_something_and_finds_the_right_counts(tmp_path: Path, oracle: Oracle) -> None:
    rows, aims, wrong = bench.measured(tmp_path, beside_an_empty_server(), oracle, TINY, list(bench.PARTS))
    assert wrong == []
    assert len({each.what for each in rows}) > 20
    assert {each.unit for each in aims} == {"x", "ms", "s", "MB", "MB/h"}
    assert all(each.verdict() == "reached" or each.verdict().startswith("missed by ") for each in aims)
    assert all(each.value > 0 for each in rows if each.unit != "MB/h")


@pytest.mark.parametrize("method", ["bursar/documentTokens", "textDocument/inlayHint"])
def test_a_server_that_repeats_an_old_answer_is_found(method: str, tmp_path: Path, oracle: Oracle) -> None:
    found = beside_an_empty_server()
    command = (sys.executable, CONTROLS, "stale", method, *found[BURSAR].command)
    place = Place(folder=tmp_path)
    place.lay_out()
    with pytest.raises(WrongAnswer, match=r"tokens; the (server|hint) says \d"):
        keystrokes.keystrokes(
            place, {**found, BURSAR: replace(found[BURSAR], command=command)}, oracle, replace(TINY, patience_s=0.2)
        )


def test_the_server_that_does_nothing_keeps_documents_and_answers(tmp_path: Path) -> None:
    place = Place(folder=tmp_path)
    place.lay_out()
    with servers.servers(None)[NOTHING].start(place) as client:
        client.begin()
        uri = place.file("AGENTS.md", "# One\n")
        client.open(uri, "markdown", "# One\n")
        assert client.request("textDocument/codeLens", {"textDocument": {"uri": uri}}).result == []
        client.end()


def test_the_typist_knows_its_text() -> None:
    typist = Typist(markdown(3_000))
    text = typist.whole()
    for _ in range(90):
        stroke = typist.stroke()
        span = stroke.change()["range"]
        ends = tuple((span[each]["line"], span[each]["character"]) for each in ("start", "end"))
        text = apply_change(text, (ends[0], ends[1]), stroke.new)
        assert text == typist.whole()
    first, end = typist.section(30)
    assert typist.section_text(first, end) in text


def test_an_aim_says_by_how_much_it_was_missed() -> None:
    aim = Aim(what="x", value=151.5, unit="ms", at_most=150)
    assert (aim.verdict(), replace(aim, value=150.0).verdict()) == ("missed by 1.500 ms", "reached")
    assert (p99(range(1, 201)), slope([0, 1, 2], [5, 7, 9])) == (198, 2)
