"""Text that changes from day to day in what the provider's prompt cache is found by."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.company import is_carried
from bursar.domain.rules.lines import MOST_CHARACTERS, Lines, is_heading, lines_of, without_code
from bursar.domain.rules.rule import Edit, Example, Fix, Found, Reading, Rule, Surroundings

LEAST_TOKENS_BEHIND = 100
MOVED_UNDER = "## Changes often"

_LABELS = (
    r"last[ -]?(?:updated|modified|changed|edited|synced|reviewed|verified|run|sync|update)|updated(?:[ -]?(?:at|on))?"
    r"|generated(?:[ -]?(?:at|on))?|auto-?generated|as of|current (?:date|time|version|build|sprint|commit)"
    r"|today(?:'s date)?(?: is)?"
    r"|date|time ?stamp|revision|version|build(?: ?(?:number|no\.?|id))?|commit|sha|session(?: ?id)?|request(?: ?id)?"
    r"|run(?: ?id)?|trace(?: ?id)?|counter|status as of"
    r"|最后更新|更新日期|更新时间|最終更新(?:日)?|更新日|版本|バージョン|última actualización|actualizado"
)
_LABELLED = re.compile(rf"(?i)^[\s>*_#|-]*(?P<label>{_LABELS})[*_\s]*(?:[:：=]|\bis\b|\s)[*_`\s]*(?P<value>\S.*)$")
_DAY = r"(?:19|20)\d\d[-/.年](?:1[0-2]|0?[1-9])[-/.月](?:[12]\d|3[01]|0?[1-9])日?"
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_WORDED_DAY = rf"(?:{_MONTHS}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d|\d{{1,2}}\.?\s+{_MONTHS}\s+(?:19|20)\d\d)"
_CLOCK = r"[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z| ?[+-]\d{2}:?\d{2}| ?UTC)?"
_MOMENT = re.compile(rf"(?i)\b{_DAY}{_CLOCK}")
_DATE = re.compile(rf"(?i){_DAY}|\b{_WORDED_DAY}\b")
_ID = re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
_HASH = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b")
_NUMBER = re.compile(r"#?\d{1,9}\b")
_DATED = frozenset({"version", "revision", "版本", "バージョン", "date"})
_AT_TOP = frozenset({"date", "timestamp", "time stamp", "as of", "commit", "sha"})
"""Labels that mean the file itself only where they stand at its top."""
_TOP_LINES = 15
_COUNTED = ("build", "counter", "session", "request", "run", "current build", "current sprint")
_HASHED = ("commit", "sha", "session", "request", "run", "trace", "build", "current commit")


def check_volatile(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """Lines with a value that changes by itself, where text that could stay in the cache comes behind them."""
    if not is_carried(file) or file.kind in ("tasks", "hook") or len(file.text) > MOST_CHARACTERS:
        return
    known = lines_of(file)
    volatile = [
        (at, *hit)
        for at, line in known.prose
        if not is_heading(line) and (hit := _volatile(line, at_top=at < known.front + _TOP_LINES))
    ]
    moved = {at for at, *_ in volatile}
    for group in _adjacent(volatile, known):
        (first, start, *_), (last, _, end, _) = group[0], group[-1]
        behind = "\n".join(text for later, text in enumerate(known.lines) if later > last and later not in moved)
        tokens = around.tokens(behind)
        if tokens < LEAST_TOKENS_BEHIND:
            continue
        kinds = list(dict.fromkeys(what for *_, what in group))
        if len(group) == 1:
            subject, them = f"This {kinds[0]} changes", "it"
            move = "move the line to the end, or leave it out"
        else:
            subject = f"These {len(group)} lines ({', '.join(kinds)}) change"
            them, move = "them", "move the lines to the end, or leave them out"
        yield Found(
            line=first,
            character=start,
            end_line=last,
            end_character=end,
            code="volatile-prefix",
            message=(
                f"{subject} whenever the file is edited or made anew, and each time the {tokens:,} tokens "
                f"behind {them} in this file are no longer found in the prompt cache, nor what requests carry behind "
                f"the file: {move}"
            ),
            fixes=_moves(file, known, first, last),
        )


_Volatile = tuple[int, int, int, str]


def _adjacent(volatile: list[_Volatile], known: Lines) -> list[list[_Volatile]]:
    """The lines in groups with nothing but empty lines inside: one edit moves them, so one finding tells them."""
    groups: list[list[_Volatile]] = []
    for each in volatile:
        if groups and not any(line.strip() for line in known.lines[groups[-1][-1][0] + 1 : each[0]]):
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _volatile(line: str, *, at_top: bool) -> tuple[int, int, str] | None:
    """Where in the line the value stands and what it is; None for a line that stays as it is."""
    bare = without_code(line)
    labelled = _LABELLED.match(bare)
    if labelled is not None:
        label = labelled["label"].casefold()
        value, offset = labelled["value"], labelled.start("value")
        if not _is_prose(value, label) and (at_top or label not in _AT_TOP):
            found = _moment_in(value) or (_DATE.search(value), "date")
            if found[0] is not None:
                return offset + found[0].start(), offset + found[0].end(), found[1]
            if label.startswith(_HASHED) and (hit := _ID.search(value) or _HASH.match(value)):
                return offset + hit.start(), offset + hit.end(), "id"
            if label.startswith(_COUNTED) and (hit := _NUMBER.match(value)) and len(value.split()) <= 2:
                return offset + hit.start(), offset + hit.end(), "counter"
    return None


def _is_prose(value: str, label: str) -> bool:
    """Whether the line is a sentence that happens to begin with the label."""
    words = len(value.split())
    return words > (6 if label in _DATED else 10)


def _moment_in(text: str) -> tuple[re.Match[str], str] | None:
    found = _MOMENT.search(text)
    return None if found is None else (found, "time")


def _moves(file: InstructionFile, known: Lines, first: int, end_at: int) -> tuple[Fix, ...]:
    """Move the lines to the end of the file, under a heading of their own; a table's row stays."""
    lines = known.lines[first : end_at + 1]
    if any(each.lstrip().startswith("|") for each in lines) or end_at + 1 >= len(known.lines):
        return ()
    last = len(known.lines) - 1
    end = "\r\n" if "\r\n" in file.text else "\n"
    has_heading = any(each.strip() == MOVED_UNDER for each in known.lines)
    closed = "" if not known.lines[last] else end
    text, moved = end.join(lines), "line" if first == end_at else "lines"
    tail = f"{closed}{text}{end}" if has_heading else f"{closed}{end}{MOVED_UNDER}{end}{end}{text}{end}"
    return (
        Fix(
            title=f"Move the {moved} to the end of the file, behind what can be cached",
            kind="refactor",
            preferred=True,
            edits=(
                Edit(path=file.path, line=first, character=0, end_line=end_at + 1, end_character=0, new_text=""),
                Edit(
                    path=file.path,
                    line=last,
                    character=len(known.lines[last]),
                    end_line=last,
                    end_character=len(known.lines[last]),
                    new_text=tail,
                ),
            ),
        ),
    )


_BODY = (
    "Every service is a package below `services/`, with its own tests and its own README. A service talks to another "
    "one through its public API and never reads its tables. Errors are values where the caller can do something about "
    "them, and exceptions where it cannot. Names are whole words. A function that needs a comment to be understood is "
    "split until it needs none. New dependencies are discussed before they are added, and each is pinned. Logs are "
    "structured, carry the request's id, and never a user's data. Migrations are forward only and are tried on a copy."
)

VOLATILE_PREFIX = Rule(
    code="volatile-prefix",
    title="Text that breaks the prompt cache",
    severity="information",
    scope="file",
    finds=(
        "Lines that begin with a word such as `Last updated`, `Generated`, `Version`, `Build` or `Session` and hold a "
        "date, a time, an id or a counter, in files that requests "
        f"carry in front of the conversation, where {LEAST_TOKENS_BEHIND} tokens or more of the file come behind them; "
        "such lines with nothing but empty lines between them are one finding. Not in code, front matter or tasks "
        "files. In programs: a value that a literal system prompt is given at run time, behind words such as `Today "
        "is` or `Session id:`, with as much literal text behind it."
    ),
    why=(
        "A provider finds its prompt cache by the bytes from the beginning of the request. Where one of them differs, "
        "everything behind it is read anew at the full price, which is about ten times that of a cache read. A date "
        "that somebody writes by hand changes only when the file does; but then an edit at the end of the file loses "
        "everything from the date on, and not only what follows the edit. That is little, so the level is low."
    ),
    remedy=(
        "Leave the line out (the version control system knows when the file was changed), or move it to the end of the "
        "file, or into a file that is loaded on request."
    ),
    bad=Example(files=(("AGENTS.md", f"# Rules\n\nLast updated: 2026-03-14\n\n{_BODY}\n"),)),
    good=Example(files=(("AGENTS.md", f"# Rules\n\n{_BODY}\n\n{MOVED_UNDER}\n\nLast updated: 2026-03-14\n"),)),
    reading=Reading(
        read=10,
        right=10,
        on="2026-11-21",
        note=(
            "These are all there were: one of the corpus, two of READMEs of installed packages, three of Debian's "
            "documentation, read as if they were an `AGENTS.md`, and four of notes and a system prompt in recorded "
            "agent sessions. Eighteen others were commits that an API's history of changes names; since then a commit "
            "counts only in the first lines of a file."
        ),
    ),
    check=check_volatile,
)
