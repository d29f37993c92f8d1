"""Characters that nobody sees and a model reads: zero-width, tag and direction characters, fillers."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.lines import MOST_CHARACTERS
from bursar.domain.rules.rule import Edit, Example, Fix, Found, Reading, Rule, Surroundings
from bursar.domain.text import split_lines

_MOST_FOUND = 100
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_MARKS = frozenset("\u200e\u200f\u061c")
_ALWAYS = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d\u206e\u206f"
    "\u3164\ufeff\uffa0"
)
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINING = ("ARABIC", "SYRIAC", "MONGOLIAN", "NKO", "MANDAIC")
_BLACK_FLAG, _CANCEL_TAG = "\U0001f3f4", "\U000e007f"


def check_hidden(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """One finding for each run of hidden characters in a line."""
    if file.text.isascii() or len(file.text) > MOST_CHARACTERS:
        return
    found = 0
    for at, line in enumerate(split_lines(file.text)):
        if line.isascii():
            continue
        for start, end in hidden_runs(line, at_start=at == 0):
            yield hidden_finding(file.path, at, line, start, end)
            found += 1
            if found == _MOST_FOUND:
                return


def hidden_runs(line: str, *, at_start: bool) -> Iterator[tuple[int, int]]:
    """Where hidden characters stand in a line, the ends exclusive."""
    return _runs(_hidden_in(line, at_start=at_start))


def _hidden_in(line: str, *, at_start: bool) -> list[int]:
    right_to_left = any(unicodedata.bidirectional(each) in ("R", "AL") for each in line)
    hidden = []
    flag_end = -1
    for at, each in enumerate(line):
        if at <= flag_end or each.isascii():
            continue
        if each == _BLACK_FLAG:
            flag_end = _end_of_flag(line, at)
        elif "\U000e0000" <= each <= "\U000e007f":
            hidden.append(at)
        elif each in _ALWAYS:
            if not (each == "\ufeff" and at_start and at == 0):
                hidden.append(at)
        elif each in _DIRECTION or each in _MARKS:
            if not right_to_left:
                hidden.append(at)
        elif each in (_ZWNJ, _ZWJ):
            if not _joins(line, at):
                hidden.append(at)
        elif _is_selector(each) and not _selects(line, at):
            hidden.append(at)
    return hidden


def _end_of_flag(line: str, at: int) -> int:
    """Where the tags of a flag end, which are part of what is seen; ``at`` where they are none."""
    end = at + 1
    while end < len(line) and "\U000e0020" <= line[end] <= "\U000e007e":
        end += 1
    return end if at + 1 < end <= at + 7 and line[end : end + 1] == _CANCEL_TAG else at


def _joins(line: str, at: int) -> bool:
    """Whether a joiner stands where scripts and emoji need it."""
    before, after = line[at - 1 : at], line[at + 1 : at + 2]
    if not before or (not after and line[at] == _ZWJ):
        return False
    if _is_pictorial(before) and (line[at] == _ZWNJ or _is_pictorial(after)):
        return line[at] == _ZWJ
    return _needs_joiners(before)


def _needs_joiners(letter: str) -> bool:
    name = unicodedata.name(letter, "")
    # Viramas join letters in the scripts of India and its neighbours, letters of both sides stand around the mark.
    return name.startswith(_JOINING) or unicodedata.combining(letter) == 9 or _is_indic(letter)


def _is_indic(letter: str) -> bool:
    return "\u0900" <= letter <= "\u0dff" or "\u1000" <= letter <= "\u109f" or "\u1780" <= letter <= "\u17ff"


def _is_pictorial(character: str) -> bool:
    return bool(character) and (
        unicodedata.category(character) in ("So", "Sk", "Sm") or character in "\ufe0f\u20e3" or character > "\U0001f000"
    )


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _selects(line: str, at: int) -> bool:
    """Whether a variation selector has something that it can vary."""
    before = line[at - 1 : at] if at else ""
    if not before or before.isspace() or _is_selector(before):
        return False
    if "\ufe00" <= line[at] <= "\ufe0f":
        return before in "0123456789#*" or not before.isascii()
    return unicodedata.category(before) == "Lo"


def _runs(hidden: list[int]) -> Iterator[tuple[int, int]]:
    start = None
    for index, at in enumerate(hidden):
        if start is None:
            start = at
        if index + 1 == len(hidden) or hidden[index + 1] != at + 1:
            yield start, at + 1
            start = None


def hidden_finding(path: str, at: int, line: str, start: int, end: int) -> Found:
    """What is said of hidden characters in this line."""
    counts = Counter(line[start:end])
    names = [
        f"U+{ord(each):04X} {unicodedata.name(each, 'without a name').lower()}" + (f" ({n} times)" if n > 1 else "")
        for each, n in counts.most_common(3)
    ]
    if len(counts) > 3:
        names.append(f"{len(counts) - 3} other kinds")
    said = "".join(chr(ord(each) - 0xE0000) for each in line[start:end] if "\U000e0020" <= each <= "\U000e007e")
    spelt = f"; they spell {said[:80]!r}" if said else ""
    many = end - start
    what = "A character that nobody sees stands" if many == 1 else f"{many} characters that nobody sees stand"
    return Found(
        line=at,
        character=start,
        end_line=at,
        end_character=end,
        code="hidden-characters",
        message=f"{what} here, and a model reads {'it' if many == 1 else 'them'}: {', '.join(names)}{spelt}; "
        f"remove {'it' if many == 1 else 'them'}",
        fixes=(
            Fix(
                title="Remove what nobody sees",
                preferred=True,
                edits=(Edit(path=path, line=at, character=start, end_line=at, end_character=end, new_text=""),),
            ),
        ),
    )


HIDDEN_CHARACTERS = Rule(
    code="hidden-characters",
    title="Characters that nobody sees",
    severity="warning",
    scope="file",
    finds=(
        "Zero-width characters, tag characters (U+E0000 and after), controls of the writing direction, fillers and "
        "variation selectors that have nothing to vary. Not found: a byte order mark at the start, joiners inside "
        "emoji and in scripts that need them, direction controls in lines with letters that run from right to left, "
        "and the tags of flags. In programs the literal prompts of calls are looked at, in transcripts the lines of "
        "messages; an escape such as `\\u200b` is written for everybody to see, so it is none."
    ),
    why=(
        "A reviewer sees nothing, and the model reads every one of them: orders can be hidden that way, each character "
        "costs one to four tokens, and a word with one inside is another word to search and tokenizer."
    ),
    remedy="Remove them; where a text needs one on purpose, name it (`U+200B`) instead.",
    bad=Example(files=(("AGENTS.md", "# Rules\n\nRun the tests\u200b before each commit.\n"),)),
    good=Example(files=(("AGENTS.md", "# Rules\n\nRun the tests before each commit. 👩\u200d💻 agrees ❤\ufe0f.\n"),)),
    reading=Reading(
        read=5,
        right=3,
        on="2026-11-21",
        note=(
            "It has found nothing in the corpus, nor in 1,229 READMEs and agent files of installed packages, with "
            "emoji, byte order marks and five scripts in them. These are all that 3,548 plain texts of packages and "
            "of Debian's documentation have, read as if they were an `AGENTS.md`, each once. Right are three "
            "overrides of the writing direction in a list of authors; the other two are tables of characters that "
            "show the soft hyphen on purpose: silence the rule for such a file."
        ),
    ),
    check=check_hidden,
)
