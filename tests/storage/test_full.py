"""No space: nothing half-written, a sentence, and work again when there is space."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.domain.errors import StorageError, StoreFull, StoreReadOnly

from .building import ask_file, begin, open_at, owned, settle
from .processes import Child

ALL_OR_NOTHING = (
    "SELECT (SELECT count(*) FROM step WHERE status = 'done') - (SELECT count(*) FROM ledger),"
    " (SELECT count(*) FROM step WHERE status = 'intent') - (SELECT count(*) FROM hold),"
    " (SELECT count(*) FROM ledger)"
    " - (SELECT coalesce(sum(requests), 0) FROM roll WHERE dimension = 'day' AND local_day = '*')"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("mounting a small disk needs root")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "bursar-test", str(place)], check=False)
    if made.returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_is_said_and_the_journal_works_again_with_space(small_disk: Path) -> None:
    home = small_disk / "home"
    journal = open_at(home)
    try:
        epoch = await owned(journal)
        done = 0
        with pytest.raises(StoreFull, match=r"bursar\.db: no space is left.*nothing .* written.*Free some"):
            for n in range(1, 1_000):
                await begin(journal, epoch, key=f"m{n}", body=os.urandom(2_000))
                await settle(journal, epoch, key=f"m{n}", result={"n": n})
                done = n
        assert done > 3
        assert ask_file(home, ALL_OR_NOTHING) == [(0, 0, 0)]
        assert len(journal.requests()) in (done, done + 1)
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        await journal.append_event(run="run-1", kind="again", data={})
        key = f"m{done + 500}"
        await begin(journal, epoch, key=key)
        await settle(journal, epoch, key=key, result={})
        assert journal.verify_chain() is None
    finally:
        journal.close()


async def test_no_store_can_be_begun_on_a_full_disk(small_disk: Path) -> None:
    filler = small_disk / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space"):
        while True:
            os.write(handle, b"x" * 4_096)
    os.close(handle)
    with pytest.raises(StoreFull):
        open_at(small_disk / "home")
    filler.unlink()
    open_at(small_disk / "home").close()


def test_a_read_only_place_is_said(small_disk: Path) -> None:
    home = small_disk / "home"
    open_at(home).close()
    for made in (True, False):
        if not made:
            (home / "bursar.db").unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        try:
            with pytest.raises(StoreReadOnly, match=r"cannot be written by this user.*BURSAR_HOME"):
                open_at(home)
        finally:
            subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)


def test_files_that_may_not_grow_are_said_and_nothing_is_half_written(home: Path) -> None:
    with Child("small", home, "1000000") as child:
        said = child.heard()
    assert said["done"] > 3
    assert said["error"] in {each.__name__ for each in (StorageError, StoreFull)}
    assert "bursar.db" in said["message"]
    assert said["readable"]
    assert ask_file(home, ALL_OR_NOTHING) == [(0, 0, 0)]
    assert ask_file(home, "PRAGMA integrity_check") == [("ok",)]
    journal = open_at(home)
    assert journal.verify_chain() is None
    journal.close()


def test_a_check_on_a_full_disk_says_so_and_tells_the_same_again_with_space(small_disk: Path, tmp_path: Path) -> None:
    steering = tmp_path / "project" / ".kiro" / "steering"
    steering.mkdir(parents=True)
    (steering / "a.md").write_text("# Rules\n\nBe kind.\n")

    def check() -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "bursar", "check", ".kiro/steering/a.md"],
            cwd=tmp_path / "project",
            env={**os.environ, "BURSAR_HOME": str(small_disk / "home")},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    before = check()
    assert before[0] == 0 and "resident" in before[1]
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 4_096)
    code, out, said = check()
    assert (code, out) == (4, "")
    assert said.startswith(f"bursar: {small_disk / 'home' / 'bursar.db'}") and "space" in said
    assert "Traceback" not in said
    (small_disk / "filler").unlink()
    assert check() == before
