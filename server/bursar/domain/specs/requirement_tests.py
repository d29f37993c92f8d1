"""Which tests belong to a requirement: files that are named as tests are, with a line that names the requirement."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAMES = re.compile(
    r"(?:test[_-].+|tests?|.+_(?:test|tests|spec)|.+[.-](?:test|spec)|(?:.*[a-z0-9])?(?:Test|Tests|Spec|IT))\.(?P<end>[A-Za-z0-9]+)"
)
_NO_PROGRAMS = frozenset(
    {"md", "mdx", "txt", "rst", "json", "yaml", "yml", "toml", "csv", "snap", "log", "html", "xml"}
)
_WORD = re.compile(r"(?<![A-Za-z0-9])(?:requirements?|reqs?)(?![A-Za-z0-9])", re.IGNORECASE)
_BEFORE = re.compile(r"[\s:_*(\[{\"'`#=-]{0,8}")
_ID = re.compile(r"(?:[A-Za-z]{1,6}-?)?\d+(?:\.\d+)*[a-z]?(?![A-Za-z0-9]|_\w|\.\d)")
_BETWEEN = re.compile(r"[\"'`)\]]{0,2}\s{0,4}(?:,|;|&|\band\b)\s{0,4}(?:and\s{1,4})?[\"'`(\[]{0,2}")
_LINE_CHARS = 2_000


def is_test_file(path: str) -> bool:
    """Whether a file is named as the tests of the common runners are: ``test_x.py``, ``x_test.go``, ``x.spec.ts``,
    ``XTest.java``. What holds no program (a page, a snapshot, data) is none."""
    found = _NAMES.fullmatch(path.rpartition("/")[2])
    return found is not None and found["end"].lower() not in _NO_PROGRAMS


def requirements_named(lines: Iterable[str], wanted: Iterable[str]) -> frozenset[str]:
    """Those of the wanted requirements that a line names, in a comment, a docstring, a title or a marker.

    Such as ``Requirement 1.2``, ``_Requirements: 1.1, 1.2_``, ``Validates: Requirements 1.2`` or
    ``requirement("1.2")``. Each id is written out: a range names none of what is inside it. ``1.2`` is a part of
    requirement ``1``, and so are its tests; ``1.20`` is no part of ``1.2``.
    """
    named = {each.casefold() for line in lines for each in _ids(line[:_LINE_CHARS])}
    return frozenset(each for each in wanted if any(_is_part(one, each.casefold()) for one in named))


def _ids(line: str) -> list[str]:
    ids = []
    for word in _WORD.finditer(line):
        before = _BEFORE.match(line, word.end())
        found = _ID.match(line, before.end()) if before is not None and before.end() > word.end() else None
        while found is not None:
            ids.append(found[0])
            between = _BETWEEN.match(line, found.end())
            found = _ID.match(line, between.end()) if between is not None else None
    return ids


def _is_part(one: str, of: str) -> bool:
    return one == of or one.startswith(f"{of}.")
