"""Acceptance criteria that are not in EARS form, in documents that are written in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.lines import lines_of, without_code
from bursar.domain.rules.rule import Example, Found, Reading, Rule, Surroundings

LEAST_CRITERIA = 4
LEAST_PERCENT = 60
_CRITERIA = re.compile(r"(?i)[ ]{0,3}#{2,6}[ \t]+acceptance criteria\b|[ \t]*\*\*acceptance criteria:?\*\*:?[ \t]*$")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]+\S")
_ITEM = re.compile(r"(?P<indent>[ ]{0,3})(?P<mark>\d+(?:\.\d+)*[.)]?|[-*+])[ \t]+(?P<text>\S.*)$")
_SHALL = re.compile(r"\bSHALL\b", re.IGNORECASE)
_SUBJECT = re.compile(r"\S+\s+SHALL\b", re.IGNORECASE)
_STRUCK = re.compile(r"~~.*?~~")
_MODAL = re.compile(r"\b(should|must|will|may|can|needs to|has to)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One criterion: its first line, and its whole text with the lines that go on with it."""

    line: int
    character: int
    end_character: int
    text: str


def check_ears(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """Criteria without SHALL, or with nobody before it, where most criteria of the document have both."""
    if file.kind != "requirements":
        return
    criteria = criteria_in(file)
    formed = [each for each in criteria if _SHALL.search(each.text)]
    if len(criteria) < LEAST_CRITERIA or len(formed) * 100 < len(criteria) * LEAST_PERCENT:
        return
    for each in criteria:
        problem = _problem(each.text)
        if problem is not None:
            yield Found(
                line=each.line,
                character=each.character,
                end_line=each.line,
                end_character=each.end_character,
                code="ears-form",
                message=(
                    f"This criterion {problem}, unlike {len(formed)} of the {len(criteria)} criteria here: write "
                    "WHEN <what happens>, THE <system> SHALL <what it does> (or WHILE, IF, WHERE, or THE <system> "
                    "SHALL alone)"
                ),
            )


def criteria_in(file: InstructionFile) -> list[Criterion]:
    """The items of the lists below headings that say that they are acceptance criteria."""
    found: list[Criterion] = []
    inside = False
    outermost: tuple[int, bool] | None = None
    for at, line in lines_of(file).prose:
        if _CRITERIA.match(line):
            inside, outermost = True, None
        elif _HEADING.match(line):
            inside = False
        elif inside and (item := _ITEM.match(line)) and outermost in (None, _level(item)):
            outermost = _level(item)
            found.append(
                Criterion(
                    line=at,
                    character=item.start("text"),
                    end_character=len(line.rstrip()),
                    text=without_code(_STRUCK.sub("", item["text"])),
                )
            )
        elif inside and found and line.strip():
            last = found[-1]
            found[-1] = Criterion(
                line=last.line,
                character=last.character,
                end_character=last.end_character,
                text=f"{last.text} {without_code(line.strip())}",
            )
    return [each for each in found if each.text.strip()]


def _level(item: re.Match[str]) -> tuple[int, bool]:
    """How deep an item is, and whether it is numbered: what lies below a criterion is part of it."""
    return len(item["indent"]), item["mark"][0].isdecimal()


def _problem(text: str) -> str | None:
    if not _SHALL.search(text):
        modal = _MODAL.search(text)
        return f'says "{modal[0]}" where EARS says SHALL' if modal else "does not say what the system SHALL do"
    if not _SUBJECT.search(text):
        return "does not say who SHALL do it"
    return None


def _document(last: str) -> str:
    return (
        "# Requirements\n\n### Requirement 1: Rates\n\n#### Acceptance Criteria\n\n"
        "1. WHEN a rate changes, THE service SHALL keep the old one.\n"
        "2. WHILE a rate is read, THE service SHALL NOT change it.\n"
        "3. IF a rate is unknown, THEN THE service SHALL say so.\n"
        f"4. {last}\n"
    )


EARS_FORM = Rule(
    code="ears-form",
    title="An acceptance criterion that is not in EARS form",
    severity="information",
    scope="file",
    finds=(
        f"Items below `Acceptance Criteria` without SHALL, or with nobody before it, where {LEAST_PERCENT} % of the "
        f"criteria of the document (and {LEAST_CRITERIA} or more in all) have it. Documents that are written in "
        "another form, or in a language that says it otherwise, are left alone."
    ),
    why=(
        "In EARS (easy approach to requirements syntax) a criterion names what happens, who acts, and what is seen "
        "then. What leaves one of them open is filled in by the agent, and paid again when it guessed wrong."
    ),
    remedy="Write WHEN/WHILE/IF/WHERE .., THE system SHALL ..",
    bad=Example(files=((".kiro/specs/rates/requirements.md", _document("Rates should be read quickly.")),)),
    good=Example(
        files=(
            (
                ".kiro/specs/rates/requirements.md",
                _document("WHEN a rate is read, THE service SHALL answer within 50 ms."),
            ),
        )
    ),
    reading=Reading(
        read=0,
        right=0,
        on="",
        note=(
            "Ten of its first findings in the corpus were items below a criterion; since such items count as part "
            "of it, it finds nothing there: of these documents each is written in EARS form throughout, or not at all. "
            "No other requirements were found in packages, Debian's documentation or recorded agent sessions."
        ),
    ),
    check=check_ears,
)
