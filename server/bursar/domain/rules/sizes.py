"""Which section of a large file that requests carry takes most of it."""

from __future__ import annotations

from collections.abc import Iterator

from bursar.domain.instructions.file import InstructionFile, Part
from bursar.domain.rules.company import is_resident
from bursar.domain.rules.lines import MOST_CHARACTERS, lines_of
from bursar.domain.rules.rule import Example, Found, Reading, Rule, Surroundings
from bursar.domain.rules.splitting import split_fix

LEAST_FILE_TOKENS = 1_500
LEAST_PERCENT = 25
LEAST_SECTIONS = 3


def check_dearest(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """At most one finding: the section of the outermost level with several that takes most of the file."""
    if not is_resident(file) or len(file.text) > MOST_CHARACTERS or len(file.text) < LEAST_FILE_TOKENS:
        return
    sections = outermost(file)
    if len(sections) < LEAST_SECTIONS:
        return
    whole = around.tokens(file.text)
    if whole < LEAST_FILE_TOKENS:
        return
    lines = lines_of(file).lines

    def tokens_of(part: Part) -> int:
        return around.tokens("\n".join(lines[part.line : part.end_line]))

    dearest = max(sections, key=tokens_of)
    tokens = tokens_of(dearest)
    while tokens * 100 >= whole * LEAST_PERCENT and len(below := _below(file, dearest)) > 1:
        # What holds others is not large by itself; one of those may be.
        dearest = max(below, key=tokens_of)
        tokens = tokens_of(dearest)
    percent = tokens * 100 // whole
    if percent < LEAST_PERCENT:
        return
    heading = lines[dearest.line]
    carriers = "every request for a task of this spec" if file.residency != "always" else "every request"
    yield Found(
        line=dearest.line,
        character=len(heading) - len(heading.lstrip("\ufeff \t")),
        end_line=dearest.line,
        end_character=len(heading.rstrip()),
        code="dearest-section",
        message=(
            f'"{dearest.title}" takes {tokens:,} of the {whole:,} tokens ({percent} %) of this file, which {carriers} '
            "carries: shorten it first, or move it into a file that is read when it is needed"
        ),
        fixes=split_fix(file, sections, around.exists),
    )


def outermost(file: InstructionFile) -> list[Part]:
    """The sections of the outermost level that has several."""
    headings = [each for each in file.parts if each.kind == "heading"]
    for level in sorted({each.level for each in headings}):
        found = [each for each in headings if each.level == level]
        if len(found) > 1:
            return found
    return []


def _below(file: InstructionFile, section: Part) -> list[Part]:
    """The sections right below one."""
    inside = [
        each
        for each in file.parts
        if each.kind == "heading" and section.line < each.line < section.end_line and each.level > section.level
    ]
    return [each for each in inside if each.level == min(each.level for each in inside)]


def _sample(sentences: int) -> str:
    said = "The handler {} reads its input, checks it, writes one row, and answers with the id of that row.\n"
    return "".join(said.format(n) for n in range(sentences))


DEAREST_SECTION = Rule(
    code="dearest-section",
    title="The section that takes most of a file",
    severity="information",
    scope="file",
    finds=(
        f"In a file of {LEAST_FILE_TOKENS:,} tokens or more that every request carries (of an agent, or for the tasks "
        f"of a spec), with {LEAST_SECTIONS} sections or more: the one that takes {LEAST_PERCENT} % of it or more. Of a "
        "section that holds several others, one of those is meant, or none."
    ),
    why="Every request pays for the whole file, so this is the section in which a saved word saves most.",
    remedy=(
        "Shorten the section, or move it into a file that is loaded when it is needed (`inclusion: fileMatch`, "
        "`applyTo`, a path that the agent can read). The code action splits the file at its headings."
    ),
    bad=Example(
        files=(
            (
                ".kiro/steering/api.md",
                f"# API\n\n## Style\n\nShort.\n\n## Handlers\n\n{_sample(100)}\n## Tests\n\nAll.\n",
            ),
        )
    ),
    good=Example(
        files=(
            (
                ".kiro/steering/api.md",
                "# API\n\n## Style\n\nShort.\n\n## Handlers\n\nSee docs/handlers.md.\n\n## Tests\n\nAll.\n",
            ),
        )
    ),
    reading=Reading(
        read=26,
        right=25,
        on="2026-11-21",
        note=(
            "Two are of the corpus, the others of READMEs and agent files of installed packages, read as if they were "
            "an `AGENTS.md`. "
            "The wrong one is a section of just a quarter of a file with many equal ones."
        ),
    ),
    check=check_dearest,
)
