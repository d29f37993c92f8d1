"""Every real tasks file is annotated: a lens for each task that can be run, hints inside their lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from bursar.domain.moments import Here
from bursar.domain.specs import decode_spec, open_tasks, parse_spec
from bursar.domain.text import split_lines
from bursar.session.analysis import analyse, describe
from bursar.session.model import Snapshot
from bursar.session.money import default_settings
from bursar.session.shown import annotations_of
from support.world import WordCounter

CORPUS = Path(__file__).parents[1] / "fixtures" / "corpus"
FILES = sorted(CORPUS.rglob("tasks.md"))


def test_the_corpus_is_there() -> None:
    assert len(FILES) >= 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_real_tasks_file_is_annotated(path: Path) -> None:
    text = decode_spec(path.read_bytes())
    document = describe(
        uri="u", path=str(path), version=1, text=text, folders=(str(path.parent),), root_of=lambda file: file.parent
    )
    spec = parse_spec(text, path_hint=document.spec)
    assert document.kind == ("tasks" if spec.tasks else "other")
    snapshot = Snapshot(
        documents={"u": document},
        analyses={"u": analyse(document, WordCounter(), None)},
        runs={},
        mine=frozenset(),
        trusted=True,
        settings=default_settings(),
        left_pico=None,
        meter=None,
        here=Here(zone=UTC, day="2026-11-21"),
        small_hints=True,
    )
    shown = annotations_of(snapshot, "u")
    assert [each.line for each in shown.lenses] == [each.line for each in spec.tasks if each.is_open]
    runnable = {each.line for each in open_tasks(spec)}
    assert {each.line for each in shown.lenses if each.title == "Run"} == runnable
    lines = split_lines(text)
    assert {each.line for each in shown.hints} == {each.line for each in (*spec.tasks, *spec.headings)}
    assert all(0 < each.character <= len(lines[each.line]) for each in shown.hints)
    large = annotations_of(replace(snapshot, small_hints=False), "u").hints
    tokens = {each: int(each.label.split()[0].replace(",", "")) for each in shown.hints}
    assert list(large) == [each for each in shown.hints if tokens[each] >= 200]
