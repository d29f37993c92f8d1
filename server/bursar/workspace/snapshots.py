"""Keeps what files held before a run changed them, and brings it back: the Snapshots port on this machine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bursar.domain.errors import StorageError
from bursar.domain.ports import Failpoint, ToolRefused
from bursar.domain.safety.show import escape_argument
from bursar.domain.snapshots import FileChange, FileMode, FileState
from bursar.workspace.git_objects import GitFailed, GitFile, GitObjects
from bursar.workspace.kept import Kept
from bursar.workspace.opening import read_plain
from bursar.workspace.place import locate, reason_of
from bursar.workspace.programs import child_environment, search_path
from bursar.workspace.restoring import put_back
from bursar.workspace.scanning import LARGEST_BYTES, Scanner, Seen, walk

_ABSENT = FileState(sha256=None)
_UNKNOWN = FileState(sha256="unknown:")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLimits:
    """How much a snapshot may be before it is not made."""

    copied_files: int = 5_000
    copied_bytes: int = 50 * 1024 * 1024
    repository_files: int = 50_000
    repository_new_bytes: int = 50 * 1024 * 1024
    changes: int = 2_000
    unkept: int = 200


class LocalSnapshots:
    """See the port. In a git repository a snapshot is a tree of ours (see ``git_objects``), elsewhere copies.

    Not looked at: what git ignores, what may hold keys, folders that are made from other files, and the bytes of files
    over 16 MiB. Written without fsync: a snapshot survives the end of a process; the bytes before an edit are durable.
    """

    def __init__(
        self,
        root: Path,
        *,
        home: Path,
        env: Mapping[str, str],
        failpoint: Failpoint,
        limits: SnapshotLimits | None = None,
    ) -> None:
        self._root = Path(os.path.realpath(root))
        self._home = home
        self._env = env
        self._failpoint = failpoint
        self._limits = limits or SnapshotLimits()
        self._git: GitObjects | None = None
        self._looked_for_git = False
        self._scanner: Scanner | None = None

    def keep(self, run: str, data: bytes) -> str | None:
        """Keep these bytes; a sentence where they are too many."""
        if len(data) > LARGEST_BYTES:
            return f"it is larger than {LARGEST_BYTES:,} bytes, so its earlier text is not kept for a rewind"
        Kept(self._home, run).put(data, durable=True)
        return None

    def keep_file(self, run: str, path: str, sha256: str) -> str | None:
        """Keep a file's bytes if they still are those; whoever changes it next finds out otherwise."""
        try:
            data, _ = read_plain(self._root, path, LARGEST_BYTES)
        except OSError as error:
            return f"it could not be read for a rewind: {reason_of(error)}"
        if len(data) <= LARGEST_BYTES and hashlib.sha256(data).hexdigest() != sha256:
            return None
        return self.keep(run, data)

    def content(self, run: str, sha256: str) -> bytes | None:
        """The bytes that were kept."""
        return Kept(self._home, run).get(sha256)

    def take(self, run: str) -> dict[str, Any]:
        """Remember what the workspace holds; never raises: a command is worth more than its snapshot."""
        kept = Kept(self._home, run)
        try:
            now_ns = _stamp(kept.make())
            git = self._repository()
            paths = git.list() if git is not None else []
            if git is None or not paths:
                # A folder that an outer repository ignores has no file that git would tell of.
                word = self._take_copies(kept, now_ns)
            else:
                word = self._take_tree(git, kept, paths, now_ns)
            self._failpoint("in_snapshot")
            return word
        except (StorageError, GitFailed) as error:
            return _not_covered(str(error))
        except OSError as error:
            return _not_covered(f"it could not be kept: {reason_of(error)}")

    def changes(self, run: str, word: dict[str, Any]) -> tuple[FileChange, ...] | str:
        """What differs from the snapshot now; the earlier bytes of each are in the content store afterwards."""
        kept = Kept(self._home, run)
        if word["kind"] == "none":
            return str(word["why"])
        try:
            before, fetch = self._before(kept, word)
            return self._compare(kept, word, before, fetch)
        except (StorageError, GitFailed) as error:
            return str(error)
        except (OSError, ValueError, KeyError):
            return "what the files held before cannot be read any more"

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file."""
        try:
            data, _ = read_plain(self._root, path, LARGEST_BYTES)
        except OSError:
            return None
        return data if len(data) <= LARGEST_BYTES else None

    def now(self, path: str) -> FileState | str:
        """What a path holds."""
        place = locate(self._root, path)
        if isinstance(place, ToolRefused):
            return place.message
        if place.path != path and not place.last_is_link:
            return f"{escape_argument(path)} is reached through a link now"
        if Path(self._root, path).is_dir() and not place.last_is_link:
            return f"{escape_argument(path)} is a folder now"
        seen = self._scan().look_at(path, now_ns=0)
        return _ABSENT if seen is None else seen.state

    def restore(self, run: str, path: str, *, expected: FileState, target: FileState) -> str | None:
        """Bring a path back; the failpoint ``in_rewind`` is passed before the new bytes take their place."""
        shown = escape_argument(path)
        if "link" in (expected.mode, target.mode):
            return f"{shown} is or was a link: links are not brought back"
        if expected.sha256 is not None and ":" in expected.sha256:
            return f"{shown} cannot be compared with what it was: it was left as it is"
        place = locate(self._root, path)
        if isinstance(place, ToolRefused):
            return place.message
        if place.last_is_link or place.path != path:
            return f"{shown} is reached through a link now: it was left as it is"
        data = None
        if target.sha256 is not None:
            data = self.content(run, target.sha256)
            if data is None:
                return f"what {shown} held is not kept any more: it was left as it is"
        return put_back(self._root, path, data, expected=expected, target=target, failpoint=self._failpoint)

    # -- in a repository -------------------------------------------------------------------------------------------

    def _take_tree(self, git: GitObjects, kept: Kept, paths: list[str], now_ns: int) -> dict[str, Any]:
        limits = self._limits
        if len(paths) > limits.repository_files:
            return _not_covered(f"the repository has more than {limits.repository_files:,} files")
        private = kept.folder / "git"
        git.prepare(private)
        seen = self._scan().look(paths, now_ns=now_ns)
        stored = {path: each for path, each in seen.items() if each.blob is not None}
        missing = git.missing(private, (each.blob for each in stored.values() if each.blob is not None))
        new = {each.blob: path for path, each in stored.items() if each.blob in missing}
        new_bytes = sum(stored[path].size for path in new.values())
        if new_bytes > limits.repository_new_bytes:
            return _not_covered(
                f"{new_bytes:,} bytes are in no commit, and {limits.repository_new_bytes:,} are kept at most"
            )
        for blob, path in new.items():
            data = self._scanner_data(path, stored[path])
            if data is None or blob is None:
                stored.pop(path)
            else:
                git.store(private, blob, data)
        files = {
            path: GitFile(mode=each.state.mode or "file", blob=each.blob or "") for path, each in sorted(stored.items())
        }
        tree = git.write_tree(private, files)
        return {"kind": "git", "tree": tree, "files": len(files), **self._rest(seen, set(files), now_ns)}

    def _before(
        self, kept: Kept, word: dict[str, Any]
    ) -> tuple[Mapping[str, tuple[FileMode, str]], Callable[[str], bytes]]:
        """What the snapshot holds, path to (mode, id of the bytes), and how to get the bytes of an id."""
        if word["kind"] == "git":
            git = self._repository()
            if git is None:
                raise GitFailed("the workspace is not a git repository any more")
            private = kept.folder / "git"
            git.prepare(private)
            tree = git.read_tree(private, str(word["tree"]))
            return {path: (each.mode, each.blob) for path, each in tree.items()}, lambda blob: git.blob(private, blob)
        listed = kept.get(str(word["manifest"]))
        if listed is None:
            raise ValueError("the list of copies is gone")

        def copied(sha256: str) -> bytes:
            data = kept.get(sha256)
            if data is None:
                raise ValueError("a copy is gone")
            return data

        return {str(path): (_mode(mode), str(sha256)) for path, mode, sha256 in json.loads(listed)}, copied

    # -- elsewhere -------------------------------------------------------------------------------------------------

    def _take_copies(self, kept: Kept, now_ns: int) -> dict[str, Any]:
        limits = self._limits
        paths = walk(self._root, limits.copied_files)
        if paths is None:
            return _not_covered(f"the folder has more than {limits.copied_files:,} files and is no git repository")
        seen = self._scan().look(paths, now_ns=now_ns)
        plain = {path: each for path, each in seen.items() if _is_known(each.state)}
        size = sum(each.size for each in plain.values())
        if size > limits.copied_bytes:
            return _not_covered(
                f"the files have {size:,} bytes and are in no git repository:"
                f" at most {limits.copied_bytes:,} are copied"
            )
        listed = []
        for path, each in sorted(plain.items()):
            sha256 = each.state.sha256 or ""
            if kept.get(sha256) is None:
                data = self._scanner_data(path, each)
                if data is None:
                    continue
                kept.put(data, durable=False)
            listed.append([path, each.state.mode, sha256])
        manifest = kept.put(json.dumps(listed).encode(), durable=False)
        rest = self._rest(seen, {str(path) for path, _, _ in listed}, now_ns)
        return {"kind": "copies", "manifest": manifest, "files": len(listed), **rest}

    # -- both ------------------------------------------------------------------------------------------------------

    def _compare(
        self,
        kept: Kept,
        word: dict[str, Any],
        before: Mapping[str, tuple[FileMode, str]],
        fetch: Callable[[str], bytes],
    ) -> tuple[FileChange, ...] | str:
        is_git = word["kind"] == "git"
        git = self._repository() if is_git else None
        listed = git.list() if git is not None else walk(self._root, self._limits.copied_files * 2)
        if listed is None:
            return "the command left too many files to look at"
        now_ns = _stamp(kept.make())
        # A file that git has begun to ignore is still there, so those of before are looked at, whatever is listed.
        seen = self._scan().look({*listed, *before}, now_ns=now_ns)
        ignoring_changed = any(
            path.rpartition("/")[2] == ".gitignore" and _differs(before.get(path), seen.get(path), is_git)
            for path in {*before, *seen}
        )
        unkept: dict[str, str | None] = word["unkept"]
        changed: list[FileChange] = []
        for path in sorted({*before, *seen}):
            was, now = before.get(path), seen.get(path)
            if not _differs(was, now, is_git):
                continue
            if was is not None:
                data = fetch(was[1])
                state = FileState(sha256=kept.put(data, durable=False), mode=was[0])
            elif now is not None and (now.touched_ns < int(word["at_ns"]) or now.state.sha256 == unkept.get(path)):
                continue  # It was there before: too large to be kept, or only now begun to be listed by git.
            elif path in unkept or word["more_unkept"] or ignoring_changed:
                state = _UNKNOWN
            else:
                state = _ABSENT
            changed.append(FileChange(path=path, before=state, after=_ABSENT if now is None else now.state))
            if len(changed) > self._limits.changes:
                return f"the command changed more than {self._limits.changes:,} files"
        return tuple(changed)

    def _rest(self, seen: Mapping[str, Seen], covered: set[str], now_ns: int) -> dict[str, Any]:
        unkept = {path: each.state.sha256 for path, each in sorted(seen.items()) if path not in covered}
        most = self._limits.unkept
        return {"at_ns": now_ns, "unkept": dict(islice(unkept.items(), most)), "more_unkept": len(unkept) > most}

    def _scanner_data(self, path: str, seen: Seen) -> bytes | None:
        """The bytes that were seen; None when they are others by now."""
        try:
            data = self._scan().data(path)
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == seen.state.sha256 else None

    def _scan(self) -> Scanner:
        if self._scanner is None:
            git = self._repository()
            self._scanner = Scanner(self._root, git.object_format if git is not None else None)
        return self._scanner

    def _repository(self) -> GitObjects | None:
        """The repository around the workspace; None where there is none, or where git refuses to work in it."""
        if not self._looked_for_git:
            self._looked_for_git = True
            folders = search_path(self._root, self._env.get("PATH", os.defpath))
            program = next((f"{each}/git" for each in folders if os.access(f"{each}/git", os.X_OK)), None)
            if program is not None:
                try:
                    self._git = GitObjects(self._root, program, child_environment(self._root, self._env))
                except (GitFailed, ValueError):
                    self._git = None
        return self._git


def _differs(was: tuple[FileMode, str] | None, now: Seen | None, is_git: bool) -> bool:
    if was is None or now is None:
        return was is not None or now is not None
    return was != (now.state.mode, now.blob if is_git else now.state.sha256)


def _mode(word: str) -> FileMode:
    if word == "link":
        return "link"
    return "executable" if word == "executable" else "file"


def _is_known(state: FileState) -> bool:
    return state.sha256 is not None and ":" not in state.sha256


def _not_covered(why: str) -> dict[str, Any]:
    return {"kind": "none", "why": why}


def _stamp(folder: Path) -> int:
    """The time now by the clock that file systems use."""
    path = folder / "stamp"
    path.touch(mode=0o600)
    path.write_bytes(b"")
    return path.stat().st_mtime_ns
