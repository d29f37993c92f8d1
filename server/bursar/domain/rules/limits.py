"""Two numbers for one limit: "at most 100 characters" here and "at most 120 characters" there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.company import is_carried, travel_together
from bursar.domain.rules.lines import MOST_CHARACTERS, lines_in
from bursar.domain.rules.rule import Example, Found, Place, Reading, Rule, Surroundings
from bursar.domain.text.kept import kept_for_newest

_MOST_SUBJECT_WORDS = 5
_MOST_SENTENCE_CHARACTERS = 160
_UPPER = (
    r"at most|no more than|not more than|no longer than|not exceed|never exceed|maximum(?: of)?|max\.?|up to|fewer than"
    r"|less than|limited to|limit(?: of| is|:)?|under|below|within|not over"
)
_LOWER = r"at least|no less than|no fewer than|minimum(?: of)?|min\.?|more than"
_UNITS: dict[str, tuple[str, Decimal]] = {}
for _names, _unit, _factor in (
    (("characters", "character", "chars", "char", "columns", "cols"), "characters", "1"),
    (("lines", "line", "loc"), "lines", "1"),
    (("words", "word"), "words", "1"),
    (("tokens", "token"), "tokens", "1"),
    (("milliseconds", "millisecond", "ms"), "seconds", "0.001"),
    (("seconds", "second", "secs", "sec", "s"), "seconds", "1"),
    (("minutes", "minute", "mins", "min"), "seconds", "60"),
    (("hours", "hour", "h"), "seconds", "3600"),
    (("days", "day"), "seconds", "86400"),
    (("bytes", "byte", "b"), "bytes", "1"),
    (("kb", "kib"), "bytes", "1000"),
    (("mb", "mib"), "bytes", "1000000"),
    (("gb", "gib"), "bytes", "1000000000"),
    (("%", "percent", "per cent"), "%", "1"),
    (("retries", "attempts", "tries"), "attempts", "1"),
    (("parameters", "arguments", "params", "args"), "arguments", "1"),
    (("spaces",), "spaces", "1"),
    (("items", "entries", "files", "levels", "commits"), "things", "1"),
):
    for _name in _names:
        _UNITS[_name] = (_unit, Decimal(_factor))
_UNIT = "|".join(re.escape(each) for each in sorted(_UNITS, key=len, reverse=True))
_LIMIT = re.compile(
    rf"(?i)(?<![\w-])(?:(?P<upper>{_UPPER})|(?P<lower>{_LOWER}))\s*[:=]?\s*(?P<number>\d{{1,9}}(?:,\d{{3}})*(?:\.\d+)?)"
    rf"\s*[- ]?(?P<unit>{_UNIT})(?![\w/])"
)
_SENTENCE = re.compile(r"[.!?;](?=\s|$)|[|]|\s[–—]\s")
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_STOP_WORDS = """
a an and any are as be being but by can could do does each either every for from had has have if in into is it
its keep kept limit limits limited may must never no not of on or our over shall should so than that the their
them then these they this those to total use used when where which while will with within would you your
always at all only make sure write max maximum min minimum length size count number duration time long short
default hard soft set allowed allow exceed stay stays takes take ensure maintain achieve characters character
chars lines line words tokens seconds second minutes minute ms mb kb gb bytes percent
"""
_STOP = frozenset(_STOP_WORDS.split())
_KEPT = {"line": "line", "lines": "line"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: on what, of which kind, how much."""

    subject: frozenset[str]
    bound: Literal["upper", "lower"]
    unit: str
    amount: Decimal
    said: str
    line: int
    character: int
    end_character: int


def check_limits(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """Limits that differ from an earlier one on the same thing, in this file or one that travels with it."""
    if not is_carried(file) or file.kind in ("tasks", "hook", "chat", "code") or len(file.text) > MOST_CHARACTERS:
        return
    own = limits_in(file)
    if not own:
        return
    before: list[tuple[InstructionFile, Limit]] = [
        (each, limit)
        for each in around.files()
        if each.path < file.path
        and is_carried(each)
        and each.kind not in ("tasks", "hook", "chat", "code")
        and len(each.text) <= MOST_CHARACTERS
        and travel_together(each, file)
        for limit in limits_in(each)
    ]
    for limit in own:
        other = next(((where, each) for where, each in before if _contradicts(each, limit)), None)
        if other is not None:
            where, first = other
            place = f"line {first.line + 1}" if where is file else f"{where.path}, line {first.line + 1}"
            yield Found(
                line=limit.line,
                character=limit.character,
                end_line=limit.line,
                end_character=limit.end_character,
                code="contradictory-limits",
                message=(
                    f'"{limit.said}" here and "{first.said}" at {place} are two limits for '
                    f"{' '.join(sorted(limit.subject))}: the agent follows one of them, so keep one"
                ),
                related=(Place(path=where.path, line=first.line, message=first.said),),
            )
        before.append((file, limit))


def limits_in(file: InstructionFile) -> tuple[Limit, ...]:
    """The limits that the prose of a file sets."""
    return _limits(file.text)


@kept_for_newest()
def _limits(text: str) -> tuple[Limit, ...]:
    found = []
    for at, line in lines_in(text).prose:
        if not any(each.isdigit() for each in line):
            continue
        for match in _LIMIT.finditer(line):
            limit = _limit(line, at, match)
            if limit is not None:
                found.append(limit)
    return tuple(found)


def _limit(line: str, at: int, match: re.Match[str]) -> Limit | None:
    start = max((each.end() for each in _SENTENCE.finditer(line, 0, match.start())), default=0)
    after = _SENTENCE.search(line, match.end())
    end = after.start() if after else len(line)
    sentence = line[start:end]
    if len(sentence) > _MOST_SENTENCE_CHARACTERS or len(_LIMIT.findall(sentence)) > 1:
        return None
    rest = f"{line[start : match.start()]} {line[match.end() : end]}"
    if re.search(r"\d", re.sub(r"^\s*(?:[-*+]|\d+[.)])\s", "", rest)):
        return None
    subject = frozenset(_stem(each) for each in _WORD.findall(rest) if _counts(each))
    if not 1 <= len(subject) <= _MOST_SUBJECT_WORDS:
        return None
    unit, factor = _UNITS[match["unit"].casefold()]
    return Limit(
        subject=subject,
        bound="upper" if match["upper"] else "lower",
        unit=unit,
        amount=Decimal(match["number"].replace(",", "")) * factor,
        said=match[0],
        line=at,
        character=match.start(),
        end_character=match.end(),
    )


def _counts(word: str) -> bool:
    return word.casefold() in _KEPT or word.casefold() not in _STOP


def _stem(word: str) -> str:
    plain = word.casefold().removesuffix("'s")
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss") else plain


def _contradicts(first: Limit, second: Limit) -> bool:
    return (
        first.subject == second.subject
        and first.bound == second.bound
        and first.unit == second.unit
        and first.amount != second.amount
    )


CONTRADICTORY_LIMITS = Rule(
    code="contradictory-limits",
    title="Two limits for one thing",
    severity="warning",
    scope="workspace",
    finds=(
        "Two short sentences with one number each that bound the same words from the same side in the same unit by "
        "different amounts (`lines: at most 100 characters`, `a line has at most 120 characters`), in one file or in "
        "two that requests carry together. Which words are the same is judged narrowly: a test and an integration test "
        "are two things."
    ),
    why="The agent follows one of them, and which one changes from run to run: the other is then paid as a correction.",
    remedy="Keep one of them, and refer to it from the other place.",
    bad=Example(
        files=(
            (
                "AGENTS.md",
                "# Style\n\n- Lines: at most 100 characters\n\n# Python\n\nA line has at most 120 characters.\n",
            ),
        )
    ),
    good=Example(
        files=(
            (
                "AGENTS.md",
                "# Style\n\n- Lines: at most 100 characters\n\n# Python\n\nA function has at most 40 lines.\n",
            ),
        )
    ),
    reading=Reading(
        read=0,
        right=0,
        on="",
        note=(
            "It has found nothing in the corpus, nor in 4,777 READMEs, agent files and other texts of installed "
            "packages and Debian's documentation, nor in the texts of 34 recorded agent sessions, which is what narrow "
            "means here."
        ),
    ),
    check=check_limits,
)
