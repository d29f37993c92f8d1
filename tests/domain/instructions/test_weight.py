"""What included files add: each once, imports of imports as far as the format follows them, nothing from outside."""

from __future__ import annotations

import pytest

from bursar.domain.instructions import read_instructions
from bursar.domain.instructions.weight import MOST_HOPS, Weights, weigh


def words(text: str) -> int:
    return len(text.split())


def weighed(path: str, text: str, files: dict[str, str]) -> Weights:
    return weigh(read_instructions(path, text), files.get, words)


def test_imports_of_imports_weigh_with_the_file_that_is_named() -> None:
    files = {"docs/a.md": "one two @b.md", "docs/b.md": "three", "c.md": "four five"}
    found = weighed("CLAUDE.md", "@docs/a.md and @c.md and @docs/a.md again", files)
    assert {path: (each.tokens, each.total_tokens, each.files) for path, each in found.by_path.items()} == {
        "docs/a.md": (3, 4, ("docs/b.md",)),
        "c.md": (2, 2, ()),
    }
    assert (found.tokens, found.files) == (6, ("docs/a.md", "docs/b.md", "c.md"))


def test_a_circle_ends_and_the_file_itself_is_not_taken_in_again() -> None:
    files = {"a.md": "one @b.md", "b.md": "two three @a.md @CLAUDE.md", "CLAUDE.md": "never"}
    found = weighed("CLAUDE.md", "@a.md @CLAUDE.md", files)
    assert {path: (each.total_tokens, each.files) for path, each in found.by_path.items()} == {"a.md": (6, ("b.md",))}
    assert found.tokens == 6


def test_what_two_files_take_in_counts_once_in_their_sum() -> None:
    files = {"a.md": "@c.md", "b.md": "@c.md", "c.md": "one two three"}
    found = weighed("CLAUDE.md", "@a.md @b.md", files)
    assert [each.total_tokens for each in found.by_path.values()] == [4, 4]
    assert found.tokens == 5


def test_imports_are_followed_so_many_times_and_no_further() -> None:
    files = {f"f{number}.md": f"word @f{number + 1}.md" for number in range(20)}
    found = weighed("CLAUDE.md", "@f0.md", files)
    assert found.files == tuple(f"f{number}.md" for number in range(MOST_HOPS))


@pytest.mark.parametrize(
    ("path", "text"),
    [(".kiro/steering/a.md", "#[[file:docs/a.md]]"), (".github/prompts/a.prompt.md", "[a](../../docs/a.md)")],
)
def test_formats_without_nested_imports_take_in_one_file(path: str, text: str) -> None:
    found = weighed(path, text, {"docs/a.md": "one two @b.md #[[file:docs/b.md]]", "docs/b.md": "three"})
    assert (found.files, found.tokens) == (("docs/a.md",), 4)


def test_what_is_not_there_weighs_nothing_and_is_remembered_as_looked_at() -> None:
    found = weighed("CLAUDE.md", "@a.md @../out.md @~/me.md @b.md", {"b.md": "one"})
    assert list(found.by_path) == ["b.md"]
    assert found.looked_at == {"a.md", "b.md"}


def test_code_in_an_imported_file_imports_nothing() -> None:
    found = weighed("CLAUDE.md", "@a.md", {"a.md": "```\n@b.md\n```\n`@b.md`\n", "b.md": "one"})
    assert found.files == ("a.md",)


def test_a_file_that_names_nothing_reads_nothing() -> None:
    def refuse(path: str) -> str:
        raise AssertionError(path)

    assert weigh(read_instructions("CLAUDE.md", "no names"), refuse, words) == Weights()
