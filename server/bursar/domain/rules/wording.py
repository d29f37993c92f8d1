"""Words that cost and say nothing: stock phrases that a shorter one, or none, can stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.company import is_carried
from bursar.domain.rules.lines import MOST_CHARACTERS, lines_of, without_code
from bursar.domain.rules.rule import Edit, Example, Fix, Found, Reading, Rule, Surroundings

_MOST_FOUND = 100
_SHORTER: tuple[tuple[str, str], ...] = (
    ("in order to", "to"),
    ("so as to", "to"),
    ("due to the fact that", "because"),
    ("owing to the fact that", "because"),
    ("in view of the fact that", "because"),
    ("in spite of the fact that", "although"),
    ("despite the fact that", "although"),
    ("at this point in time", "now"),
    ("at the present time", "now"),
    ("in the event that", "if"),
    ("for the purpose of", "for"),
    ("with the exception of", "except"),
    ("in the process of", ""),
    ("a large number of", "many"),
    ("the majority of", "most of"),
    ("has the ability to", "can"),
    ("have the ability to", "can"),
    ("is able to", "can"),
    ("are able to", "can"),
    ("on a regular basis", "regularly"),
    ("in close proximity to", "near"),
    ("prior to", "before"),
    ("subsequent to", "after"),
    ("until such time as", "until"),
    ("it is important to note that", ""),
    ("it is worth noting that", ""),
    ("it is worth mentioning that", ""),
    ("it should be noted that", ""),
    ("it is important to remember that", ""),
    ("it is recommended that you", ""),
    ("please note that", ""),
    ("please be aware that", ""),
    ("please remember that", ""),
    ("please make sure to", ""),
    ("please make sure that", ""),
    ("please ensure that you", ""),
    ("make sure to always", "always"),
    ("make sure to", ""),
    ("be sure to", ""),
    ("needless to say,", ""),
    ("as you may know,", ""),
    ("as mentioned above,", ""),
    ("as mentioned earlier,", ""),
    ("as previously mentioned,", ""),
    ("as already mentioned,", ""),
    ("keep in mind that", ""),
)
_INSTEAD = dict(_SHORTER)
_ANY_PHRASE = "|".join(re.escape(each) for each in sorted(_INSTEAD, key=len, reverse=True))
# "A list in order to the end" is about an order.
_PHRASE = re.compile(rf"(?i)(?<![\w-])(?:{_ANY_PHRASE})(?![\w-])(?!(?<=in order to) (?:the|an?|this|that|each)\b)")
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»")


def check_wording(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """One finding for each stock phrase in the prose of a file that requests carry."""
    if file.kind in ("tasks", "chat", "code", "hook") or len(file.text) > MOST_CHARACTERS:
        return
    if not is_carried(file) and file.kind not in ("prompt", "agent", "skill"):
        return
    found = 0
    for at, line in lines_of(file).prose:
        bare = _QUOTED.sub(lambda match: " " * len(match[0]), without_code(line))
        for match in _PHRASE.finditer(bare):
            yield _found(file, at, line, match, around)
            found += 1
            if found == _MOST_FOUND:
                return


def _found(file: InstructionFile, at: int, line: str, match: re.Match[str], around: Surroundings) -> Found:
    instead = _INSTEAD[match[0].casefold()]
    start, end = match.span()
    if not instead and line[end : end + 1] == " ":
        end += 1
    shorter = instead.capitalize() if match[0][0].isupper() else instead
    if not instead and match[0][0].isupper() and line[end : end + 1].isalpha():
        shorter, end = line[end].upper(), end + 1
    saved = around.tokens(line[match.start() : end]) - around.tokens(shorter)
    advice = f'write "{instead}"' if instead else "leave it out"
    return Found(
        line=at,
        character=match.start(),
        end_line=at,
        end_character=match.end(),
        code="verbose-text",
        message=f'"{match[0]}" tells the model nothing that a shorter wording does not, for {max(saved, 1)} more '
        f"token{'s' if saved > 1 else ''} in each request: {advice}",
        unnecessary=not instead,
        fixes=(
            Fix(
                title=f'Write "{instead}"' if instead else f'Leave out "{match[0]}"',
                preferred=True,
                edits=(
                    Edit(
                        path=file.path,
                        line=at,
                        character=start,
                        end_line=at,
                        end_character=end,
                        new_text=shorter,
                    ),
                ),
            ),
        ),
    )


VERBOSE_TEXT = Rule(
    code="verbose-text",
    title="Words that cost and say nothing",
    severity="hint",
    scope="file",
    finds=(
        f"{len(_SHORTER)} English stock phrases (`in order to`, `it is important to note that`, `due to the fact "
        "that`, ..) for which a shorter one, or none, says the same, in prose that agents are sent. Not in code, "
        "quotations, front matter or tasks files."
    ),
    why="Each costs a few tokens in every request, and hides the verb that the model is to follow.",
    remedy="Write the shorter wording; the quick fix does.",
    bad=Example(files=(("AGENTS.md", "# Rules\n\nIn order to release, run `make release`.\n"),)),
    good=Example(files=(("AGENTS.md", "# Rules\n\nTo release, run `make release`.\n"),)),
    reading=Reading(
        read=22,
        right=22,
        on="2026-11-21",
        note=(
            "Two are of the corpus, the others of READMEs and agent files of installed packages, read as if they were "
            "an `AGENTS.md`."
        ),
    ),
    check=check_wording,
)
