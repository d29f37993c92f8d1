"""Text that one request carries twice: lines that stand again in the same file or in one that travels with it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.company import is_carried, travel_together
from bursar.domain.rules.lines import MOST_CHARACTERS, Lines, blocks_of, is_heading, lines_of
from bursar.domain.rules.rule import Edit, Example, Fix, Found, Place, Reading, Rule, Surroundings
from bursar.domain.text.kept import kept_for_newest

LEAST_TOKENS = 40
_LEAST_CHARACTERS = 120
_START_CHARACTERS = 16
_MOST_CANDIDATES = 20
_MOST_FOUND = 50
_LEAST_WORDS = 8
_FORM = re.compile(r"\[[a-z][^\]]*\](?!\()|\{[a-z_]+\}|^\|")
_DECORATION = re.compile(r"^[\s>]*(?:[-*+•]|\d+[.)])?\s*(?:\[.\]\s*)?|[*_`]+")
_ITEM = re.compile(r"[\s>]*(?:[-*+•]|\d+[.)])\s|\s*\|")
_SPACE = re.compile(r"\s+")


_Line = tuple[int, str]
_Start = tuple[InstructionFile | None, tuple[_Line, ...], int]


def check_duplicates(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """Runs of lines that an earlier place has, too; the place that comes first by path and line is the original."""
    if file.kind in ("tasks", "chat", "code") or len(file.text) > MOST_CHARACTERS:
        return
    others = []
    if is_carried(file):
        others = [each for each in around.files() if _comes_before(each, file)]
    own = _normal(file.text)
    places = _places(own, [(None, own), *((each, _normal(each.text)) for each in others)])
    known, whole = lines_of(file), _whole_pieces(file, own)
    at, found = 0, 0
    while at < len(own) and found < _MOST_FOUND:
        line, text = own[at]
        begins = line in whole and not is_heading(known.lines[line]) and len(text) >= _START_CHARACTERS
        best = _longest(own, at, places.get(text, ())) if begins else None
        length = 0 if best is None else _trimmed(own[at : at + best[0]], whole, known)
        end_line = own[at + length - 1][0] + 1
        copied = "\n".join(known.lines[line:end_line])
        says = length and len(copied) >= _LEAST_CHARACTERS and _says_something([each for _, each in own[at:][:length]])
        tokens = around.tokens(copied) if says else 0
        if best is None or tokens < LEAST_TOKENS:
            at += 1
            continue
        found += 1
        yield _found(file, known.lines, line, end_line, tokens, best[1], best[2])
        at += length


def _whole_pieces(file: InstructionFile, said: tuple[_Line, ...]) -> dict[int, int]:
    """The first and last lines that say something of what can stand for itself: paragraphs, items, fenced blocks."""
    known = lines_of(file)
    pieces: list[tuple[int, int]] = [(at, at + 1) for at, line in known.prose if is_heading(line)]
    for block in blocks_of(file):
        starts = [block.line]
        if not block.is_code:
            starts += [at for at in range(block.line + 1, block.end_line) if _ITEM.match(known.lines[at])]
        pieces += zip(starts, [*starts[1:], block.end_line], strict=True)
    lines = [line for line, _ in said]
    whole = {}
    for start, end in pieces:
        inside = lines[bisect_left(lines, start) : bisect_left(lines, end)]
        if inside:
            whole[inside[0]] = inside[-1]
    return whole


def _trimmed(run: tuple[_Line, ...], whole: dict[int, int], known: Lines) -> int:
    """How many lines of a run, from its first on, are whole pieces; the last is no heading."""
    kept, last = 0, -1
    for at, (line, _) in enumerate(run):
        if last < line:
            if line not in whole:
                break
            last = whole[line]
        if line == last and (line in known.code or not is_heading(known.lines[line])):
            kept = at + 1
    return kept


def _comes_before(other: InstructionFile, file: InstructionFile) -> bool:
    return (
        other.path < file.path
        and other.kind not in ("tasks", "chat", "code")
        and len(other.text) <= MOST_CHARACTERS
        and is_carried(other)
        and travel_together(other, file)
    )


def _says_something(lines: list[str]) -> bool:
    """Whether the lines hold sentences or code of their own; a form that is to be filled in repeats by its nature."""
    forms = sum(bool(_FORM.search(each)) for each in lines)
    return forms * 2 < len(lines) and any(len(each.split()) >= _LEAST_WORDS for each in lines)


@kept_for_newest()
def _normal(text: str) -> tuple[_Line, ...]:
    """The lines that say something, with their numbers: without bullets, emphasis, case and spacing."""
    said = []
    for at, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        plain = _SPACE.sub(" ", _DECORATION.sub("", line)).strip().casefold()
        if plain:
            said.append((at, plain))
    return tuple(said)


def _places(
    own: tuple[_Line, ...], sources: list[tuple[InstructionFile | None, tuple[_Line, ...]]]
) -> dict[str, list[_Start]]:
    wanted = {text for _, text in own}
    places: dict[str, list[_Start]] = {}
    for file, lines in sources:
        for index, (_, text) in enumerate(lines):
            if text in wanted and len(text) >= _START_CHARACTERS:
                here = places.setdefault(text, [])
                if len(here) < _MOST_CANDIDATES:
                    here.append((file, lines, index))
    return places


def _longest(
    own: tuple[_Line, ...], at: int, starts: list[_Start] | tuple[()]
) -> tuple[int, InstructionFile | None, int] | None:
    best: tuple[int, InstructionFile | None, int] | None = None
    for file, lines, start in starts:
        if file is None and start >= at:
            continue
        most = len(own) - at if file is not None else min(len(own) - at, at - start)
        length = 0
        while length < most and start + length < len(lines) and own[at + length][1] == lines[start + length][1]:
            length += 1
        if length and (best is None or length > best[0]):
            best = (length, file, lines[start][0])
    return best


def _found(
    file: InstructionFile,
    lines: tuple[str, ...],
    line: int,
    end_line: int,
    tokens: int,
    original: InstructionFile | None,
    original_line: int,
) -> Found:
    path = file.path if original is None else original.path
    where = f"line {original_line + 1}" if original is None else f"{path}, line {original_line + 1}"
    indent = re.match(r"[\s>]*(?:[-*+•]\s+|\d+[.)]\s+)?", lines[line])
    start = indent.end() if indent else 0
    heading = _heading_above(lines_of(original or file).lines, original_line)
    if original is None:
        pointer = f'(As under "{heading}" above.)' if heading else "(As above.)"
    else:
        pointer = f'(See "{heading}" in {path}.)' if heading else f"(See {path}.)"
    last = end_line - 1
    return Found(
        line=line,
        character=start,
        end_line=last,
        end_character=len(lines[last]),
        code="duplicated-text",
        message=(
            f"These {tokens:,} tokens stand at {where} already, and requests carry both: keep one of them, and refer "
            "to it here"
        ),
        related=(Place(path=path, line=original_line, message="the same text, first"),),
        unnecessary=True,
        fixes=(
            Fix(
                title=f"Replace the copy by a reference to {where}",
                edits=(
                    Edit(
                        path=file.path,
                        line=line,
                        character=start,
                        end_line=last,
                        end_character=len(lines[last]),
                        new_text=pointer,
                    ),
                ),
            ),
        ),
    )


def _heading_above(lines: tuple[str, ...], line: int) -> str | None:
    for at in range(line, -1, -1):
        match = re.match(r"[ ]{0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$", lines[at])
        if match:
            return match[1]
    return None


_SAID = (
    "Before you change a public function, read the tests that call it, run them once to see them pass, and write "
    "down which of them you expect to fail after the change and why. When another one fails, stop and say so."
)

DUPLICATED_TEXT = Rule(
    code="duplicated-text",
    title="Text that a request carries twice",
    severity="information",
    scope="workspace",
    finds=(
        f"Lines of {LEAST_TOKENS} tokens or more that stand, apart from bullets, emphasis, letter case and spacing, "
        "earlier in the same file, or in another file that requests carry together with it: files of one agent, or "
        "documents of one spec. Files of different agents (`CLAUDE.md` beside `GEMINI.md`) may say the same, since no "
        "request carries both."
    ),
    why=(
        "Each request pays for both copies, and the agent has to believe one of them when somebody changes only the "
        "other."
    ),
    remedy="Keep the copy that people look for, and replace the other by a reference to it.",
    bad=Example(
        files=(
            (".kiro/steering/testing.md", f"# Testing\n\nUse pytest.\n\n{_SAID}\n"),
            (".kiro/steering/changes.md", f"# Changes\n\n{_SAID}\n"),
        )
    ),
    good=Example(
        files=(
            (
                ".kiro/steering/testing.md",
                '# Testing\n\nUse pytest.\n\n(See "Changes" in .kiro/steering/changes.md.)\n',
            ),
            (".kiro/steering/changes.md", f"# Changes\n\n{_SAID}\n"),
        )
    ),
    reading=Reading(
        read=33,
        right=31,
        on="2026-11-21",
        note=(
            "Two are of the corpus, the others of READMEs and agent files of installed packages, read as if they were "
            "an `AGENTS.md`. "
            "The wrong ones are options of two calls that a reference lists at both."
        ),
    ),
    check=check_duplicates,
)
