"""What is kept of the user's files before a change, in a repository and elsewhere, and how it comes back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bursar.domain.snapshots import FileState
from bursar.workspace.snapshots import LocalSnapshots, SnapshotLimits

RUN = "run-1"
Make = Callable[..., LocalSnapshots]


def git(root: Path, *arguments: str) -> str:
    quiet = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *quiet, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "w"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_bytes(b"a = 1\r\n")
    (folder / "b.bin").write_bytes(bytes(range(256)))
    return folder


@pytest.fixture(params=["git", "copies"])
def kind(request: pytest.FixtureRequest, root: Path) -> str:
    if request.param == "git":
        git(root, "init", "-q")
        (root / ".gitignore").write_text("ignored/\n")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "x")
    return str(request.param)


@pytest.fixture
def make(root: Path, tmp_path: Path) -> Make:
    def made(**more: object) -> LocalSnapshots:
        return LocalSnapshots(root, home=tmp_path / "home", env=os.environ, failpoint=lambda _: None, **more)  # type: ignore[arg-type]

    return made


def undo(shots: LocalSnapshots, word: dict[str, object]) -> dict[str, FileState]:
    """Bring everything back that differs; what was there before it."""
    changes = shots.changes(RUN, word)
    assert not isinstance(changes, str), changes
    for each in changes:
        assert shots.restore(RUN, each.path, expected=each.after, target=each.before) is None
    return {each.path: each.after for each in changes}


def test_everything_a_command_did_is_undone(root: Path, kind: str, make: Make) -> None:
    shots = make()
    word = shots.take(RUN)
    assert word["kind"] == kind
    assert shots.changes(RUN, word) == ()
    (root / "src" / "a.py").write_bytes(b"a = 2\n")
    (root / "b.bin").unlink()
    (root / "new" / "deep").mkdir(parents=True)
    (root / "new" / "deep" / "c").write_bytes(b"c")
    (root / "src" / "a.py").chmod(0o755)
    done = undo(make(), word)  # another process may do it
    assert set(done) == {"src/a.py", "b.bin", "new/deep/c"}
    assert (root / "src" / "a.py").read_bytes() == b"a = 1\r\n"
    assert not os.access(root / "src" / "a.py", os.X_OK)
    assert (root / "b.bin").read_bytes() == bytes(range(256))
    assert not (root / "new" / "deep" / "c").exists()
    assert make().changes(RUN, word) == ()


def test_a_file_rewritten_in_the_same_moment_with_the_same_size_is_seen(root: Path, kind: str, make: Make) -> None:
    shots = make()
    path = root / "src" / "a.py"
    for number in range(4):
        path.write_bytes(b"%7d" % number)
        word = shots.take(RUN)
        at = path.stat()
        path.write_bytes(b"%7d" % (number + 50))
        os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
        assert set(undo(shots, word)) == {"src/a.py"}
        assert path.read_bytes() == b"%7d" % number


def test_changes_meanwhile_are_left_alone(root: Path, kind: str, make: Make) -> None:
    shots = make()
    word = shots.take(RUN)
    (root / "src" / "a.py").write_bytes(b"a = 2\n")
    (change,) = shots.changes(RUN, word)
    (root / "src" / "a.py").write_bytes(b"mine\n")
    said = shots.restore(RUN, "src/a.py", expected=change.after, target=change.before)
    assert said is not None and "has changed since" in said
    assert (root / "src" / "a.py").read_bytes() == b"mine\n"
    (root / "src" / "a.py").unlink()
    (root / "src" / "a.py").symlink_to("/etc/passwd")
    assert "through a link" in str(shots.restore(RUN, "src/a.py", expected=change.after, target=change.before))


def test_what_may_hold_keys_is_not_copied(root: Path, kind: str, make: Make, tmp_path: Path) -> None:
    (root / ".env").write_text("TOKEN=zebra-canary-9\n")
    shots = make()
    word = shots.take(RUN)
    (root / ".env").write_text("TOKEN=other\n")
    assert shots.changes(RUN, word) == ()
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept and all(b"zebra" not in path.read_bytes() for path in kept)


def test_kept_files_are_the_users_alone(root: Path, kind: str, make: Make, tmp_path: Path) -> None:
    (root / "fresh").write_text("fresh")
    old = os.umask(0)
    try:
        shots = make()
        shots.take(RUN)
        shots.keep(RUN, b"x")
    finally:
        os.umask(old)
    for path in (tmp_path / "home" / "kept").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_repository_itself_is_never_touched(root: Path, make: Make) -> None:
    git(root, "init", "-q")
    (root / "src" / "a.py").write_text("staged\n")
    git(root, "add", "src/a.py")
    canary = root / "ran"
    evil = root / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    evil.chmod(0o755)
    for name in ("post-index-change", "reference-transaction"):
        (root / ".git" / "hooks" / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (root / ".git" / "hooks" / name).chmod(0o755)
    for setting in ("filter.evil.clean", "filter.evil.smudge", "core.fsmonitor", "core.sshCommand", "core.pager"):
        git(root, "config", setting, str(evil))
    (root / ".git" / "info").mkdir(exist_ok=True)
    (root / ".git" / "info" / "attributes").write_text("* filter=evil text eol=crlf ident\n")

    def repository() -> dict[str, tuple[bytes, int]]:
        files = [path for path in (root / ".git").rglob("*") if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    canary.unlink(missing_ok=True)
    before = repository()
    shots = make()
    word = shots.take(RUN)
    assert word["kind"] == "git"
    (root / "src" / "a.py").write_text("other $Id$\n")
    assert set(undo(shots, word)) == {"src/a.py"}
    assert (root / "src" / "a.py").read_bytes() == b"staged\n"
    assert repository() == before
    assert not canary.exists()


def test_bytes_that_git_has_are_not_copied(root: Path, make: Make, tmp_path: Path) -> None:
    noise = os.urandom(300_000)
    (root / "large").write_bytes(noise)
    git(root, "init", "-q")
    git(root, "add", "-A")
    shots = make()
    word = shots.take(RUN)
    kept = sum(path.stat().st_size for path in (tmp_path / "home" / "kept").rglob("*") if path.is_file())
    assert kept < 50_000
    (root / "large").write_bytes(b"gone")
    undo(shots, word)
    assert (root / "large").read_bytes() == noise


def test_files_that_git_begins_to_list_are_not_taken_for_new_ones(root: Path, make: Make) -> None:
    git(root, "init", "-q")
    (root / ".gitignore").write_text("mine.txt\nalso.txt\n")
    (root / "mine.txt").write_text("old and ignored")
    (root / "also.txt").write_text("old and ignored")
    shots = make()
    word = shots.take(RUN)
    (root / ".gitignore").write_text("")
    (root / "also.txt").write_text("written by the command")
    changes = shots.changes(RUN, word)
    assert not isinstance(changes, str)
    states = {each.path: each for each in changes}
    assert set(states) == {".gitignore", "also.txt"}
    was = states["also.txt"]
    assert "not kept" in str(shots.restore(RUN, "also.txt", expected=was.after, target=was.before))
    assert (root / "also.txt").read_text() == "written by the command"


@pytest.mark.parametrize("limit", ["copied_files", "copied_bytes", "repository_files", "repository_new_bytes"])
def test_a_workspace_that_is_too_large_is_said_not_to_be_covered(root: Path, make: Make, limit: str) -> None:
    if limit.startswith("repository"):
        git(root, "init", "-q")
    word = make(limits=SnapshotLimits(**{limit: 1})).take(RUN)
    assert word["kind"] == "none"
    assert "1" in word["why"]
    assert make().changes(RUN, word) == word["why"]


def test_a_file_that_is_too_large_is_seen_to_change_and_left(root: Path, kind: str, make: Make) -> None:
    large = root / "large"
    large.write_bytes(b"\0" * (17 * 1024 * 1024))
    shots = make()
    word = shots.take(RUN)
    assert shots.changes(RUN, word) == ()
    large.write_bytes(b"small")
    (change,) = shots.changes(RUN, word)
    assert "not kept" in str(shots.restore(RUN, "large", expected=change.after, target=change.before))
    assert large.read_bytes() == b"small"
    assert "larger than" in str(shots.keep(RUN, b"\0" * (17 * 1024 * 1024)))


def test_a_folder_that_an_outer_repository_ignores_is_copied(root: Path, make: Make, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*\n")
    shots = make()
    word = shots.take(RUN)
    assert word["kind"] == "copies"
    (root / "b.bin").write_bytes(b"")
    assert set(undo(shots, word)) == {"b.bin"}


def test_bytes_that_were_kept_and_then_damaged_are_not_brought_back(root: Path, make: Make, tmp_path: Path) -> None:
    shots = make()
    sha256 = shots.now("b.bin")
    assert isinstance(sha256, FileState) and sha256.sha256 is not None
    assert shots.keep_file(RUN, "b.bin", sha256.sha256) is None
    assert shots.content(RUN, sha256.sha256) == bytes(range(256))
    (tmp_path / "home" / "kept" / RUN / sha256.sha256).write_bytes(b"other")
    assert shots.content(RUN, sha256.sha256) is None
