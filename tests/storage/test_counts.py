"""Counts that are kept from one start to the next."""

from __future__ import annotations

import stat
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
