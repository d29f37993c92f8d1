"""Every rule over every file of the corpus: how many findings each has there, pinned, so that a change is looked at.

When a number changes, read what is new (`python tests/rules/test_corpus.py CODE` prints it) before it is pinned again,
and write what was read into the rule's definition.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest

from bursar.domain.instructions import InstructionFile
from bursar.domain.rules.registry import RULES, findings_in
from bursar.domain.rules.rule import Found
from bursar.domain.text import split_lines
from bursar.tokens import TiktokenCounter
from rules.corpus import instruction_files, surroundings, workspaces
from rules.support import spanned

PINNED = {
    "dearest-section": 2,
    "verbose-text": 2,
    "duplicated-text": 2,
    "pasted-file": 0,
    "volatile-prefix": 1,
    "missing-reference": 2,
    "uncovered-requirement": 6,
    "task-without-requirement": 0,
    "ears-form": 0,
    "contradictory-limits": 0,
    "hidden-characters": 0,
    "secret-in-prompt": 0,
}


def everything() -> Iterator[tuple[str, InstructionFile, Found]]:
    """Each finding with its workspace and file."""
    counter = TiktokenCounter()
    for name, texts in workspaces():
        files = instruction_files(texts)
        for file in files:
            for found in findings_in(file, surroundings(texts, file.path, counter.count, files)):
                yield name, file, found


@pytest.fixture(scope="module")
def found() -> list[tuple[str, InstructionFile, Found]]:
    return list(everything())


def test_the_corpus_is_there() -> None:
    assert sum(len(instruction_files(texts)) for _, texts in workspaces()) >= 90


def test_the_number_of_findings_of_each_rule_is_the_pinned_one(
    found: list[tuple[str, InstructionFile, Found]],
) -> None:
    assert set(PINNED) == {each.code for each in RULES if each.check is not None}
    counted = Counter(each.code for _, _, each in found)
    assert {code: counted[code] for code in PINNED} == PINNED


def test_every_finding_lies_in_its_file(found: list[tuple[str, InstructionFile, Found]]) -> None:
    for _, file, each in found:
        assert spanned(file.text, each).strip()
        assert each.end_line < len(split_lines(file.text))
        assert each.message.strip() == each.message


if __name__ == "__main__":
    wanted = set(sys.argv[1:])
    for name, file, each in everything():
        if not wanted or each.code in wanted:
            lines = split_lines(file.text)[each.line : each.end_line + 1][:4]
            print(f"{name}/{file.path}:{each.line + 1}: {each.code}: {each.message}", *lines, "", sep="\n  ")
