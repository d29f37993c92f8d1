"""What the rules find is shown on documents: at the user's levels, with its page, and where its lines are by now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bursar.domain.moments import Here
from bursar.session.analysis import analyse, describe
from bursar.session.documents import FrozenBuffers
from bursar.session.looking import Looking, surroundings_of
from bursar.session.model import Document, Snapshot
from bursar.session.money import default_settings
from bursar.session.pages import rule_page_uri
from bursar.session.shown import annotate
from bursar.settings import Settings
from bursar.workspace import LocalInstructionTexts
from support.world import WordCounter

SAID = (
    "Before you change a public function, read the tests that call it, run them once to see them pass, and write down "
    "which of them you expect to fail after the change and why. When another one fails, stop and say so at once."
)


def opened(path: Path, text: str | None = None, version: int = 1) -> Document:
    return describe(
        uri=path.as_uri(),
        path=str(path),
        version=version,
        text=path.read_text("utf-8") if text is None else text,
        folders=(),
        root_of=lambda file: next(each for each in file.parents if (each / ".kiro").is_dir()),
    )


def snapshot(settings: Settings | None = None) -> Snapshot:
    return Snapshot(
        documents={},
        analyses={},
        runs={},
        mine=frozenset(),
        trusted=True,
        settings=settings or default_settings(),
        left_pico=None,
        meter=None,
        here=Here(zone=UTC, day="2026-11-21"),
    )


def looking(folder: Path) -> Looking:
    return Looking(texts=LocalInstructionTexts(folder))


def workspace(folder: Path) -> tuple[Path, Path]:
    steering = folder / ".kiro" / "steering"
    steering.mkdir(parents=True)
    first, second = steering / "a.md", steering / "b.md"
    first.write_text(f"# A\n\n{SAID}\n", "utf-8")
    second.write_text(f"# B\n\nFollow #[[file:docs/gone.md]].\n\n{SAID}\n", "utf-8")
    return first, second


def test_findings_know_the_other_files_of_the_workspace(tmp_path: Path) -> None:
    first, second = workspace(tmp_path)
    texts = looking(tmp_path)
    shown = annotate(opened(second), analyse(opened(second), WordCounter(), None, texts), snapshot())
    assert [(each.code, each.line) for each in shown.findings] == [("missing-reference", 2), ("duplicated-text", 4)]
    duplicate = shown.findings[1]
    assert [(each.path, each.line) for each in duplicate.related] == [(".kiro/steering/a.md", 2)]
    assert duplicate.tags == ("unnecessary",)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "gone.md").write_text("here\n", "utf-8")
    first.write_text("# A\n\nSomething else.\n", "utf-8")
    assert analyse(opened(second), WordCounter(), None, texts).found == ()


def test_unsaved_text_of_another_file_counts(tmp_path: Path) -> None:
    first, second = workspace(tmp_path)
    buffers = FrozenBuffers(texts={str(first): "# A\n\nOther words.\n"})
    around = surroundings_of(looking(tmp_path), buffers, str(tmp_path), "x.md", len)
    assert [each.text for each in around.files()] == ["# A\n\nOther words.\n", second.read_text("utf-8")]


def test_a_finding_has_its_page_and_the_users_level(tmp_path: Path) -> None:
    _, second = workspace(tmp_path)
    known = analyse(opened(second), WordCounter(), None, looking(tmp_path))
    levels = replace(default_settings(), levels={"missing-reference": "hint"}, silenced=frozenset({"duplicated-text"}))
    (finding,) = annotate(opened(second), known, snapshot(levels)).findings
    assert (finding.code, finding.severity) == ("missing-reference", "hint")
    page = Path(unquote(urlsplit(finding.href).path)).read_text("utf-8")
    assert page.startswith("<!--")
    assert "# `missing-reference`" in page
    assert rule_page_uri("no-such-rule") == ""


def test_findings_follow_their_lines_until_the_text_is_looked_at_again(tmp_path: Path) -> None:
    _, second = workspace(tmp_path)
    known = analyse(opened(second), WordCounter(), None, looking(tmp_path))
    text = second.read_text("utf-8")
    for edited, lines in (
        (f"one\ntwo\n{text}", [4, 6]),
        (text.replace("Follow", "Do follow"), [4]),
        (text.removeprefix("# B\n\n"), [0, 2]),
        ("", []),
    ):
        shown = annotate(opened(second, edited, 2), known, snapshot()).findings
        assert [each.line for each in shown] == lines
        assert all(not each.fixes for each in shown)


def test_a_file_that_no_agent_reads_is_not_looked_at(tmp_path: Path) -> None:
    workspace(tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("In order to see this\u200b, open it.\n", "utf-8")
    assert analyse(opened(readme), WordCounter(), None, looking(tmp_path)).found == ()
