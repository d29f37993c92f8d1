"""The files that a task probably needs with what they define, in few tokens: a part of a run's first request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from bursar.domain.context.ranking import Ranked
from bursar.domain.context.repository import Definition

MAP_TOKENS = 1_000
MAP_FILES = 20
_LEAST_SHARE = 0.15
"""What a file must be worth beside the best one: with fewer words in common it is a guess."""
_MOST_DEFINITIONS = 15
_HEAD = (
    "<repository_map>\n"
    "Files of the workspace that this task probably needs, the best first, with lines that define names, as they were"
    " when the run began. Read a file before you rely on it.\n"
)
_END = "</repository_map>"
_FILE = re.compile(r'^<file path="([^"\n]*)">$', re.MULTILINE)
_UNFIT = re.compile(r'["\r\n]')


def repository_map(
    ranked: Sequence[Ranked],
    definitions: Mapping[str, Sequence[Definition]],
    *,
    tokens: Callable[[str], int],
    most_tokens: int = MAP_TOKENS,
) -> str:
    """As many of the best files as fit, each whole; empty where none does."""
    best = ranked[0].score if ranked else 0.0
    blocks: list[str] = []
    left = most_tokens - tokens(f"{_HEAD}{_END}")
    for each in ranked:
        if each.score < best * _LEAST_SHARE or _UNFIT.search(each.path):
            continue
        block = _block(each.path, definitions.get(each.path, ()), set(each.words))
        left -= tokens(block)
        if left < 0:
            break
        blocks.append(block)
    while blocks and tokens(_whole(blocks)) > most_tokens:
        blocks.pop()
    return _whole(blocks) if blocks else ""


def mapped_paths(text: str) -> list[str]:
    """The files that a map in this text lists."""
    return _FILE.findall(text)


def _whole(blocks: Sequence[str]) -> str:
    return f"{_HEAD}{''.join(blocks)}{_END}"


def _block(path: str, definitions: Sequence[Definition], words: set[str]) -> str:
    open_ones = [each for each in definitions if not each.name.startswith("_") or each.name.lower() in words]
    # Of many the ones at the top first: what belongs to a class can be found in it.
    chosen = sorted(open_ones, key=lambda each: (bool(each.owner), each.line))[:_MOST_DEFINITIONS]
    lines = [
        f"{'  ' if each.owner else ''}{each.line + 1}: {each.signature}\n"
        for each in sorted(chosen, key=lambda each: each.line)
    ]
    return f'<file path="{path}">\n{"".join(lines)}</file>\n'
