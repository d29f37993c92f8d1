"""Counts that are kept from one start to the next."""

from __future__ import annotations

import fcntl
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bursar.storage.counts import KEPT, CountFile, drop_counts
from bursar.tokens import TiktokenCounter
from bursar.tokens.encodings import fingerprint

TEXT = "# Plan\n\n" + "- [ ] 1. A task, and what is to be done about it.\n" * 200


def test_what_was_counted_needs_no_ranks_the_next_time(tmp_path: Path) -> None:
    first = TiktokenCounter(memory=CountFile(tmp_path, made_by=fingerprint()))
    counted = [first.count(TEXT), first.count("short"), first.count(TEXT, encoding="cl100k_base")]
    first.keep()
    assert stat.S_IMODE((tmp_path / "counts").stat().st_mode) == 0o600
    second = TiktokenCounter(memory=CountFile(tmp_path, made_by=fingerprint()))
    assert [second.count(TEXT), second.count("short"), second.count(TEXT, encoding="cl100k_base")] == counted
    assert not second.ready("o200k_base") and not second.ready("cl100k_base")
    assert second.count(TEXT + "and more") > counted[0]
    assert second.ready("o200k_base"), "what is not known is counted"


def test_once_the_ranks_are_loaded_a_number_that_was_kept_is_not_believed(tmp_path: Path) -> None:
    file = CountFile(tmp_path, made_by="these")
    first = TiktokenCounter(memory=file)
    right = first.count(TEXT)
    first.keep()
    file.keep({digest: number + 5 for digest, number in file.read().items()})
    second = TiktokenCounter(memory=file)
    assert second.count(TEXT) > right
    second.load("o200k_base")
    assert second.count(TEXT) == right


@pytest.mark.parametrize("damage", ["cut short", "a changed byte", "other tables", "empty", "missing", "a folder"])
def test_what_is_damaged_or_of_other_tables_is_nothing(damage: str, tmp_path: Path) -> None:
    file, path = CountFile(tmp_path, made_by="these"), tmp_path / "counts"
    file.keep({bytes([number]) * 16: number for number in range(100)})
    assert len(file.read()) == 100
    data = path.read_bytes()
    match damage:
        case "cut short":
            path.write_bytes(data[:-20])
        case "a changed byte":
            path.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
        case "other tables":
            file = CountFile(tmp_path, made_by="those")
        case "empty":
            path.write_bytes(b"")
        case "missing":
            drop_counts(tmp_path)
        case _:
            path.unlink()
            path.mkdir()
    assert file.read() == {}


def test_the_newest_are_kept_and_no_more_than_the_bound(tmp_path: Path) -> None:
    file = CountFile(tmp_path, made_by="these")
    file.keep({number.to_bytes(16): number for number in range(KEPT + 10)})
    kept = file.read()
    assert len(kept) == KEPT and next(iter(kept.values())) == 10
    assert (tmp_path / "counts").stat().st_size < 400_000


COUNTING = """
import os, resource, sys
from pathlib import Path
from bursar.storage.counts import CountFile
from bursar.tokens import TiktokenCounter
from bursar.tokens.encodings import fingerprint

counter = TiktokenCounter(memory=CountFile(Path(sys.argv[1]), made_by=fingerprint()))
counter.count("what both have read before: " + "word " * 50)
print("ready", flush=True)
for line in sys.stdin:
    order, _, text = line.rstrip().partition(" ")
    if order == "count":
        print(counter.count(text + " " + "word " * 50), flush=True)
    elif order == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(text), int(text)))
        print("limited", flush=True)
    else:
        try:
            counter.keep()
            print("kept", flush=True)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
"""


class Window:
    """A process with a counter of its own on a state folder."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-c", COUNTING, str(home)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.heard()

    def heard(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def told(self, order: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.heard()

    def end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def kept_in(home: Path) -> set[bytes]:
    return set(CountFile(home, made_by=fingerprint()).read())


def test_two_windows_keep_what_both_have_counted_and_nothing_that_was_erased_comes_back(tmp_path: Path) -> None:
    one, other = Window(tmp_path), Window(tmp_path)
    try:
        for window, text in ((one, "the first window"), (other, "the second window")):
            window.told(f"count {text}")
            assert window.told("keep") == "kept"
        both = kept_in(tmp_path)
        assert len(both) == 3, "one text that both have read, and one of each"
        drop_counts(tmp_path)
        for window, text in ((one, "after the erasure"), (other, "after it, too")):
            window.told(f"count {text}")
            window.told("keep")
        assert not both & kept_in(tmp_path)
        one.told("count much later")
        one.told("keep")
        assert len(kept_in(tmp_path)) == 1, "what is counted from then on is kept again"
    finally:
        one.end()
        other.end()


@pytest.mark.parametrize("gave", [True, False], ids=["gave before", "gave nothing yet"])
def test_a_window_that_keeps_last_after_an_erasure_brings_nothing_back(tmp_path: Path, gave: bool) -> None:
    one, other = Window(tmp_path), Window(tmp_path)
    try:
        one.told("count what is erased")
        if gave:
            assert one.told("keep") == "kept"
        alone = tmp_path / "alone"
        alone.mkdir()
        counter = TiktokenCounter(memory=CountFile(alone, made_by=fingerprint()))
        counter.count("what is erased " + "word " * 50)
        counter.keep()
        erased = kept_in(alone)
        assert len(erased) == 1 and (not gave or erased <= kept_in(tmp_path))
        drop_counts(tmp_path)
        # The other window keeps something by then, so the file is there and holds counts.
        for text in ("of the other window", "more of it"):
            other.told(f"count {text}")
            assert other.told("keep") == "kept"
        assert kept_in(tmp_path)
        one.told("count what comes later")
        assert one.told("keep") == "kept"
        assert not erased & kept_in(tmp_path)
    finally:
        one.end()
        other.end()


def test_an_erasure_between_the_look_and_the_writing_is_not_overtaken(tmp_path: Path) -> None:
    class Erasing(CountFile):
        def read(self) -> dict[bytes, int]:
            there = super().read()
            drop_counts(tmp_path)
            return there

    CountFile(tmp_path, made_by="these").keep({b"0" * 16: 1})
    counter = TiktokenCounter(memory=Erasing(tmp_path, made_by="these"))
    counter.load("o200k_base")
    counter.count(TEXT)
    counter.keep()
    assert not CountFile(tmp_path, made_by="these").read()
    assert stat.S_IMODE((tmp_path / "counts.erased").stat().st_mode) == 0o600


def test_a_disk_that_is_full_leaves_what_was_kept_and_nothing_half_written(tmp_path: Path) -> None:
    window = Window(tmp_path)
    try:
        assert window.told("keep") == "kept"
        before = (tmp_path / "counts").read_bytes()
        assert window.told("limit 100") == "limited"
        window.told("count one more")
        assert window.told("keep").startswith(f"StoreFull {tmp_path / 'counts'}: no space is left")
        assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"counts": before}
    finally:
        window.end()


def test_what_a_killed_process_left_is_removed_and_what_another_one_writes_is_not(tmp_path: Path) -> None:
    left, being_written = tmp_path / ".counts.0000dead", tmp_path / ".counts.00001234"
    left.write_bytes(b"half")
    with being_written.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        CountFile(tmp_path, made_by="these").keep({b"0" * 16: 1})
        assert {each.name for each in tmp_path.iterdir()} == {"counts", being_written.name}
    CountFile(tmp_path, made_by="these").keep({b"0" * 16: 1})
    assert {each.name for each in tmp_path.iterdir()} == {"counts"}


def test_a_window_that_is_killed_while_it_keeps_leaves_a_file_that_is_whole(tmp_path: Path) -> None:
    window = Window(tmp_path)
    for number in range(20):
        window.told(f"count text {number}")
        window.told("keep")
    assert window.process.stdin is not None
    window.process.stdin.write("count the last\nkeep\nkeep\n")
    window.process.stdin.flush()
    window.heard()
    window.process.send_signal(signal.SIGKILL)
    window.end()
    assert len(kept_in(tmp_path)) in (21, 22)
