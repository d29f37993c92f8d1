"""Which documents are dirty, and the smallest edit between two texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.text.blocks import TextBlocks
from bursar.session.documents import Buffers, smallest_edit
from bursar.session.model import BufferEdit, Document
from support import plain_text
from support.fakes import FakeClock

from .conftest import Window

TEXTS = st.text(alphabet=st.sampled_from("ab\r\n🦀é \u2028"), max_size=12)


class Desk:
    """One document and its file."""

    def __init__(self, path: Path, disk: str) -> None:
        self.path, self.clock, self.window = path, FakeClock(), Window()
        path.write_bytes(disk.encode())
        self.document = self._document(1, disk)
        self.buffers = Buffers(editor=self.window, clock=self.clock, documents=lambda: [self.document])
        self.buffers.opened(self.document)

    def _document(self, version: int, text: str) -> Document:
        return Document(
            uri=self.path.as_uri(), path=str(self.path), version=version, blocks=TextBlocks.of(text), kind="other"
        )

    def type(self, text: str) -> None:
        self.document = self._document(self.document.version + 1, text)
        self.buffers.changed()

    def write(self, text: str) -> None:
        self.path.write_bytes(text.encode())

    @property
    def unsaved(self) -> str | None:
        return self.buffers.unsaved_text(str(self.path))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk((tmp_path / "a.py").resolve(), "one\n")


def test_a_document_is_dirty_from_the_first_key_to_the_save(desk: Desk) -> None:
    assert desk.unsaved is None
    desk.type("two\n")
    assert desk.unsaved == "two\n"
    desk.write("two\n")
    desk.buffers.saved(desk.document)
    assert desk.unsaved is None
    desk.type("one\n")
    assert desk.unsaved == "one\n", "what was saved over is not a reload to come"


def test_a_line_end_alone_makes_it_dirty_and_a_byte_order_mark_does_not(desk: Desk) -> None:
    desk.type("one\r\n")
    assert desk.unsaved == "one\r\n"
    desk.write("\ufeffone\r\n")
    assert desk.unsaved is None


def test_a_clean_document_stays_clean_while_others_write_its_file(desk: Desk) -> None:
    desk.write("agent 1\n")
    assert desk.unsaved is None
    desk.write("agent 2\n")
    assert desk.unsaved is None
    desk.type("agent 1\n")
    assert desk.unsaved is None, "the editor has reloaded the first write only"
    desk.type("agent 2\n")
    assert desk.unsaved is None
    desk.clock.advance(60)
    desk.type("agent 1\n")
    assert desk.unsaved == "agent 1\n", "long after, the same text is the user's own"


def test_text_kept_from_the_last_session_is_dirty_at_once(tmp_path: Path) -> None:
    path = (tmp_path / "a.py").resolve()
    desk = Desk(path, "one\n")
    desk.document = desk._document(1, "kept\n")
    desk.buffers.opened(desk.document)
    assert desk.unsaved == "kept\n"


def test_a_link_to_the_file_is_the_file(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "link.py").symlink_to(desk.path)
    desk.type("two\n")
    assert desk.buffers.unsaved_text(str(tmp_path / "link.py")) == "two\n"


async def test_an_edit_of_a_text_that_has_changed_is_refused_without_asking(desk: Desk) -> None:
    desk.type("two\n")
    assert not await desk.buffers.replace(str(desk.path), expected="one\n", new="three\n")
    assert desk.window.edits == []


async def test_an_edit_counts_when_the_editor_applied_it(desk: Desk) -> None:
    def apply(edit: BufferEdit) -> bool:
        changed = plain_text.change(desk.document.text, (edit.start, edit.end), edit.new_text, "utf-32")
        assert changed is not None
        desk.type(changed)
        return True

    desk.type("two\n")
    assert not await desk.buffers.replace(str(desk.path), expected="two\n", new="three\n")
    desk.window.applies = apply
    assert await desk.buffers.replace(str(desk.path), expected="two\n", new="three\n")
    assert desk.unsaved == "three\n"
    assert [each.version for each in desk.window.edits] == [2, 2]


@given(old=TEXTS, new=TEXTS)
def test_the_smallest_edit_makes_one_text_of_the_other(old: str, new: str) -> None:
    document = Document(uri="file:///a", path="/a", version=3, blocks=TextBlocks.of(old), kind="other")
    edit = smallest_edit(document, new)
    assert plain_text.change(old, (edit.start, edit.end), edit.new_text, "utf-32") == new
    assert (edit.uri, edit.version) == ("file:///a", 3)


def test_a_tick_is_an_edit_of_one_character() -> None:
    blocks = TextBlocks.of("# 🦀\r\n- [ ] 1. 🦀\r\n")
    document = Document(uri="u", path="/a", version=1, blocks=blocks, kind="tasks")
    edit = smallest_edit(document, document.text.replace("[ ]", "[x]"))
    assert (edit.start, edit.end, edit.new_text) == ((1, 3), (1, 4), "x")
