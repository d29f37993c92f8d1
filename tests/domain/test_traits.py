"""What the text of a task tells of it."""

import pytest

from bursar.domain.specs.traits import TaskTraits, traits_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Implement the parser", "implement"),
        ("Write unit tests for the parser", "test"),
        ("Document the flags in README.md", "docs"),
        ("Rename Parcel to Package", "refactor"),
        ("Fix the crash on empty input", "fix"),
        ("Merge the branch", "publish"),
        ("Investigate why it is slow", "review"),
        ("how many zones are there?", "question"),
        ("Zonen und Tarife", "other"),
        ("", "other"),
        ("latest", "other"),
    ],
)
def test_kind_by_words(text: str, kind: str) -> None:
    assert traits_of(text).kind == kind


def test_files_are_counted_once_and_sizes_are_in_characters() -> None:
    text = "Change src/a.py and src/b.ts,\n  then src/a.py again (see design.md); version 1.2 stays"
    assert traits_of(text) == TaskTraits(kind="other", text_chars=len(text), files_named=3)


@pytest.mark.parametrize("text", ["a" * 20_000, "a." * 10_000, "./" * 10_000, "fix " * 5_000, "-" * 20_000])
def test_a_long_run_of_characters_is_looked_through_once(text: str) -> None:
    assert traits_of(text).files_named == 0


def test_a_very_long_text_is_looked_at_from_its_beginning() -> None:
    assert traits_of("x " * 200_000 + "fix it in a.py") == TaskTraits(kind="other", text_chars=400_014, files_named=0)
