"""The chance of each line of a result to be needed again, from what it is and what happened since."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log1p

from bursar.domain.context.duplicates import plain
from bursar.domain.context.policies.bursar import coefficients as beta
from bursar.domain.context.policies.bursar.history import History, Result, identifiers

_NEAR = 5
_FAR = 500
_LATELY = 2
_RARE = 2
_IMPORT = re.compile(r"^\s*(?:import\b|from\s+\S+\s+import\b|#include\b|use\s+\w|using\s+\w|const .*= require\()")
_COMMENT = re.compile(r"^\s*(?://|#(?!include)|/\*|\*|<!--|--\s)")
_DEFINITION = re.compile(
    r"\b(?:func|function|def|class|interface|struct|enum|type|impl|trait|fn|const|export|public|private)\b"
)
_ERROR = re.compile(r"\b(?:error|failed|failure|fatal|panic|exception|traceback)\b", re.IGNORECASE)
_PATH = re.compile(r"[\w.-]+[/\\][\w./\\-]+\.\w+|[\w-]+\.(?:go|py|ts|tsx|js|json|md|ya?ml|toml|rs|java|sh|css|html)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """``fixed``: what the features that never change add up to. ``first``: its words that the result has first here."""

    fixed: float
    text: str
    words: tuple[str, ...]
    rare: tuple[str, ...]
    first: frozenset[str]


class Chances:
    """Reads each result once, and again only what changes with the session."""

    def __init__(self, history: History, tokens_per_character: float) -> None:
        self._history = history
        self._rate = tokens_per_character
        self._lines: dict[int, tuple[_Line, ...]] = {}

    def of(self, number: int, request: int) -> list[float]:
        """A chance for each line of a result, before that request."""
        history = self._history
        result = history.results[number]
        lines = self._lines.get(number)
        if lines is None:
            lines = self._lines[number] = self._read(result)
        shared = self._of_result(result, request)
        mentioned = [self._is_mentioned(each, result) for each in lines]
        mentions, used = _numbers(mentioned), sorted(result.used)
        before = _sums([float(each) for each in mentioned])
        novel = [[each for each in line.words if each not in history.said] for line in lines]
        first = _sums([float(sum(each in line.first for each in new)) for line, new in zip(lines, novel, strict=True)])
        chances: list[float] = []
        for place, line in enumerate(lines):
            low, high = max(0, place - _NEAR), min(len(lines), place + _NEAR + 1)
            logit = shared + line.fixed + beta.NOVEL * min(6, len(novel[place]))
            logit += beta.FIRST_IN_RESULT * min(6, sum(each in line.first for each in novel[place]))
            logit += beta.NOVEL_NEARBY * (first[high] - first[low]) / (high - low)
            logit += beta.MENTION_SHARE_NEARBY * (before[high] - before[low]) / (high - low)
            logit += beta.MENTION_DISTANCE_LN * log1p(_distance(place, mentions))
            logit += beta.USED_DISTANCE_LN * log1p(_distance(place, used))
            logit += beta.USED * (place in result.used) + self._of_words(line, result, request)
            if history.newest.get(line.text, number) > number:
                logit += beta.SHOWN_AGAIN
            chances.append(1 / (1 + exp(-logit)))
        return chances

    def _of_result(self, result: Result, request: int) -> float:
        history, arrived = self._history, result.turn.request
        users = history.user_requests
        since_user = request - users[-1] if users else request
        logit = beta.INTERCEPT
        logit += beta.SINCE_USE_LN * log1p(max(0, request - result.last_use))
        logit += beta.AGE_LN * log1p(max(0, request - arrived))
        logit += beta.EDITED_SINCE * history.edited_since(result) + beta.READ_SINCE * history.read_since(result)
        logit += beta.USER_TURNS_SINCE * min(5, len(users) - bisect_right(users, arrived))
        logit += beta.SINCE_USER_LN * log1p(max(0, since_user))
        logit += beta.USED_SHARE * len(result.used) / len(result.lines)
        logit += beta.USES_LN * log1p(result.uses)
        logit += beta.RESULTS_IN_REQUEST_LN * log1p(result.in_request)
        return logit

    def _of_words(self, line: _Line, result: Result, request: int) -> float:
        arrived, logit = result.turn.request, 0.0
        since = before = lately = asked = 0
        for word in line.words:
            asked += word in self._history.user_words
            known = self._history.mentions.get(word)
            if known is not None:
                lately += known.last > request - _LATELY
        for word in line.rare:
            known = self._history.mentions.get(word)
            if known is not None:
                since += known.last > arrived
                before += known.first <= arrived
        logit += beta.RARE_MENTIONED_SINCE * min(3, since) + beta.RARE_MENTIONED_BEFORE * min(3, before)
        return logit + beta.MENTIONED_LATELY * min(3, lately) + beta.IN_LATEST_USER_MESSAGE * min(3, asked)

    def _is_mentioned(self, line: _Line, result: Result) -> bool:
        known = (self._history.mentions.get(each) for each in line.rare)
        return any(each is not None and each.last > result.turn.request for each in known)

    def _read(self, result: Result) -> tuple[_Line, ...]:
        words = [tuple(dict.fromkeys(identifiers(each))) for each in result.lines]
        in_lines = Counter(word for line in words for word in line)
        shared, last = _of_kind(result), len(words) - 1
        met: set[str] = set()
        lines: list[_Line] = []
        for place, (text, own) in enumerate(zip(result.lines, words, strict=True)):
            said = plain(text)
            fixed = shared + beta.LINE_TOKENS_LN * log1p(self._rate * (len(text) + 1))
            fixed += beta.LINE_IDENTIFIERS * min(8, len(own)) + beta.SEEN_EARLIER * result.seen[place]
            fixed += beta.FROM_START_LN * log1p(place) + beta.FROM_END_LN * log1p(last - place)
            fixed += beta.POSITION * (place / last if last else 0.0)
            fixed += beta.IMPORT * (_IMPORT.match(said) is not None) + beta.COMMENT * (_COMMENT.match(said) is not None)
            fixed += beta.DEFINITION * (_DEFINITION.search(said) is not None)
            fixed += beta.ERROR_WORD * (_ERROR.search(said) is not None)
            fixed += beta.PATH_IN_LINE * (_PATH.search(said) is not None)
            lines.append(
                _Line(
                    fixed=fixed,
                    text=said,
                    words=own,
                    rare=tuple(each for each in own if in_lines[each] <= _RARE),
                    first=frozenset(own) - met,
                )
            )
            met.update(own)
        return tuple(lines)


def _of_kind(result: Result) -> float:
    origin = result.origin
    logit = beta.RESULT_TOKENS_LN * log1p(result.turn.tokens) + beta.RESULT_LINES_LN * log1p(len(result.lines))
    if origin.kind == "read" or origin.is_document:
        logit += beta.READ_OR_DOCUMENT
    elif origin.kind == "command":
        logit += beta.COMMAND
    logit += beta.SEARCH * (origin.kind == "search") + beta.REPORT * (origin.kind == "report")
    logit += beta.EDIT_ANSWER * (origin.kind == "edit") + beta.FAILED * result.turn.is_error
    return logit + beta.CODE_OR_GIT_DOCUMENT * origin.is_code + beta.RANGE * origin.is_range


def _distance(place: int, others: Sequence[int]) -> int:
    at = bisect_right(others, place)
    return min((abs(each - place) for each in others[max(0, at - 1) : at + 1]), default=_FAR)


def _numbers(flags: Sequence[bool]) -> list[int]:
    return [place for place, flag in enumerate(flags) if flag]


def _sums(values: Sequence[float]) -> list[float]:
    sums = [0.0]
    for each in values:
        sums.append(sums[-1] + each)
    return sums
