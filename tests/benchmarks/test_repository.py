"""The benchmark of the ranking of files: its questions have answers, and its measures are right by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.repository import questions, score
from benchmarks.repository.peers import PlainBm25
from benchmarks.repository.questions import Tree

TREES = questions.load()


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_the_files_of_every_question_are_there(tree: Tree) -> None:
    if tree.installed != tree.version:
        pytest.skip(f"{tree.name} is {tree.installed} here, the questions were written from {tree.version}")
    missing = [file for each in tree.questions for file in each.files if not (tree.root / file).is_file()]
    assert not missing


def test_there_are_enough_and_no_tree_is_in_both_parts() -> None:
    parts = {part: [each for each in TREES if each.part == part] for part in ("tuned on", "held out")}
    assert len({each.name for each in TREES}) == len(TREES) == sum(map(len, parts.values()))
    for trees in parts.values():
        assert sum(len(each.questions) for each in trees) >= 40
    texts = [one.text for each in TREES for one in each.questions]
    assert len(set(texts)) == len(texts)


def test_measures_by_hand() -> None:
    ranked = ["a", "b", "c", "d", "e", "f"]
    assert score.score(ranked, ["a"]) == {"recall@5": 1.0, "recall@10": 1.0, "MRR": 1.0}
    assert score.score(ranked, ["f", "c"]) == {"recall@5": 0.5, "recall@10": 1.0, "MRR": 1 / 3}
    assert score.score(ranked, ["z"]) == {"recall@5": 0.0, "recall@10": 0.0, "MRR": 0.0}
    assert score.means([score.score(ranked, ["a"]), score.score(ranked, ["z"])])["MRR"] == 0.5


def test_an_interval_holds_zero_where_nothing_differs_and_not_where_all_does() -> None:
    same = score.difference([0.5] * 40, [0.5] * 40)
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    better = score.difference([1.0] * 39 + [0.0], [0.5] * 40)
    assert better.low > 0
    mixed = score.difference([1.0, 0.0] * 20, [0.0, 1.0] * 20)
    assert mixed.low < 0 < mixed.high


def test_the_peer_finds_the_file_with_the_word(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("retry = 1\n")
    (tmp_path / "b.py").write_text("other = 2\n")
    peer = PlainBm25(tmp_path, "unicode61")
    assert peer.ranked("how often to retry") == ["a.py"]
    assert peer.ranked("nothing of it") == []
