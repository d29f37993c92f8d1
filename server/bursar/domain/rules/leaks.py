"""Keys and passwords in text that is sent to a provider."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.lines import MOST_CHARACTERS
from bursar.domain.rules.rule import Edit, Example, Fix, Found, Reading, Rule, Surroundings
from bursar.domain.safety.secrets import secret_spans
from bursar.domain.text import split_lines

REDACTED = "[REDACTED]"
_MOST_FOUND = 100
_PIECE_CHARACTERS = 16_000
_GAP = re.compile(r"\n[ \t\r]*\n")


def check_secrets(file: InstructionFile, around: Surroundings) -> Iterator[Found]:
    """One finding for each; what it says never holds the secret."""
    if file.kind == "code" or len(file.text) > MOST_CHARACTERS:
        return
    for start, end, kind in islice(secrets_in(file.text), _MOST_FOUND):
        before, upto = split_lines(file.text[:start]), split_lines(file.text[:end])
        line, character = len(before) - 1, len(before[-1])
        end_line, end_character = len(upto) - 1, len(upto[-1])
        yield Found(
            line=line,
            character=character,
            end_line=end_line,
            end_character=end_character,
            code="secret-in-prompt",
            message=(
                f"{what_leaks(kind)} stands here, and it is sent to the provider with this file: remove it, have a "
                "new one made, and name the environment variable that holds it instead"
            ),
            fixes=(redaction(file.path, (line, character, end_line, end_character)),),
        )


def what_leaks(kind: str) -> str:
    """What was found, as the subject of a sentence."""
    return "A password or key" if kind == "assigned" else f"Something that looks like a key ({kind})"


def redaction(path: str, place: tuple[int, int, int, int]) -> Fix:
    """Replace what stands at this place: first line and character, last line and the character behind."""
    line, character, end_line, end_character = place
    return Fix(
        title=f"Replace it by {REDACTED}",
        preferred=True,
        edits=(
            Edit(
                path=path,
                line=line,
                character=character,
                end_line=end_line,
                end_character=end_character,
                new_text=REDACTED,
            ),
        ),
    )


def secrets_in(text: str) -> Iterator[tuple[int, int, str]]:
    """The secrets of a text, looked for in pieces between empty lines: one long search would let nobody else work."""
    start = 0
    while start < len(text):
        gap = _GAP.search(text, start + _PIECE_CHARACTERS)
        end = len(text) if gap is None else gap.end()
        for first, last, kind in secret_spans(text[start:end]):
            yield start + first, start + last, kind
        start = end


SECRET_IN_PROMPT = Rule(
    code="secret-in-prompt",
    title="A key or password in text that is sent",
    severity="error",
    scope="file",
    finds=(
        "Keys by the shapes that about fifty vendors give them, private keys, tokens, and values behind words such as "
        "`password` or `api_key` that look random. In programs the literal prompts of calls are looked at, in "
        "transcripts the messages, and nothing else there. Not found: what says of itself that it is an example."
    ),
    why=(
        "The file is sent to the provider with every request that carries it and is kept in logs on the way. Whoever "
        "gets it can spend your money."
    ),
    remedy="Name the environment variable that holds it instead, and have a new one made: this one was sent.",
    bad=Example(
        files=(
            (
                "CLAUDE.md",
                "# Deploy\n\nUse the key " + "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a" + " for releases.\n",
            ),
        )
    ),
    good=Example(files=(("CLAUDE.md", "# Deploy\n\nUse the key in `$RELEASE_TOKEN` for releases.\n"),)),
    reading=Reading(
        read=2,
        right=1,
        on="2026-11-21",
        note=(
            "The corpus has none; the right one is a token in the README of an installed package. The wrong one is the "
            "JSON Web Token that a library's README shows, which is signed with a made-up key. All that 4,777 texts of "
            "installed packages and Debian's documentation have: two values that say that they are examples, such as "
            "`password123`, and two that say so in base64, were found at first and no longer are."
        ),
    ),
    check=check_secrets,
)
