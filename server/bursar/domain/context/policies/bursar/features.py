"""What is known of a line that stands in a prompt, as numbers: the same for learning and for deciding.

A line's logit is a sum of three parts: what is fixed when it arrives, what events change (something of it was said,
shown again or used), and what changes for its whole result with each request. ``ln`` is ln(1 + x).
"""

from __future__ import annotations

import re
from math import log1p

from bursar.domain.context.duplicates import plain
from bursar.domain.context.policies.bursar.origin import Origin
from bursar.domain.context.session import Turn

KINDS = ("code", "read", "document", "command", "search", "report", "edit", "other")
"""Classes of results: files of source, other files, what is made to be read as a whole, and the rest by their call."""

FIXED = (
    "line tokens ln",
    "long line ln",
    "identifiers",
    "seen earlier",
    "from start ln",
    "from end ln",
    "position",
    "import",
    "comment",
    "definition",
    "error word",
    "path",
    "indent ln",
)
CHANGING = (
    "shown again",
    "used",
    "used distance ln",
    "has unsaid",
    "unsaid paths",
    "unsaid dotted",
    "unsaid joined",
    "unsaid camel",
    "unsaid digits",
)
OF_RESULT = (
    "result tokens ln",
    "result lines ln",
    "range",
    "failed",
    "git document",
    "age ln",
    "age over 8 ln",
    "since use ln",
    "was used",
    "edited since",
    "read since",
    "since touched ln",
    "user turns since",
    "since user ln",
    "used share",
    "uses ln",
    "results in request ln",
    "request ln",
    *KINDS,
    *(f"{each} x since use ln" for each in KINDS),
    *(f"{each} x result tokens ln" for each in KINDS),
)
NAMES = (*FIXED, *CHANGING, *OF_RESULT)

_FAR = 500
_MOST = 4
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{5,}")
_TELLING = re.compile(r"[_0-9]|[a-z][A-Z]")
_LONG_WORD = 10
_LONG_LINE_TOKENS = 40
_IMPORT = re.compile(r"^\s*(?:import\b|from\s+\S+\s+import\b|#include\b|use\s+\w|using\s+\w|const .*= require\()")
_COMMENT = re.compile(r"^\s*(?://|#(?!include)|/\*|\*|<!--|--\s)")
_DEFINITION = re.compile(
    r"\b(?:func|function|def|class|interface|struct|enum|type|impl|trait|fn|const|export|public|private)\b"
)
_ERROR = re.compile(r"\b(?:error|failed|failure|fatal|panic|exception|traceback)\b", re.IGNORECASE)
_PATH = re.compile(r"[\w.-]+[/\\][\w./\\-]+\.\w+|[\w-]+\.(?:go|py|ts|tsx|js|json|md|ya?ml|toml|rs|java|sh|css|html)\b")
_CAMEL = re.compile(r"[a-z][A-Z]")
_DIGIT = re.compile(r"[0-9]")


def identifiers(text: str) -> list[str]:
    """Words that name something: with an underscore, a digit or a capital inside, or long."""
    return [each for each in _WORD.findall(text) if len(each) >= _LONG_WORD or _TELLING.search(each)]


def kind_of(origin: Origin) -> str:
    """The class of a result."""
    if origin.is_document:
        return "document"
    return "code" if origin.kind == "read" and origin.is_code else origin.kind


def sort_of(atom: str) -> int:
    """Which of the counts of unsaid names a name goes into: paths, dotted, joined, camel case, with digits."""
    if "/" in atom:
        return 0
    if "." in atom:
        return 1
    if "_" in atom.strip("_"):
        return 2
    return 3 if _CAMEL.search(atom) and not _DIGIT.search(atom) else 4


def fixed(text: str, place: int, last: int, seen: bool, tokens_per_character: float) -> tuple[float, ...]:
    """Of a line when it arrives: its text, its place, and whether an earlier result had it."""
    said = plain(text)
    tokens = tokens_per_character * (len(text) + 1)
    return (
        log1p(tokens),
        log1p(max(0.0, tokens - _LONG_LINE_TOKENS)),
        min(8, len(set(identifiers(text)))),
        seen,
        log1p(place),
        log1p(last - place),
        place / last if last else 0.0,
        _IMPORT.match(said) is not None,
        _COMMENT.match(said) is not None,
        _DEFINITION.search(said) is not None,
        _ERROR.search(said) is not None,
        _PATH.search(said) is not None,
        log1p(len(said) - len(said.lstrip())),
    )


def changing(is_shown_again: bool, is_used: bool, distance: int | None, unsaid: tuple[int, ...]) -> tuple[float, ...]:
    """Of a line after an event. ``distance`` to the nearest used line; ``unsaid``: by sort, its names that only it
    shows and nobody said."""
    return (
        is_shown_again,
        is_used,
        log1p(_FAR if distance is None else min(_FAR, distance)),
        any(unsaid),
        *(min(_MOST, each) for each in unsaid),
    )


def of_result(
    turn: Turn,
    origin: Origin,
    *,
    lines: int,
    request: int,
    last_use: int,
    uses: int,
    used_lines: int,
    edited_since: bool,
    read_since: bool,
    touched: int,
    user_turns_since: int,
    user_request: int,
    in_request: int,
) -> tuple[float, ...]:
    """Of a whole result before a request."""
    kind = kind_of(origin)
    age, since = max(0, request - turn.request), log1p(max(0, request - last_use))
    size = log1p(turn.tokens)
    is_kind = [float(each == kind) for each in KINDS]
    return (
        size,
        log1p(lines),
        origin.is_range,
        turn.is_error,
        origin.is_document and origin.is_code,
        log1p(age),
        log1p(max(0, age - 8)),
        since,
        uses > 0,
        edited_since,
        read_since,
        log1p(max(0, request - touched)),
        min(5, user_turns_since),
        log1p(max(0, request - user_request)),
        used_lines / lines,
        log1p(uses),
        log1p(in_request),
        log1p(request),
        *is_kind,
        *(each * since for each in is_kind),
        *(each * size for each in is_kind),
    )
