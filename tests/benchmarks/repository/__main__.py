"""``python -m benchmarks.repository``: how good the ranking of files is, beside plain BM25 on content, on questions
whose files are known. Half of the trees were used to choose the weights; the others were not.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import apsw

from benchmarks import report
from benchmarks.repository import questions, score
from benchmarks.repository.peers import PlainBm25
from benchmarks.repository.questions import Part, Question, Tree
from bursar.callsites import SyntaxSymbols
from bursar.domain.context.ranking import USUAL, Weights
from bursar.domain.context.repository import FileQuestion
from bursar.runs.repository import Repository
from bursar.storage.repository import SqliteRepositoryIndex
from bursar.workspace import LocalSources

PLAIN = "BM25 on content"
STEMMED = "BM25 on content, words stemmed"
# Installed files have the time of their installation, which tells nothing.
MEASURED = replace(USUAL, recency=0.0)
WITHOUT = {
    "passages": replace(MEASURED, passage=0.0),
    "names that a file defines": replace(MEASURED, names=0.0),
    "words in the path": replace(MEASURED, path=0.0),
    "paths and identifiers named": replace(MEASURED, named=0.0, identifier=0.0),
    "uses of names between files": replace(MEASURED, graph=0.0),
}
Scores = Sequence[dict[str, float]]


class Place:
    """A workspace that questions are asked of; ``inside`` makes a file of the tree one of the workspace."""

    def __init__(self, root: Path, home: Path, asked: Sequence[tuple[Question, tuple[str, ...]]]) -> None:
        self.asked = asked
        self._own = Repository(
            sources=LocalSources(root), symbols=SyntaxSymbols(), index=SqliteRepositoryIndex(home, str(root))
        )
        self.files = self._own.refresh().files
        self._plain = PlainBm25(root, "unicode61")
        self._stemmed = PlainBm25(root, "porter unicode61")

    def own(self, weights: Weights) -> Scores:
        """Bursar's ranking."""
        return self._scores(
            lambda text: [each.path for each in self._own.ranked(FileQuestion(text=text), weights=weights)]
        )

    def plain(self) -> Scores:
        """The peer's, on the words as they are."""
        return self._scores(self._plain.ranked)

    def stemmed(self) -> Scores:
        """The peer's, with FTS5's own stemming."""
        return self._scores(self._stemmed.ranked)

    def _scores(self, ranked: Callable[[str], Sequence[str]]) -> Scores:
        return [score.score(ranked(question.text), files) for question, files in self.asked]


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="bench-repository", description=__doc__)
    parser.parse_args()
    trees = questions.load()
    for each in trees:
        if each.installed != each.version:
            _say(f"{each.name} is {each.installed} here; its questions were written from {each.version}.")
    rows: list[report.Row] = []
    with tempfile.TemporaryDirectory(prefix="bursar-bench-") as scratch:
        for part in ("tuned on", "held out"):
            rows += _part([each for each in trees if each.part == part], part, Path(scratch) / part.replace(" ", "-"))
    versions = {"bursar": importlib.metadata.version("bursar"), "sqlite": apsw.sqlite_lib_version()}
    _say(f"\nWritten: {report.write('repository', rows, versions)}")
    return 0


def _part(trees: Sequence[Tree], part: Part, scratch: Path) -> list[report.Row]:
    whole = scratch / "together"
    whole.mkdir(parents=True)
    home = scratch / "home"
    home.mkdir(mode=0o700)
    alone: list[Place] = []
    for each in trees:
        root = each.copy_to(scratch / "alone")
        shutil.copytree(root, whole / each.name)
        alone.append(Place(root, home, [(one, one.files) for one in each.questions]))
    inside = [(one, tuple(f"{each.name}/{file}" for file in one.files)) for each in trees for one in each.questions]
    together = Place(whole, home, inside)
    _say(f"\n{part}: {len(inside)} questions on {', '.join(each.name for each in trees)}")
    return [
        *_table(alone, f"{part}, each tree alone ({sum(each.files for each in alone)} files)"),
        *_table([together], f"{part}, all trees in one workspace ({together.files} files)"),
    ]


def _table(places: Sequence[Place], title: str) -> list[report.Row]:
    def of(ask: Callable[[Place], Scores]) -> list[dict[str, float]]:
        return [each for place in places for each in ask(place)]

    plain, stemmed = of(Place.plain), of(Place.stemmed)
    own = of(lambda place: place.own(MEASURED))
    _say(f"\n{title}\n{'':36}" + "".join(f"{name:>11}" for name in score.MEASURES))
    for name, scores in ((PLAIN, plain), (STEMMED, stemmed), ("Bursar", own)):
        _say(f"{name:36}" + _figures(scores))
    for name, weights in WITHOUT.items():
        _say(f"  without {name:26}" + _figures(of(lambda place, weights=weights: place.own(weights))))
    rows = []
    for peer, scores in ((PLAIN, plain), (STEMMED, stemmed)):
        for name in score.MEASURES:
            found = score.difference([each[name] for each in own], [each[name] for each in scores])
            _say(f"  {name:9} minus {peer}: {found.mean:+.3f}, 95 % interval [{found.low:+.3f}, {found.high:+.3f}]")
            rows.append(
                report.Row(
                    what=f"{name}, {title}",
                    value=_decimal(score.means(own)[name]),
                    unit="share",
                    peer=peer,
                    peer_value=_decimal(score.means(scores)[name]),
                )
            )
    return rows


def _figures(scores: Scores) -> str:
    return "".join(f"{value:11.3f}" for value in score.means(scores).values())


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.4f}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
