"""A file's weight follows what it takes in, and only what depends on a change is counted again."""

from __future__ import annotations

import json
from pathlib import Path

from bursar.session.cards import card_at
from bursar.session.model import Changed, Closed, FilesChanged, Opened
from bursar.session.shown import annotations_of
from support.past import have_run
from support.world import MODEL, WordCounter

from .conftest import Office

CLAUDE = "# Rules\n\nRead @docs/a.md first.\n"


def open_file(office: Office, name: str, text: str) -> str:
    path = Path(office.shop.tasks).parents[3] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    office.session.apply(Opened(uri=path.as_uri(), path=str(path), version=1, text=text))
    return path.as_uri()


def labels(office: Office, uri: str) -> list[str]:
    return [each.label for each in annotations_of(office.session.snapshot(), uri).hints]


def plus(*texts: str) -> list[str]:
    """The label of a reference by which these texts come in."""
    return [f"+ {sum(map(tokens, texts))} tokens"]


def tokens(text: str) -> int:
    return WordCounter().count(text, encoding="o200k_base")


async def test_a_weight_follows_the_unsaved_text_and_the_disk(office: Office) -> None:
    root = Path(office.shop.tasks).parents[3]
    uri = open_file(office, "CLAUDE.md", CLAUDE)
    await office.window.until(lambda: uri in office.session.snapshot().analyses)
    assert labels(office, uri) == [], "nothing lies there yet"
    (root / "docs").mkdir()
    (root / "docs" / "a.md").write_text("one two")
    office.session.apply(FilesChanged(paths=(str(root / "docs" / "a.md"),)))
    await office.window.until(lambda: labels(office, uri) == plus("one two"))
    inner = open_file(office, "docs/a.md", "one two")
    office.session.apply(Changed(uri=inner, version=2, text="one two three @b.md"))
    await office.window.until(lambda: labels(office, uri) == plus("one two three @b.md"))
    (root / "docs" / "b.md").write_text("five words are in here")
    office.session.apply(FilesChanged(paths=(str(root / "docs" / "b.md"),)))
    await office.window.until(lambda: labels(office, uri) == plus("one two three @b.md", "five words are in here"))
    office.session.apply(Closed(uri=inner))
    await office.window.until(lambda: labels(office, uri) == plus("one two"))


async def test_a_file_outside_the_workspace_is_never_read(office: Office, tmp_path: Path) -> None:
    root = Path(office.shop.tasks).parents[3]
    outside = tmp_path / "outside.md"
    outside.write_text("secret words of somebody else")
    (root / "link.md").symlink_to(outside)
    uri = open_file(office, "CLAUDE.md", f"@link.md @../outside.md @{outside} @.env")
    (root / ".env").write_text("KEY=1")
    await office.window.until(lambda: uri in office.session.snapshot().analyses)
    included = office.session.snapshot().analyses[uri].included
    assert (included.files, included.tokens) == ((), 0)


async def test_what_is_taken_in_from_an_agents_own_folder_has_its_weight_and_no_settings_are_read(
    office: Office,
) -> None:
    root = Path(office.shop.tasks).parents[3]
    (root / ".claude").mkdir()
    (root / "docs").mkdir()
    (root / "docs" / "deep.md").write_text("five words are in here")
    shared = root / ".claude" / "shared.md"
    shared.write_text("one two @../docs/deep.md")
    (root / ".claude" / "settings.json").write_text("{}")
    uri = open_file(office, "CLAUDE.md", "# Rules\n\nRead @.claude/shared.md and @.claude/settings.json now.\n")
    both = plus("one two @../docs/deep.md", "five words are in here")
    await office.window.until(lambda: labels(office, uri) == both)
    assert office.session.snapshot().analyses[uri].included.files == (".claude/shared.md", "docs/deep.md")
    (lens,) = annotations_of(office.session.snapshot(), uri).lenses
    weight = tokens("one two @../docs/deep.md") + tokens("five words are in here")
    assert f"the 2 files that it includes ({weight})" in lens.tooltip
    office.session.apply(Opened(uri=shared.as_uri(), path=str(shared), version=1, text=shared.read_text()))
    office.session.apply(Changed(uri=shared.as_uri(), version=2, text="three more words"))
    await office.window.until(lambda: labels(office, uri) == plus("three more words"))


async def test_only_what_depends_on_a_change_is_counted_again(office: Office) -> None:
    root = Path(office.shop.tasks).parents[3]
    office.open()
    uri = open_file(office, "CLAUDE.md", CLAUDE)
    other = open_file(office, "notes.md", "# Notes\n")
    known = office.session.snapshot
    await office.window.until(lambda: len(known().analyses) == 2)
    before = known().analyses
    office.session.apply(FilesChanged(paths=(str(root / "notes.md"), str(root / "docs" / "z.md"))))
    office.session.apply(Changed(uri=other, version=2, text="# Notes\n\nmore\n"))
    (root / "docs").mkdir()
    (root / "docs" / "a.md").write_text("one two")
    office.session.apply(FilesChanged(paths=(str(root / "docs" / "a.md"),)))
    await office.window.until(lambda: known().analyses[uri] is not before[uri])
    assert known().analyses[office.uri] is before[office.uri], "no task's estimate depends on it"
    assert other not in known().analyses


async def test_the_cost_per_day_is_of_what_was_booked_in_this_workspace(office: Office) -> None:
    uri = open_file(office, "AGENTS.md", "# Rules\n")
    await office.window.until(lambda: annotations_of(office.session.snapshot(), uri).lenses)
    (lens,) = annotations_of(office.session.snapshot(), uri).lenses
    assert lens.title.endswith("· no requests yet")
    workspace = office.session.snapshot().documents[uri].workspace
    day = office.shop.clock.local_day()
    some = {"spec": "x", "model": MODEL, "first_tokens": 10, "first_pico": 10, "day": day}
    await have_run(office.shop.journal, [10**9, 10**9], workspace="/somewhere/else", **some)
    await have_run(office.shop.journal, [10**9, 10**9, 10**9], workspace=workspace, began=5, **some)
    await office.window.until(lambda: office.session.snapshot().use)
    rate = office.session.snapshot().use[workspace]
    booked = [each for each in office.shop.journal.request_days(first=day) if each.workspace == workspace]
    assert (rate.days, rate.requests) == (1, sum(each.requests for each in booked))
    assert rate.requests >= 3
    (lens,) = annotations_of(office.session.snapshot(), uri).lenses
    assert lens.title.endswith("a day")


async def test_a_place_is_told_of_by_the_smallest_card(office: Office) -> None:
    (Path(office.shop.tasks).parents[3] / "docs").mkdir()
    (Path(office.shop.tasks).parents[3] / "docs" / "a.md").write_text("one two")
    uri = open_file(office, "CLAUDE.md", CLAUDE)
    await office.window.until(lambda: labels(office, uri))
    snapshot = office.session.snapshot()
    whole, reference = card_at(snapshot, uri, 0, 3), card_at(snapshot, uri, 2, 6)
    assert whole is not None and "`CLAUDE.md`" in whole.markdown and "`docs/a.md`" in whole.markdown
    assert reference is not None and reference.markdown.startswith(f"docs/a.md: {tokens('one two')} tokens.")
    assert card_at(snapshot, uri, 2, 0) is None


async def test_a_hook_is_weighed_by_its_prompt(office: Office) -> None:
    text = json.dumps({"name": "a b c", "then": {"type": "askAgent", "prompt": "one two three"}})
    uri = open_file(office, ".kiro/hooks/a.kiro.hook", text)
    await office.window.until(lambda: annotations_of(office.session.snapshot(), uri).lenses)
    (lens,) = annotations_of(office.session.snapshot(), uri).lenses
    assert f"this prompt: {tokens('one two three')} tokens," in lens.tooltip


async def test_small_parts_say_their_size_when_the_user_wants_it(office: Office) -> None:
    large = "# Rules\n\n" + "word " * 300 + "\n"
    both = [f"{tokens(large)} tokens", f"{tokens('# Small')} tokens"]
    uri = open_file(office, "AGENTS.md", f"{large}# Small")
    await office.window.until(lambda: labels(office, uri))
    assert labels(office, uri) == both[:1]
    assert office.session.analyst.toggle_small_hints()
    assert labels(office, uri) == both
    assert not office.session.analyst.toggle_small_hints()
    assert labels(office, uri) == both[:1]


async def test_while_a_text_is_read_again_its_sizes_and_weights_move_with_its_lines(office: Office) -> None:
    root = Path(office.shop.tasks).parents[3]
    (root / "docs").mkdir()
    (root / "docs" / "a.md").write_text("one two")
    text = f"# Rules\n\nRead @docs/a.md first.\n## Long\n{'word ' * 300}\n"
    uri = open_file(office, "CLAUDE.md", text)
    await office.window.until(lambda: len(labels(office, uri)) == 3)

    def shown() -> list[tuple[int, str]]:
        return [(each.line, each.label) for each in annotations_of(office.session.snapshot(), uri).hints]

    before = shown()
    office.session.apply(Changed(uri=uri, version=2, text=f"Intro\n\n{text}"))
    assert shown() == [(line + 2, label) for line, label in before]
    await office.window.until(lambda: office.session.snapshot().analyses[uri].version == 2)
    office.session.apply(Changed(uri=uri, version=3, text=f"Intro\n\n{text}".replace("## Long", "## Longer")))
    assert shown() == [(line + 2, label) for line, label in before]
    office.session.apply(Changed(uri=uri, version=4, text="All is gone.\n"))
    assert shown() == []
    await office.window.until(lambda: office.session.snapshot().analyses[uri].version == 4)
