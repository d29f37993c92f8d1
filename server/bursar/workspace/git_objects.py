"""Snapshots in a git repository: trees in a private object folder that borrows what the repository has already.

The user's repository is only asked for its list of files and where its objects are, with hooks, fsmonitor and locks
off. Everything else happens in a bare repository of ours below the state folder, with an index and objects of its own:
the user's index, refs, settings and objects are never written, and no filter of the repository is run.
"""

from __future__ import annotations

import os
import subprocess
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bursar.domain.snapshots import FileMode
from bursar.workspace.kept import write_whole
from bursar.workspace.scanning import is_covered

_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false")
_LONGEST_S = 60
_MODES: dict[FileMode, str] = {"file": "100644", "executable": "100755", "link": "120000"}


class GitFailed(Exception):
    """Git could not do it; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFile:
    """A file of a stored tree."""

    mode: FileMode
    blob: str


class GitObjects:
    """One repository, as far as snapshots need it."""

    def __init__(self, root: Path, program: str, environ: Mapping[str, str]) -> None:
        self._root = root
        self._program = program
        self._environ = {
            **environ,
            "LC_ALL": "C",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "none",
        }
        said = self._ask("rev-parse", "--path-format=absolute", "--git-path", "objects", "--show-object-format")
        self._objects, self.object_format = os.fsdecode(said).splitlines()
        self._stored: set[str] = set()

    def list(self) -> list[str]:
        """The files that are tracked, and those that are new and not ignored, sorted. Raises GitFailed."""
        listed = self._ask("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        paths = {os.fsdecode(each) for each in listed.split(b"\0") if each}
        return sorted(path for path in paths if not path.endswith("/") and is_covered(path))

    def missing(self, private: Path, blobs: Iterable[str]) -> set[str]:
        """Those blobs that neither the repository nor we have."""
        unsure = sorted(set(blobs) - self._stored)
        if not unsure:
            return set()
        answer = self._own(private, "cat-file", "--batch-check=%(objecttype)", given="\n".join(unsure).encode() + b"\n")
        lines = answer.decode().splitlines()
        lacking = {blob for blob, line in zip(unsure, lines, strict=True) if line.endswith("missing")}
        self._stored |= set(unsure) - lacking
        return lacking

    def store(self, private: Path, blob: str, data: bytes) -> None:
        """Store a blob beside the repository. Raises OSError."""
        folder = private / "objects" / blob[:2]
        folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(folder / blob[2:], zlib.compress(b"blob %d\0" % len(data) + data, 1), durable=False)
        self._stored.add(blob)

    def write_tree(self, private: Path, files: Mapping[str, GitFile]) -> str:
        """The id of a tree with these files, whose blobs are stored. Raises GitFailed."""
        self._own(private, "read-tree", "--empty")
        lines = (f"{_MODES[each.mode]} {each.blob}\t{path}\0" for path, each in files.items())
        self._own(private, "update-index", "-z", "--index-info", given="".join(lines).encode())
        return self._own(private, "write-tree", "--missing-ok").decode().strip()

    def read_tree(self, private: Path, tree: str) -> dict[str, GitFile]:
        """The files of a tree. Raises GitFailed when it is gone."""
        kinds = {number: mode for mode, number in _MODES.items()}
        found: dict[str, GitFile] = {}
        for line in self._own(private, "ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0"):
            if line:
                words, _, path = os.fsdecode(line).partition("\t")
                mode, _, blob = words.split(" ")
                found[path] = GitFile(mode=kinds[mode], blob=blob)
        return found

    def blob(self, private: Path, blob: str) -> bytes:
        """The bytes of a blob. Raises GitFailed when it is gone."""
        return self._own(private, "cat-file", "blob", blob)

    def prepare(self, private: Path) -> None:
        """Make our bare repository where it is missing. Raises GitFailed and OSError."""
        if not (private / "HEAD").exists():
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
            own = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
            self._run(
                ("init", "--quiet", "--bare", "--template=", f"--object-format={self.object_format}", str(private)),
                own,
                cwd=private,
            )
        borrowed = private / "objects" / "info" / "alternates"
        borrowed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(borrowed, os.fsencode(self._objects) + b"\n", durable=False)

    def _ask(self, *arguments: str) -> bytes:
        """Ask the user's repository, without writing to it."""
        return self._run((*_QUIET, *arguments), {}, cwd=self._root)

    def _own(self, private: Path, *arguments: str, given: bytes = b"") -> bytes:
        """Work in our own repository; no setting of the user's is read."""
        own = {
            "GIT_DIR": str(private),
            "GIT_INDEX_FILE": str(private / "index"),
            "GIT_OBJECT_DIRECTORY": str(private / "objects"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        return self._run((*_QUIET, *arguments), own, cwd=private, given=given)

    def _run(self, arguments: tuple[str, ...], more: Mapping[str, str], *, cwd: Path, given: bytes = b"") -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - git itself, found outside of the workspace, with arguments of ours
                [self._program, *arguments],
                cwd=cwd,
                env={**self._environ, **more},
                input=given,
                capture_output=True,
                timeout=_LONGEST_S,
                umask=0o077,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitFailed(f"git could not be run: {type(error).__name__}") from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise GitFailed(said[-1] if said else f"git ended with {done.returncode}")
        return done.stdout
