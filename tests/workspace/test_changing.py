"""Edits and writes: planned whole, in the file's own style, applied atomically once, and told apart after a crash."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import textwrap

import pytest

from bursar.domain.ports import EditPlan, ToolRefused
from bursar.domain.safety.secrets import mask_secrets
from bursar.workspace import LocalFiles

from .support import KEY, Bench, names


def _planned(found: object) -> EditPlan:
    assert isinstance(found, EditPlan), found
    return found


def _message(found: object) -> str:
    assert isinstance(found, ToolRefused), found
    return found.message


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\nb\nc\n", "b", "B", b"a\nB\nc\n"),
        (b"a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\nz\n", b"x\r\ny\r\nz\r\nc\r\n"),
        (b"a\rb\rc", "a\nb", "x\ny", b"x\ry\rc"),
        (b"a\nb\r\nc\n", "b\nc", "d\ne", b"a\nd\ne\n"),
        (b"a\nb\n", "a\r\nb", "c\r\nd", b"c\nd\n"),
        (b"\xef\xbb\xbfa\r\nb", "a\n", "c\n", b"\xef\xbb\xbfc\r\nb"),
        (b"x.*y\nxaay\n", "x.*y", "$1\\1", b"$1\\1\nxaay\n"),
        ("größe\n".encode(), "ö", "oe", b"gr\x6fe\xc3\x9fe\n"),
        (b"gone\n", "gone\n", "", b""),
    ],
)
def test_an_edit_replaces_one_place_and_keeps_the_style(
    bench: Bench, before: bytes, old: str, new: str, after: bytes
) -> None:
    full = bench.put("f", before)
    files = bench.files()
    plan = _planned(files.plan_edit("f", old=old, new=new))
    assert full.read_bytes() == before
    assert plan.sha256_before == hashlib.sha256(before).hexdigest()
    assert plan.sha256_after == hashlib.sha256(after).hexdigest()
    assert files.probe(plan) == "before"
    assert files.apply(plan) is None
    assert full.read_bytes() == after
    assert files.probe(plan) == "after"
    assert bench.passed == ["edit_written", "in_edit", "edit_renamed", "edit_durable"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("zzz", "y", "does not occur"),
        ("a", "y", "occurs 3 times"),
        ("a", "y", "lines 1, 2, 3"),
        ("aa", "y", "occurs 2 times"),
        ("", "y", "old text is empty"),
        ("b", "b", "the same"),
        ("b", "\ud800", "half a character"),
    ],
)
def test_an_edit_that_is_not_clear_is_refused(bench: Bench, old: str, new: str, says: str) -> None:
    bench.put("f", "aaa\nb\n" if old == "aa" else "a\na\na\nb\n")
    assert says in _message(bench.files().plan_edit("f", old=old, new=new))


def test_a_write_makes_a_file_and_its_folders(bench: Bench) -> None:
    files = bench.files()
    plan = _planned(files.plan_write("new/deep/f.py", text="x = 1\n"))
    assert plan.sha256_before is None and files.probe(plan) == "before"
    assert files.apply(plan) is None
    assert (bench.root / "new/deep/f.py").read_text() == "x = 1\n"
    assert "already holds exactly this" in _message(files.plan_write("new/deep/f.py", text="x = 1\n"))
    assert "does not exist" in _message(files.plan_edit("other.py", old="a", new="b"))
    assert "larger than" in _message(files.plan_write("big", text="x" * 2_200_000))


def test_a_write_over_a_file_keeps_line_ends_and_bom(bench: Bench) -> None:
    full = bench.put("f", b"\xef\xbb\xbfa\r\nb\r\n")
    files = bench.files()
    assert files.apply(_planned(files.plan_write("f", text="x\ny\n"))) is None
    assert full.read_bytes() == b"\xef\xbb\xbfx\r\ny\r\n"
    assert "already" in _message(files.plan_write("f", text="x\ny\n"))


def test_a_mask_is_never_written_back(bench: Bench) -> None:
    full = bench.put("f", f"key = {KEY}\nother = 1\n")
    files = bench.files()
    shown = mask_secrets(full.read_text())[0]
    for found in (
        files.plan_write("f", text=shown),
        files.plan_write("new", text=shown),
        files.plan_edit("f", old="other = 1", new=shown),
        files.plan_edit("f", old=shown, new="x"),
    ):
        assert "masked secret" in _message(found)
    assert files.apply(_planned(files.plan_edit("f", old="other = 1", new="other = 2"))) is None
    assert full.read_text() == f"key = {KEY}\nother = 2\n"


def test_a_file_that_changed_since_it_was_planned_is_left_alone(bench: Bench) -> None:
    full = bench.put("f", "a\n")
    files = bench.files()
    plan = _planned(files.plan_edit("f", old="a", new="b"))
    new = _planned(files.plan_write("g", text="mine\n"))
    full.write_text("somebody's\n")
    bench.put("g", "somebody's\n")
    for each in (plan, new):
        assert "has changed since it was read" in _message(files.apply(each))
        assert files.probe(each) == "conflict"
        assert (bench.root / each.path).read_text() == "somebody's\n"
    full.unlink()
    assert isinstance(files.apply(plan), ToolRefused) and not full.exists()


def test_a_change_while_we_write_is_seen_before_the_rename(bench: Bench) -> None:
    full = bench.put("f", "a\n")

    def somebody_is_faster(_: str) -> None:
        full.write_text("theirs\n")

    files = LocalFiles(bench.root, buffers=None, failpoint=somebody_is_faster)
    assert "has changed" in _message(files.apply(_planned(files.plan_edit("f", old="a", new="b"))))
    assert full.read_text() == "theirs\n"
    assert names(bench.root) == ["f"]


def test_a_plan_without_its_text_is_not_applied(bench: Bench) -> None:
    full = bench.put("f", "a\n")
    plan = _planned(bench.files().plan_edit("f", old="a", new="b"))
    hollow = EditPlan(
        path=plan.path,
        sha256_before=plan.sha256_before,
        sha256_after=plan.sha256_after,
        text_after="",
        in_editor=False,
    )
    assert isinstance(bench.files().apply(hollow), ToolRefused)
    assert full.read_text() == "a\n"


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o664])
def test_the_mode_stays(bench: Bench, mode: int) -> None:
    full = bench.put("f", "a\n")
    full.chmod(mode)
    files = bench.files()
    assert files.apply(_planned(files.plan_edit("f", old="a", new="b"))) is None
    assert full.stat().st_mode & 0o7777 == mode


def test_a_read_only_file_is_not_replaced(bench: Bench) -> None:
    bench.put("f", "a\n").chmod(0o444)
    assert "read-only" in _message(bench.files().plan_edit("f", old="a", new="b"))
    assert "read-only" in _message(bench.files().plan_write("f", text="b"))


async def test_a_dirty_document_is_planned_from_the_editor_and_never_written_on_disk(bench: Bench) -> None:
    full = bench.put("f", "disk\n")
    bench.buffers.unsaved[str(full)] = "editor\r\ntwo\r\n"
    files = bench.files()
    plan = _planned(files.plan_edit("f", old="editor\ntwo", new="changed\nTWO"))
    assert plan.in_editor and plan.text_after == "changed\r\nTWO\r\n"
    assert _planned(files.plan_write("f", text="all\n")).text_after == "all\r\n"
    assert "in the editor" in _message(files.apply(plan))
    assert full.read_text() == "disk\n"
    assert await bench.buffers.replace(str(full), expected="editor\r\ntwo\r\n", new=plan.text_after)


def test_a_file_open_in_the_editor_and_gone_from_disk_is_the_editors(bench: Bench) -> None:
    bench.buffers.unsaved[str(bench.root / "f")] = "editor\n"
    assert _planned(bench.files().plan_write("f", text="x\n")).in_editor


def test_a_kill_in_the_middle_leaves_the_old_file_and_the_next_change_cleans_up(bench: Bench) -> None:
    full = bench.put("sub/f", "a\n")
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from bursar.workspace import LocalFiles
        files = LocalFiles(Path(sys.argv[1]), buffers=None, failpoint=lambda name: os.kill(os.getpid(), signal.SIGKILL))
        files.apply(files.plan_edit("sub/f", old="a", new="b"))
    """)
    ended = subprocess.run([sys.executable, "-c", script, str(bench.root)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert full.read_text() == "a\n"
    assert [each for each in names(full.parent) if each.startswith(".bursar-")]
    files = bench.files()
    assert files.list("sub") == "f\t2 bytes"
    plan = _planned(files.plan_edit("sub/f", old="a", new="b"))
    assert files.probe(plan) == "before"
    assert files.apply(plan) is None
    assert names(full.parent) == ["f"] and full.read_text() == "b\n"


def test_a_temporary_file_of_a_living_writer_is_left(bench: Bench) -> None:
    full = bench.put("f", "a\n")
    bench.put("g", "a\n")
    other = bench.files()
    there: list[list[str]] = []

    def in_the_middle(point: str) -> None:
        if point != "in_edit":
            return
        assert other.apply(_planned(other.plan_edit("g", old="a", new="b"))) is None
        there.append(names(bench.root))

    files = LocalFiles(bench.root, buffers=None, failpoint=in_the_middle)
    assert files.apply(_planned(files.plan_edit("f", old="a", new="b"))) is None
    assert full.read_text() == "b\n" and len(there[0]) == 3
    assert names(bench.root) == ["f", "g"]


def test_a_disk_that_cannot_be_written_is_told(bench: Bench) -> None:
    bench.put("d/f", "a\n")
    files = bench.files()
    plan = _planned(files.plan_write("d/new", text="y"))
    (bench.root / "d/f").unlink()
    (bench.root / "d").rmdir()
    (bench.root / "d").write_text("a file now")
    assert "could not be written" in _message(files.apply(plan))
    assert (bench.root / "d").read_text() == "a file now"
