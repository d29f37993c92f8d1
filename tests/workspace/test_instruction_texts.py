"""The texts that agents read: found within bounds, read again when written, and nothing behind links or in secrets."""

from __future__ import annotations

import os
from pathlib import Path

from bursar.workspace import LocalInstructionTexts, instruction_texts


def wanted(path: str) -> bool:
    return path.endswith(".md")


def test_what_is_wanted_is_found_wherever_it_lies_and_nothing_that_was_made(tmp_path: Path) -> None:
    for path in (
        "AGENTS.md",
        "a/b/AGENTS.md",
        "node_modules/x/AGENTS.md",
        ".git/AGENTS.md",
        ".kiro/steering/a.md",
        "x.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path, "utf-8")
    texts = LocalInstructionTexts(tmp_path)
    assert texts.paths(wanted) == (".kiro/steering/a.md", "AGENTS.md", "a/b/AGENTS.md")
    (tmp_path / "a" / "NEW.md").write_text("new", "utf-8")
    (tmp_path / "AGENTS.md").unlink()
    assert texts.paths(wanted) == (".kiro/steering/a.md", "a/NEW.md", "a/b/AGENTS.md")


def test_links_are_not_followed_and_what_may_hold_keys_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.md").write_text("outside", "utf-8")
    (root / "link.md").symlink_to(tmp_path / "outside.md")
    (root / "folder").symlink_to(tmp_path)
    (root / ".env").write_text("KEY=1", "utf-8")
    (root / ".ssh").mkdir()
    (root / ".ssh" / "notes.md").write_text("notes", "utf-8")
    texts = LocalInstructionTexts(root)
    assert texts.paths(wanted) == ()
    for path in ("link.md", "folder/outside.md", "../outside.md", ".env", ".ssh/notes.md", "/etc/hostname", "none.md"):
        assert texts.text(path) is None
    assert texts.exists("link.md")
    assert not texts.exists("none.md")


def test_a_text_is_read_again_when_it_was_written_and_not_before(tmp_path: Path) -> None:
    file = tmp_path / "AGENTS.md"
    file.write_bytes(b"\xef\xbb\xbfone")
    texts = LocalInstructionTexts(tmp_path)
    first = texts.text("AGENTS.md")
    assert first == "one"
    assert texts.text("AGENTS.md") is first  # a text that was read again would be another object
    file.write_text("two, longer", "utf-8")
    assert texts.text("AGENTS.md") == "two, longer"


def test_binary_and_large_files_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"a\0b")
    (tmp_path / "b.md").write_bytes(b"\xff\xfe")
    (tmp_path / "c.md").write_bytes(b"x" * (instruction_texts.LARGEST_BYTES + 1))
    texts = LocalInstructionTexts(tmp_path)
    assert [texts.text(f"{each}.md") for each in "abc"] == [None, None, None]


def test_a_huge_workspace_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("near", "utf-8")
    (tmp_path / "many").mkdir()
    for number in range(100):
        os.close(os.open(tmp_path / "many" / f"{number:03}.md", os.O_CREAT))
    assert LocalInstructionTexts(tmp_path, most_entries=50).paths(wanted) == ("AGENTS.md",)


def test_the_orders_in_agents_own_folders_are_read_and_nothing_else_there(tmp_path: Path) -> None:
    orders = [
        ".claude/skills/deploy/SKILL.md",
        ".clinerules/style.md",
        ".cursor/rules/style.mdc",
        ".kiro/hooks/lint.kiro.hook",
        ".windsurf/rules/style.md",
    ]
    others = [
        ".claude/notes.md",
        ".claude/settings.local.json",
        ".claude/projects/x/chat.jsonl",
        ".claude/rules/.env/style.md",
        ".cursor/mcp.json",
        ".cursor/rules/.ssh/style.mdc",
        ".gemini/tools.py",
    ]
    for path in (*orders, *others):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path, "utf-8")
    texts = LocalInstructionTexts(tmp_path)
    assert texts.paths(lambda _: True) == tuple(orders)
    assert [each for each in (*orders, *others) if texts.text(each) is not None] == orders
    prose = [".claude/notes.md", *orders]
    assert sorted(each for each in (*orders, *others) if texts.included(each) is not None) == prose


def test_what_is_taken_in_from_an_agents_folder_is_prose_and_no_link_leads_out(tmp_path: Path) -> None:
    folder = tmp_path / "root" / ".claude"
    folder.mkdir(parents=True)
    for name in ("shared.md", "settings.json", "log.txt", ".env.md"):
        (folder / name).write_text(name, "utf-8")
    (tmp_path / "outside.md").write_text("outside", "utf-8")
    (folder / "link.md").symlink_to(tmp_path / "outside.md")
    (folder / "to_settings.md").symlink_to(folder / "settings.json")
    texts = LocalInstructionTexts(tmp_path / "root")
    names = (
        "shared.md",
        "settings.json",
        "log.txt",
        ".env.md",
        "link.md",
        "to_settings.md",
        "none.md",
        "../../outside.md",
    )
    assert [each for each in names if texts.included(f".claude/{each}") is not None] == ["shared.md", "log.txt"]
