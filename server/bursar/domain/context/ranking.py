"""Which files a task needs, best first: what it names, where its words stand, what those files use, what was written
lately. The weights are data; ``python -m benchmarks.repository`` measures them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bursar.domain.context.mentions import PathBook, named_identifiers, named_paths
from bursar.domain.context.nearness import nearness
from bursar.domain.context.repository import Edge, FileFacts, FileQuestion, Passage, Postings
from bursar.domain.context.terms import asked_terms

SEEDS = 20
"""From how many of the best files the uses of names are followed."""
MOST_DEFINERS = 5
"""A name that more files define says nothing about which of them is meant."""
_K1 = 1.2
_LENGTHS = {"body": 0.75, "passage": 0.3, "names": 0.5}
"""How much a long text is held back; this and the figure above it are BM25's own."""
_LEAST_IN_PATH = 4
"""A shorter word is a part of too many others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each signal counts; nearly all are between 0 and 1 for a file before they are weighed."""

    body: float
    passage: float
    """The file's best passage."""
    names: float
    path: float
    around: float
    """The words of the documents around the task, in the whole file."""
    named: float
    named_around: float
    identifier: float
    identifier_around: float
    link: float
    graph: float
    damping: float
    """How much of a file's worth goes on to those that it uses or that use it."""
    recency: float
    half_life_days: float


USUAL = Weights(
    body=1.0,
    passage=1.0,
    names=0.7,
    path=0.4,
    around=0.15,
    named=2.0,
    named_around=0.2,
    identifier=0.8,
    identifier_around=0.1,
    link=0.5,
    graph=0.1,
    damping=0.5,
    recency=0.02,
    half_life_days=7.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the index has for a question."""

    files: Mapping[str, FileFacts]
    passages: int
    own: Sequence[Postings]
    """Of the question's own words."""
    around: Sequence[Postings]
    defining: Mapping[str, tuple[str, ...]]
    """The files that define each of the identifiers that the question names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A file with what it is worth, and the parts that this is the sum of, the largest first."""

    path: str
    score: float
    parts: tuple[tuple[str, float], ...]
    words: tuple[str, ...] = ()
    """Those of the task's words that it has, the rarest first."""
    defines: tuple[str, ...] = ()
    """Those of the task's identifiers that it defines."""
    near: tuple[str, ...] = ()
    """The files here that use it or that it uses, the nearest first."""
    line: int | None = None
    """Where its best passage begins, 0-based."""


Worth = Mapping[str, Mapping[str, float]]
"""By path: what each signal adds."""


def words_of(question: FileQuestion) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words to search by: the question's own, and those that only stand around it."""
    own = asked_terms(question.text)
    known = set(own)
    return own, tuple(each for each in asked_terms(question.around) if each not in known)


def identifiers_of(question: FileQuestion) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The identifiers that it names, and those that only stand around it."""
    own = named_identifiers(question.text)
    known = set(own)
    return own, tuple(each for each in named_identifiers(question.around) if each not in known)


def worth_alone(question: FileQuestion, found: Found, weights: Weights = USUAL) -> Worth:
    """What each file is worth by itself."""
    tally: dict[str, dict[str, float]] = {}

    def add(part: str, weight: float, shares: Mapping[str, float]) -> None:
        for path, share in shares.items():
            if weight * share > 0:
                tally.setdefault(path, {})[part] = weight * share

    book = PathBook.of(found.files)
    rarity = _rarity(found, found.own)
    own, around = identifiers_of(question)
    here = named_paths(question.text, book)
    there = {path: share for path, share in named_paths(question.around, book).items() if path not in here}
    add("named in the task", weights.named, here)
    add("named in the documents", weights.named_around, there)
    add("defines what the task names", weights.identifier, _defining(found, own))
    add("defines what the documents name", weights.identifier_around, _defining(found, around))
    add("linked from the documents", weights.link, {path: 1.0 for path in question.links if path in found.files})
    add("words", weights.body, _body(found, found.own, rarity))
    add("words close together", weights.passage, {path: best for path, (best, _) in _best(found, rarity).items()})
    add("words in its names", weights.names, _names(found, rarity))
    add("words in its path", weights.path, _path(found, rarity))
    add("words of the documents", weights.around, _body(found, found.around, _rarity(found, found.around)))
    add("written lately", weights.recency, _recency(found, weights.half_life_days, tally))
    return tally


def best_of(worth: Worth, most: int) -> list[str]:
    """The paths that are worth most, the best first."""
    return sorted(worth, key=lambda path: (-sum(worth[path].values()), path))[:most]


def rank(
    question: FileQuestion,
    found: Found,
    alone: Worth,
    edges: Sequence[Edge],
    weights: Weights = USUAL,
    most: int = 50,
) -> tuple[Ranked, ...]:
    """The best files; ``edges`` are the uses of names from and to the best ``SEEDS`` of ``alone``."""
    seeds = {path: sum(alone[path].values()) for path in best_of(alone, SEEDS)}
    near, neighbours = nearness(seeds, edges, weights.damping)
    worth = {path: dict(parts) for path, parts in alone.items()}
    for path, share in near.items():
        if weights.graph * share > 0:
            worth.setdefault(path, {})["used together with others here"] = weights.graph * share
    rarity = _rarity(found, found.own)
    passages = _best(found, rarity)
    words = _words_by_path(found, rarity)
    own, _ = identifiers_of(question)
    chosen = [path for path in best_of(worth, most + len(question.leave_out)) if path not in question.leave_out]
    return tuple(
        Ranked(
            path=path,
            score=sum(worth[path].values()),
            parts=tuple(sorted(worth[path].items(), key=lambda each: (-each[1], each[0]))),
            words=words.get(path, ()),
            defines=tuple(name for name in own if path in found.defining.get(name, ())),
            near=neighbours.get(path, ()),
            line=passages[path][1] if path in passages else None,
        )
        for path in chosen[:most]
    )


def _rarity(found: Found, postings: Sequence[Postings]) -> dict[str, float]:
    """How much each word tells, as a share: they add up to 1."""
    rarity = {
        each.stem: _tells(len(found.files), len({passage.path for passage, _ in each.passages})) for each in postings
    }
    whole = sum(rarity.values())
    return {stem: value / whole for stem, value in rarity.items()} if whole else {}


def _tells(files: int, having: int) -> float:
    return math.log(1 + (files - having + 0.5) / (having + 0.5))


def _counted(times: int, length: int, usual_length: float, kind: str) -> float:
    """BM25's part of one word: 0 without it, towards 1 the more often it stands there."""
    held_back = _LENGTHS[kind]
    return times / (times + _K1 * (1 - held_back + held_back * length / usual_length))


def _body(found: Found, postings: Sequence[Postings], rarity: Mapping[str, float]) -> dict[str, float]:
    usual = max(1.0, sum(each.words for each in found.files.values()) / max(1, len(found.files)))
    shares: dict[str, float] = {}
    for each in postings:
        times: dict[str, int] = {}
        for passage, number in each.passages:
            times[passage.path] = times.get(passage.path, 0) + number
        for path, number in times.items():
            part = rarity[each.stem] * _counted(number, found.files[path].words, usual, "body")
            shares[path] = shares.get(path, 0.0) + part
    return shares


def _best(found: Found, rarity: Mapping[str, float]) -> dict[str, tuple[float, int]]:
    """What the best passage of each file is worth, and where it begins."""
    usual = max(1.0, sum(each.words for each in found.files.values()) / max(1, found.passages))
    shares: dict[Passage, float] = {}
    for each in found.own:
        for passage, times in each.passages:
            part = rarity[each.stem] * _counted(times, passage.words, usual, "passage")
            shares[passage] = shares.get(passage, 0.0) + part
    best: dict[str, tuple[float, int]] = {}
    for passage, share in shares.items():
        if passage.path not in best or (share, -passage.line) > (best[passage.path][0], -best[passage.path][1]):
            best[passage.path] = (share, passage.line)
    return best


def _names(found: Found, rarity: Mapping[str, float]) -> dict[str, float]:
    usual = max(1.0, sum(each.names for each in found.files.values()) / max(1, len(found.files)))
    shares: dict[str, float] = {}
    for each in found.own:
        for path, times in each.names:
            part = rarity[each.stem] * _counted(times, found.files[path].names, usual, "names")
            shares[path] = shares.get(path, 0.0) + part
    return shares


def _path(found: Found, rarity: Mapping[str, float]) -> dict[str, float]:
    """A word may be only a part of a name in the path: 'exception' is found in 'threadexception'."""
    plain = {path: path.rpartition(".")[0].lower() or path.lower() for path in found.files}
    shares: dict[str, float] = {}
    whole = sum(_tells(len(found.files), len({passage.path for passage, _ in each.passages})) for each in found.own)
    for each in found.own:
        key = each.stem if len(each.stem) >= _LEAST_IN_PATH else each.word
        if len(key) < _LEAST_IN_PATH:
            continue
        having = [path for path, name in plain.items() if key in name]
        for path in having:
            shares[path] = shares.get(path, 0.0) + _tells(len(plain), len(having)) / whole
    return shares


def _defining(found: Found, names: Sequence[str]) -> dict[str, float]:
    """Two names are more than one, but not twice as much; one that many files define counts a share."""
    total: dict[str, float] = {}
    for name in names:
        paths = found.defining.get(name, ())
        for path in paths:
            total[path] = total.get(path, 0.0) + 1 / len(paths)
    return {path: 2 * (1 - 0.5**share) for path, share in total.items()}


def _recency(found: Found, half_life_days: float, among: Mapping[str, object]) -> dict[str, float]:
    newest = max((each.changed_ns for each in found.files.values()), default=0)
    return {path: 0.5 ** ((newest - found.files[path].changed_ns) / 86_400e9 / half_life_days) for path in among}


def _words_by_path(found: Found, rarity: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    words: dict[str, list[str]] = {}
    for each in sorted(found.own, key=lambda each: -rarity[each.stem]):
        for path in {passage.path for passage, _ in each.passages} | {path for path, _ in each.names}:
            words.setdefault(path, []).append(each.word)
    return {path: tuple(each) for path, each in words.items()}
