"""Files that an agent would take in and that are not there; and files that were pasted instead of named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.lines import MOST_CHARACTERS, Fence, lines_of
from bursar.domain.rules.rule import Edit, Example, Fix, Found, Place, Reading, Rule, Surroundings

LEAST_LINES = 8
LEAST_PERCENT = 90
_PLACEHOLDER = re.compile(r"[<>{}*$]|\bNN\b|\.\.\.|…|path/to")
_PATH = re.compile(r"(?<![\w./-])((?:\.{0,2}/)?(?:[\w.-]+/)*[\w.-]+\.[A-Za-z][A-Za-z0-9]{0,9})(?![\w/-])")
_COMMENT = re.compile(r"^\s*(?:#|//|--|/\*|<!--|;|%)")


def check_missing(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """References inside the workspace to what is not there."""
    for each in file.references:
        if each.path is None or _PLACEHOLDER.search(each.written) or around.exists(each.path):
            continue
        yield Found(
            line=each.line,
            character=each.character,
            end_line=each.line,
            end_character=each.end_character,
            code="missing-reference",
            message=(
                f"{each.path} does not exist, so the agent works without what this file relies on: write the right "
                "path, or remove the reference"
            ),
        )


def check_pasted(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """Fenced blocks that are nearly the file whose path stands beside them."""
    if file.kind in ("chat", "code", "tasks") or len(file.text) > MOST_CHARACTERS:
        return
    known = lines_of(file)
    for fence in known.fences:
        inside = known.lines[fence.line + 1 : fence.end_line - 1]
        if len([each for each in inside if each.strip()]) < LEAST_LINES:
            continue
        for path in _named(known.lines, fence, inside):
            if path == file.path or (text := around.read(path)) is None:
                continue
            share = _same_percent(inside, text.splitlines())
            if share >= LEAST_PERCENT:
                yield _pasted(file, known.lines, fence, path, share, around)
                break


def _named(lines: tuple[str, ...], fence: Fence, inside: tuple[str, ...]) -> list[str]:
    """Paths that the fence, the two lines before it or a comment in its first line name."""
    places = [fence.info, *lines[max(fence.line - 2, 0) : fence.line]]
    if inside and _COMMENT.match(inside[0]):
        places.append(inside[0])
    paths = [match[1].removeprefix("./") for place in places for match in _PATH.finditer(place)]
    return [each for each in dict.fromkeys(paths) if not each.startswith(("/", "../"))]


def _same_percent(one: tuple[str, ...], other: list[str]) -> int:
    """How much of the longer of the two both have, by lines that are not empty."""
    first = Counter(each.strip() for each in one if each.strip())
    second = Counter(each.strip() for each in other if each.strip())
    longer = max(first.total(), second.total())
    return 0 if not longer else (first & second).total() * 100 // longer


def _pasted(
    file: InstructionFile, lines: tuple[str, ...], fence: Fence, path: str, share: int, around: Surroundings
) -> Found:
    tokens = around.tokens("\n".join(lines[fence.line : fence.end_line]))
    last = fence.end_line - 1
    reference = reference_to(file, path)
    return Found(
        line=fence.line,
        character=len(lines[fence.line]) - len(lines[fence.line].lstrip()),
        end_line=last,
        end_character=len(lines[last]),
        code="pasted-file",
        message=(
            f"{share} % of this block is {path}: {tokens:,} tokens that become wrong when that file changes; name the "
            "file instead"
        ),
        related=(Place(path=path, line=0, message="the file"),),
        fixes=(
            Fix(
                title=f"Replace the pasted text by {reference}",
                preferred=True,
                edits=(
                    Edit(
                        path=file.path,
                        line=fence.line,
                        character=len(lines[fence.line]) - len(lines[fence.line].lstrip()),
                        end_line=last,
                        end_character=len(lines[last]),
                        new_text=reference,
                    ),
                ),
            ),
        ),
    )


def reference_to(file: InstructionFile, path: str) -> str:
    """How a file of this kind refers to another one, from the workspace's root."""
    name = file.path.rpartition("/")[2]
    if ".kiro/" in f"/{file.path}" and file.kind in ("steering", "requirements", "design", "spec", "plan"):
        return f"#[[file:{path}]]"
    if name in ("CLAUDE.md", "GEMINI.md") and "/" not in file.path:
        return f"@{path}"
    return f"`{path}`"


_CONFIG = (
    "[tool.ruff]\nline-length = 120\ntarget-version = 'py311'\n\n[tool.ruff.lint]\nselect = ['E', 'F']\n"
    "ignore = ['E501']\n\n[tool.mypy]\nstrict = true\nfiles = ['src']\n"
)

MISSING_REFERENCE = Rule(
    code="missing-reference",
    title="A reference that leads nowhere",
    severity="warning",
    scope="workspace",
    finds=(
        "References that the agent would replace by a file's text (`#[[file:..]]`, `@path`, links in prompt and "
        "instruction files) to a path below the workspace where there is no file. Not found: paths with a placeholder "
        "in them, and what leads out of the workspace."
    ),
    why="The agent is told to follow a text that it never gets: it guesses what it says, or pays for the search.",
    remedy="Write the path that the file has now, or remove the reference.",
    bad=Example(files=((".kiro/steering/api.md", "# API\n\nFollow #[[file:docs/openapi.yaml]] to the letter.\n"),)),
    good=Example(
        files=(
            (".kiro/steering/api.md", "# API\n\nFollow #[[file:docs/openapi.yaml]] to the letter.\n"),
            ("docs/openapi.yaml", "openapi: 3.1.0\n"),
        )
    ),
    reading=Reading(
        read=2,
        right=2,
        on="2026-11-21",
        note=(
            "These are all there were. Both are references that Kiro takes in; their targets are not part of the "
            "corpus, so whether they exist in their repository was not seen."
        ),
    ),
    check=check_missing,
)

PASTED_FILE = Rule(
    code="pasted-file",
    title="A file that was pasted",
    severity="information",
    scope="workspace",
    finds=(
        f"Fenced blocks of {LEAST_LINES} lines or more of which {LEAST_PERCENT} % are the lines of a file of the "
        "workspace, and the other way round, where the path of that file stands in the fence, in the two lines before "
        "it, or in a comment in its first line."
    ),
    why=(
        "Requests pay for the copy whether they need it or not, and it says something else than the file as soon as "
        "somebody changes one of them."
    ),
    remedy="Name the file: the agent reads it when it needs it, and then as it is.",
    bad=Example(
        files=(
            ("AGENTS.md", f"# Checks\n\nOur `pyproject.toml`:\n\n```toml\n{_CONFIG}```\n"),
            ("pyproject.toml", _CONFIG),
        )
    ),
    good=Example(
        files=(
            ("AGENTS.md", "# Checks\n\nOur `pyproject.toml`:\n\n`pyproject.toml`\n"),
            ("pyproject.toml", _CONFIG),
        )
    ),
    reading=Reading(
        read=2,
        right=2,
        on="2026-11-21",
        note=(
            "It has found nothing in the corpus, whose workspaces hold few other files. These are READMEs of two type "
            "packages that repeat their `index.d.ts` whole: all that 1,229 Markdown files of installed packages have "
            "beside the files that they name."
        ),
    ),
    check=check_pasted,
)
