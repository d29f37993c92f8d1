"""Which models may be asked, in which order, and what must stay on this machine: the values behind the routes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, get_args

from bursar.domain.errors import BadInput

Effort = Literal["normal", "terse"]
Role = Literal["plan", "edit", "summarise", "check"]
"""What a model is asked for: to divide a task, to carry it out, to shorten texts, to look at what was done."""
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One model of one configured provider."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


def target_of(text: str) -> Target:
    """PROVIDER/MODEL as a value; the model may hold further slashes. Raises BadInput for anything else."""
    provider, slash, model = text.partition("/")
    if not (provider and slash and model):
        raise BadInput(f"'{text}' names no provider: write PROVIDER/MODEL, for example anthropic/claude-sonnet-5-5")
    return Target(provider=provider, model=model)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOnly:
    """What never enters a request to another machine: files by their path, tasks by where they stand or their title.

    A path pattern is relative to the workspace, with ``*``, ``?`` and ``**``; one without a slash holds in every
    folder; what matches a folder holds for all below it. A task pattern is ``SPEC-PATH#TASK-ID`` or a title. Letters
    match in both cases: the same file has more than one spelling on some disks.
    """

    paths: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.paths or self.tasks)

    def __or__(self, other: LocalOnly) -> LocalOnly:
        """Both together: protection is added, never taken away."""
        return LocalOnly(
            paths=tuple(dict.fromkeys((*self.paths, *other.paths))),
            tasks=tuple(dict.fromkeys((*self.tasks, *other.tasks))),
        )

    def holds_path(self, path: str) -> bool:
        """Whether a file at this path (relative to the workspace, forward slashes) stays here."""
        return any(_path_pattern(each).match(_plain(path)) for each in self.paths)

    def holds_task(self, spec_path: str, task_id: str | None, title: str) -> bool:
        """Whether this one task stays here; a sub-task of one that does is the caller's to know."""
        return any(_is_task(each, spec_path, task_id, title) for each in self.tasks)


NOTHING_LOCAL = LocalOnly()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An ordered chain of targets: the next is asked where the one before cannot answer.

    With ``balance`` the targets are equals, and the one with the most room in its limits is asked first. ``stronger``
    is for a task whose check keeps failing, ``economy`` for the time near a limit. ``name`` is None for the chain of
    one that a chosen model makes.
    """

    chain: tuple[Target, ...]
    name: str | None = None
    balance: bool = False
    stronger: Target | None = None
    economy: Target | None = None
    effort: Effort = "normal"
    local_only: LocalOnly = field(default_factory=LocalOnly)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target that the route names, each once, the chain's first."""
        named = (*self.chain, self.stronger, self.economy)
        return tuple(dict.fromkeys(each for each in named if each is not None))


def _is_task(pattern: str, spec_path: str, task_id: str | None, title: str) -> bool:
    where, hash_, wanted = pattern.rpartition("#")
    if hash_ and task_id is not None and wanted:
        by_id = _path_pattern(where).match(_plain(spec_path)) if where else True
        if by_id and _words_pattern(wanted).match(_plain(task_id)):
            return True
    return bool(_words_pattern(pattern).match(_plain(title)))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


@cache
def _path_pattern(pattern: str) -> re.Pattern[str]:
    wanted = _plain(pattern).strip("/").removeprefix("./")
    anchored = "/" in _plain(pattern).rstrip("/")
    parts = [each for each in wanted.split("/") if each]
    said = "".join(_part(each, is_last=index == len(parts) - 1) for index, each in enumerate(parts))
    return re.compile(f"(?s:{'' if anchored else '(?:.*/)?'}{said}(?:/.*)?)\\Z")


def _part(part: str, *, is_last: bool) -> str:
    if part == "**":
        return ".*" if is_last else "(?:.*/)?"
    return _escaped(part, any_="[^/]*", one="[^/]") + ("" if is_last else "/")


@cache
def _words_pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(f"(?s:{_escaped(_plain(pattern.strip()), any_='.*', one='.')})\\Z")


def _escaped(text: str, *, any_: str, one: str) -> str:
    # Many stars in a row are one: a pattern that goes wild must not take for ever.
    pieces: Sequence[str] = re.split(r"(\*+|\?)", text)
    return "".join(any_ if each.startswith("*") else one if each == "?" else re.escape(each) for each in pieces)
