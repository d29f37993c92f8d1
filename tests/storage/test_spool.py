"""What is kept of an answer in flight, and what a full disk does to it."""

import os
from pathlib import Path

import pytest

from bursar.storage.spool import FileSpool

ATTEMPT = {"run": "run-1", "key": "m1", "attempt": 1}


def test_what_was_kept_is_there_for_another_process(tmp_path):
    spool = FileSpool(tmp_path)
    spool.start(**ATTEMPT, request_id="req_1")
    spool.keep(b"data: a\n")
    spool.keep(b"data: b\n")
    assert FileSpool(tmp_path).read(**ATTEMPT) == ("req_1", b"data: a\ndata: b\n")
    spool.drop(**ATTEMPT)
    assert FileSpool(tmp_path).read(**ATTEMPT) is None


def test_nothing_begun_is_nothing_kept(tmp_path):
    assert FileSpool(tmp_path).read(**ATTEMPT) is None
    FileSpool(tmp_path).drop(**ATTEMPT)


def test_only_the_user_can_read_it(tmp_path):
    before = os.umask(0)
    try:
        spool = FileSpool(tmp_path)
        spool.start(**ATTEMPT, request_id="req_1")
    finally:
        os.umask(before)
    (kept,) = (tmp_path / "inflight").iterdir()
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_name_cannot_leave_the_folder(tmp_path):
    spool = FileSpool(tmp_path)
    spool.start(run="../../up", key="m1", attempt=1, request_id="req_1")
    assert [each.parent.name for each in tmp_path.rglob("*") if each.is_file()] == ["inflight"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_ends_the_copy_and_not_the_answer(tmp_path):
    spool = FileSpool(tmp_path)
    spool.start(**ATTEMPT, request_id="req_1")
    spool.keep(b"data: a\n")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, spool._handle)
    os.close(full)
    spool.keep(b"data: b\n")
    spool.keep(b"data: c\n")
    assert FileSpool(tmp_path).read(**ATTEMPT) == ("req_1", b"data: a\n")


def test_a_folder_that_cannot_be_made_keeps_nothing(tmp_path):
    (tmp_path / "inflight").write_text("in the way")
    spool = FileSpool(tmp_path)
    spool.start(**ATTEMPT, request_id="req_1")
    spool.keep(b"data: a\n")
    spool.stop()
