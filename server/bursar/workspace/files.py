"""The user's files below one root: listed, read, searched and changed, always through the same guard."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bursar.domain.ports import EditorBuffers, EditPlan, Failpoint, FileText, NeedsYes, ToolRefused
from bursar.domain.safety.paths import protected_for_read, protected_for_write
from bursar.domain.safety.secrets import contains_mask
from bursar.domain.safety.show import escape_argument
from bursar.workspace.atomic import Changed, put_bytes, sha256_at
from bursar.workspace.listing import list_folder
from bursar.workspace.opening import read_plain
from bursar.workspace.place import Place, locate, name_problem, new_name_problem, reason_of
from bursar.workspace.replacing import replace_once, with_line_ends_of
from bursar.workspace.searching import search_files
from bursar.workspace.showing import show_lines
from bursar.workspace.test_files import find_tests

READ_BYTES = 2 * 1024 * 1024
"""A file up to this size is read whole, searched and edited."""
RANGE_BYTES = 32 * 1024 * 1024
"""A file up to this size is read by ranges of lines."""
SPEC_BYTES = 8 * 1024 * 1024

_MASK_REFUSED = (
    "The text holds a masked secret (⟦secret:…⟧), which stands for something you were not shown: writing it would"
    " destroy what is there. Change the lines around it only."
)
# Beyond this many names nobody waits for the rest: it is taken for granted that the one looked for is there.
_MOST_LOOKED_AT = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file's text as it is now: in the editor where it is dirty there, else on the disk."""

    place: Place
    data: bytes
    text: str
    in_editor: bool


class LocalFiles:
    """`WorkspaceFiles` on this machine. ``root`` is followed to its real path once, here.

    Nothing below ``off_limits`` (where the program keeps its own settings and records) is read or written, with no yes.
    """

    def __init__(
        self, root: Path, *, buffers: EditorBuffers | None, failpoint: Failpoint, off_limits: Path | None = None
    ) -> None:
        self._root = Path(os.path.realpath(root))
        self._off_limits = None if off_limits is None else Path(os.path.realpath(off_limits))
        self.root = str(self._root)
        self._buffers = buffers
        self._failpoint = failpoint
        self._why_withheld: Callable[[str], str | None] = lambda _: None

    def withholding(self, why: Callable[[str], str | None]) -> LocalFiles:
        """The same files without those that ``why`` gives a reason for."""
        same = LocalFiles(self._root, buffers=self._buffers, failpoint=self._failpoint, off_limits=self._off_limits)
        same._why_withheld = why
        return same

    def has_any(self, holds: Callable[[str], bool]) -> bool:
        """Whether this holds for the path of any file below the root; git's own are not looked at."""
        left = _MOST_LOOKED_AT
        for folder, folders, files in os.walk(self._root):
            here = Path(folder).relative_to(self._root).as_posix()
            folders[:] = [each for each in folders if each != ".git"]
            left -= len(files) + len(folders)
            if left < 0:
                return True
            # A link to a folder is not entered, but has a name.
            if any(holds(each if here == "." else f"{here}/{each}") for each in (*files, *folders)):
                return True
        return False

    def real_path(self, path: str) -> str:
        """Where a path leads, relative to the root."""
        place = locate(self._root, path)
        return place.path if isinstance(place, Place) else path

    def list(self, path: str, *, allowed: frozenset[str] = frozenset()) -> str | ToolRefused | NeedsYes:
        """The entries of one folder, a line each: name, a tab, size; folders end with a slash."""
        place = self._guard(path, allowed, protected_for_read)
        if not isinstance(place, Place):
            return place
        try:
            return list_folder(self._root, place.path, allowed)
        except NotADirectoryError:
            return _refused(path, "is a file. Use read_file")
        except OSError as error:
            return _refused(path, f"cannot be listed: {reason_of(error)}")

    def read(
        self,
        path: str,
        *,
        first_line: int | None = None,
        last_line: int | None = None,
        allowed: frozenset[str] = frozenset(),
    ) -> FileText | ToolRefused | NeedsYes:
        """A text file, or a range of its lines (1-based, inclusive), masked and bounded; line ends are shown as LF."""
        if (first_line is not None and first_line < 1) or (last_line is not None and last_line < (first_line or 1)):
            return _refused(path, "was not read: lines count from 1, and the last is not before the first")
        ranged = first_line is not None or last_line is not None
        found = self._find(path, allowed, protected_for_read, RANGE_BYTES if ranged else READ_BYTES)
        if not isinstance(found, _Found):
            return found
        shown = show_lines(found.text, first_line, last_line)
        if isinstance(shown, str):
            return _refused(path, shown)
        return FileText(
            path=found.place.path,
            text=shown.text,
            sha256=hashlib.sha256(found.data).hexdigest(),
            truncated=shown.truncated,
            first_line=shown.first_line,
            last_line=shown.last_line,
            total_lines=shown.total_lines,
            from_editor=found.in_editor,
        )

    def search(self, pattern: str, *, path: str = ".", allowed: frozenset[str] = frozenset()) -> str | ToolRefused:
        """Lines that match a regular expression (or, where it is none, that text), ``path:line: text``, bounded.

        What is protected is passed over, and secrets are masked before the pattern is tried.
        """
        place = self._guard(path, allowed, protected_for_read)
        if isinstance(place, NeedsYes):
            return _refused(path, f"is not searched: {place.why}. Read the file itself, and the user is asked")
        if isinstance(place, ToolRefused):
            return place

        def text_of(file: str) -> str | ToolRefused | NeedsYes:
            found = self._find(file, allowed, protected_for_read, READ_BYTES)
            return found.text if isinstance(found, _Found) else found

        return search_files(self._root, place.path, pattern, text_of)

    def tests_naming(self, requirements: Sequence[str]) -> dict[str, tuple[str, ...]] | ToolRefused:
        """For each requirement the saved test files that name it; what is protected is passed over."""
        return find_tests(self._root, requirements, self.read_bytes)

    def plan_edit(
        self, path: str, *, old: str, new: str, allowed: frozenset[str] = frozenset()
    ) -> EditPlan | ToolRefused | NeedsYes:
        """The replacement of the one place where ``old`` stands; line ends in both are those of the file."""
        if contains_mask(old) or contains_mask(new):
            return ToolRefused(message=_MASK_REFUSED)
        found = self._find_to_change(path, allowed)
        if isinstance(found, Place):
            return _refused(path, "does not exist. Create it with write_file")
        if not isinstance(found, _Found):
            return found
        after = replace_once(found.text, old, new)
        if isinstance(after, ToolRefused):
            return _refused(path, after.message)
        return self._plan(found.place, found, after)

    def plan_write(
        self, path: str, *, text: str, allowed: frozenset[str] = frozenset()
    ) -> EditPlan | ToolRefused | NeedsYes:
        """A new file, or new content for a whole one; a file that is there keeps its line ends and its BOM."""
        if contains_mask(text):
            return ToolRefused(message=_MASK_REFUSED)
        found = self._find_to_change(path, allowed)
        if isinstance(found, _Found):
            return self._plan(found.place, found, with_line_ends_of(found.text, text))
        if not isinstance(found, Place):
            return found
        problem = new_name_problem(found.path)
        if problem is not None:
            return ToolRefused(message=problem)
        return self._plan(found, None, text)

    def apply(self, plan: EditPlan) -> ToolRefused | None:
        """Write the planned bytes atomically; refused when the file is not as it was planned, or cannot be written."""
        if plan.in_editor:
            return _refused(plan.path, "has unsaved changes in the editor: it is changed there, not on the disk")
        place = self._place(plan.path)
        if isinstance(place, ToolRefused):
            return place
        data = plan.text_after.encode("utf-8", "surrogatepass")
        if hashlib.sha256(data).hexdigest() != plan.sha256_after:
            return _refused(plan.path, "was not changed: the plan does not hold the text that it announces")
        if place.last_is_link or (protected_for_write(place.path) and not protected_for_write(plan.path)):
            return _refused(plan.path, "is a link, or became one since the change was planned. It was not changed")
        try:
            put_bytes(self._root, place.path, data, sha256_before=plan.sha256_before, failpoint=self._failpoint)
        except Changed:
            return _refused(plan.path, "has changed since it was read. Read it again, then edit")
        except OSError as error:
            return _refused(plan.path, f"could not be written: {reason_of(error)}. It was not changed")
        return None

    def probe(self, plan: EditPlan) -> Literal["before", "after", "conflict"]:
        """What the file on the disk holds now, by its hash."""
        place = locate(self._root, plan.path)
        if isinstance(place, ToolRefused) or place.last_is_link:
            return "conflict"
        try:
            now = sha256_at(self._root, place.path, RANGE_BYTES)
        except OSError:
            return "conflict"
        if now == plan.sha256_after:
            return "after"
        return "before" if now == plan.sha256_before else "conflict"

    def read_bytes(self, path: str) -> bytes | ToolRefused:
        """The raw bytes of a file that is free to read, up to 8 MiB."""
        place = self._guard(path, frozenset(), protected_for_read)
        if isinstance(place, NeedsYes):
            return _refused(path, f"is protected: {place.why}")
        if isinstance(place, ToolRefused):
            return place
        try:
            data, _ = read_plain(self._root, place.path, SPEC_BYTES)
        except OSError as error:
            return _refused(path, f"cannot be read: {reason_of(error)}")
        return data if len(data) <= SPEC_BYTES else _refused(path, f"is larger than {SPEC_BYTES:,} bytes")

    def _guard(
        self, path: str, allowed: frozenset[str], protected: Callable[[str], str | None]
    ) -> Place | ToolRefused | NeedsYes:
        """Where a tool's path leads; every tool comes here. Its name may be protected, and where it leads."""
        place = self._place(path)
        if isinstance(place, ToolRefused):
            return place
        withheld = self._why_withheld(place.path) or self._why_withheld(place.named)
        if withheld is not None:
            return _refused(path, withheld)
        why = protected(place.path) or protected(place.named)
        if why is not None and place.path not in allowed:
            return NeedsYes(path=place.path, why=why)
        return place

    def _place(self, path: str) -> Place | ToolRefused:
        place = locate(self._root, path)
        own = self._off_limits
        if isinstance(place, Place) and own is not None and Path(place.absolute).is_relative_to(own):
            return _refused(path, "is Bursar's own: no tool reads or changes it")
        return place

    def _find(
        self, path: str, allowed: frozenset[str], protected: Callable[[str], str | None], most_bytes: int
    ) -> _Found | ToolRefused | NeedsYes:
        place = self._guard(path, allowed, protected)
        if not isinstance(place, Place):
            return place
        unsaved = self._buffers.unsaved_text(place.absolute) if self._buffers is not None else None
        try:
            if unsaved is not None:
                data = unsaved.encode("utf-8", "surrogatepass")
            else:
                data, _ = read_plain(self._root, place.path, most_bytes)
        except FileNotFoundError:
            return _refused(path, "does not exist. List the folder to see what is there")
        except OSError as error:
            return _refused(path, f"cannot be read: {reason_of(error)}")
        if len(data) > most_bytes:
            remedy = "" if most_bytes == RANGE_BYTES else "; read it by ranges of lines (first_line, last_line)"
            return _refused(path, f"is larger than {most_bytes:,} bytes{remedy}")
        text = unsaved if unsaved is not None else _decoded(data)
        if text is None:
            return _refused(path, f"is not UTF-8 text ({len(data):,} bytes; binary, or another encoding)")
        return _Found(place=place, data=data, text=text, in_editor=unsaved is not None)

    def _find_to_change(self, path: str, allowed: frozenset[str]) -> _Found | Place | ToolRefused | NeedsYes:
        """The file to change; a Place where there is none yet."""
        place = self._guard(path, allowed, protected_for_write)
        if not isinstance(place, Place):
            return place
        if place.last_is_link:
            return _refused(path, f"is a link. Edit the file it leads to, {escape_argument(place.path)}")
        if path.endswith("/") or place.path == ".":
            return _refused(path, "is a folder")
        try:
            found = os.lstat(place.absolute)
        except FileNotFoundError:
            if self._buffers is None or self._buffers.unsaved_text(place.absolute) is None:
                return place
        except OSError as error:
            return _refused(path, f"cannot be changed: {reason_of(error)}")
        else:
            if not found.st_mode & 0o222:
                return _refused(path, "is read-only. Ask the user to make it writable")
        return self._find(path, allowed, protected_for_write, READ_BYTES)

    def _plan(self, place: Place, found: _Found | None, after: str) -> EditPlan | ToolRefused:
        try:
            data = after.encode()
        except UnicodeEncodeError:
            return _refused(place.path, "was not changed: the new text has half a character (a lone surrogate) in it")
        if found is not None and data == found.data:
            return _refused(place.path, "already holds exactly this. Nothing was changed")
        if len(data) > READ_BYTES:
            return _refused(place.path, f"would become larger than {READ_BYTES:,} bytes. Write less")
        return EditPlan(
            path=place.path,
            sha256_before=None if found is None else hashlib.sha256(found.data).hexdigest(),
            sha256_after=hashlib.sha256(data).hexdigest(),
            text_after=after,
            in_editor=found is not None and found.in_editor,
        )


def _decoded(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _refused(path: str, what: str) -> ToolRefused:
    shown = path if name_problem(path) is None else escape_argument(path[:200])
    return ToolRefused(message=f"{shown} {what}.")
