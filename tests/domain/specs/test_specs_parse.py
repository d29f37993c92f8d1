"""Parsing by tables of small texts, and by any text at all."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.specs import SpecTask, SpecUnreadable, decode_spec, parse_spec, spec_to_json
from bursar.domain.text import split_lines


def only_task(line: str) -> SpecTask:
    (task,) = parse_spec(line).tasks
    return task


@pytest.mark.parametrize(
    ("line", "task_id", "title"),
    [
        ("- [ ] 1. Set up", "1", "Set up"),
        ("- [ ] 1.2 Set up", "1.2", "Set up"),
        ("- [ ] 1.2. Set up", "1.2", "Set up"),
        ("- [ ] 7.3.5a Set up", "7.3.5a", "Set up"),
        ("- [ ] 1) Set up", "1", "Set up"),
        ("* [ ] 1 Set up", "1", "Set up"),
        ("+ [ ] T001 [P] [US1] Set up", "T001", "Set up"),
        ("1. [ ] Set up", None, "Set up"),
        ("- [ ] **Task 3**: Set up", "3", "Set up"),
        ("- [ ] Task 3: Set up", "3", "Set up"),
        ("- [ ] **2.1 Set up** now", "2.1", "**Set up** now"),
        ("- [ ] 2.1 (P) Set up", "2.1", "Set up"),
        ("- [ ] 2.1* Set up", "2.1", "Set up"),
        (r"- [ ]\* 2.3 Set up", "2.3", "Set up"),
        ("- [ ] **2.1 Set up", None, "**2.1 Set up"),
        ("- [ ] ~~2.1 Set up~~", None, "~~2.1 Set up~~"),
        ("- [ ] [PBT] Set up", None, "[PBT] Set up"),
        ("- [ ] 3D printing", None, "3D printing"),
        ("- [ ] Set up\x0cand\u2028go", None, "Set up\x0cand\u2028go"),
        ("- [ ]\tSet up  ", None, "Set up"),
        ("- - [ ] Set up", None, "Set up"),
        ("> - [ ] Set up", None, "Set up"),
        ("- [ ]", None, ""),
        ("- [ ] Set up\n  =", None, "Set up"),
    ],
)
def test_id_and_title(line: str, task_id: str | None, title: str) -> None:
    task = only_task(line)
    assert (task.id, task.title) == (task_id, title)


@pytest.mark.parametrize(
    "text",
    [
        "- [P] tasks = different files",
        "- [1] a footnote",
        "- [x](https://example.org) a link",
        "- [x]: https://example.org",
        "- \\[ ] escaped",
        "- [] no mark",
        "| 1.1 | a | [x] |",
        "### - [x] 8. A heading",
        "```\n- [ ] 1. In a fence\n```",
        "<!--\n- [ ] 1. In a comment\n-->",
        "text\n\n    - [ ] 1. Indented code",
        "- 2.1 [ ] the number first",
        "[ ] 1. No list item",
        "text\n    - [ ] 1. More of a paragraph",
    ],
)
def test_what_is_no_task(text: str) -> None:
    assert parse_spec(text).tasks == ()


@pytest.mark.parametrize(
    ("line", "optional"),
    [
        ("- [ ]* 1.1 a", True),
        ("- [x]* 1.1 a", True),
        (r"- [ ]\* 1.1 a", True),
        ("- [ ] 1.1* a", True),
        ("- [ ] **1.1** a", False),
        ("- [x] **a** b", False),
        ("- [ ] (Optional) a", False),
    ],
)
def test_optional(line: str, optional: bool) -> None:
    assert only_task(line).optional is optional


@pytest.mark.parametrize(
    ("ids", "mark", "state"),
    [
        ("1.1", " ", "todo"),
        ("1.1", "~", "queued"),
        ("1.1", "-", "in_progress"),
        ("1.1", "x", "done"),
        ("1.1", "X", "done"),
        ("1.1", "!", "other"),
        ("T001", " ", "todo"),
        ("T001", "-", "other"),
        ("T001", "~", "other"),
        ("T001", "X", "done"),
    ],
)
def test_state(ids: str, mark: str, state: str) -> None:
    assert only_task(f"- [{mark}] {ids} a").state == state


@pytest.mark.parametrize(
    ("line", "refs", "free_text"),
    [
        ("_Requirements: 1.1, 2.3_", ("1.1", "2.3"), False),
        ("_Requirements: 1.1, 2.3_.", ("1.1", "2.3"), False),
        ("*Requirements: FR-001 and NFR-2*", ("FR-001", "NFR-2"), False),
        ("_要件：要件4.1、要件6.2_", ("4.1", "6.2"), False),
        ("_Requisitos: 1.1-1.4_", ("1.1-1.4",), False),
        ("**Requirements**: 3", ("3",), False),
        ("_Requirements: All_", (), True),
        ("_Requirements: supports 3.4 (CI)_", ("3.4",), True),
        ("_Leverage: src/v2.py_", (), False),
        ("Requirements: 1.1", (), False),
    ],
)
def test_refs(line: str, refs: tuple[str, ...], free_text: bool) -> None:
    task = only_task(f"- [ ] 1. a\n  - {line}")
    assert (task.refs, task.refs_free_text) == (refs, free_text)


def test_refs_belong_to_the_innermost_task_indented_less() -> None:
    text = dedent("""\
        - [ ] 1. a
          - [ ] 1.1 b
            - _Requirements: 1.1_
            ```
            - _Requirements: 9.9_
            ```
          - _Requirements: 2_
        ## next
          - _Requirements: 3_
        """)
    assert [task.refs for task in parse_spec(text).tasks] == [("2",), ("1.1",)]


def test_parent_is_by_id_first_and_by_indentation_else() -> None:
    text = dedent("""\
        - [ ] 1. a
        - [ ] 1.1 flat child
          - [ ] a child without id
          - [ ] 3.1 an id whose parent is missing
            - [ ] 1.2 an id that says more than its place
        """)
    tasks = parse_spec(text).tasks
    assert [task.parent for task in tasks] == [None, 0, 1, 1, 0]
    assert [task.parent_by_indent for task in tasks] == [None, None, 1, 1, 3]
    assert [task.depth for task in tasks] == [0, 0, 1, 1, 2]


def test_a_block_ends_before_the_next_task_a_heading_and_blank_lines() -> None:
    text = dedent("""\
        # Plan
        - [ ] 1. a
          - detail


          - detail after blank lines

          - [ ] 1.1 b
            detail

        text outside
        ## Next
        - [ ] 2. c
        """)
    spec = parse_spec(text)
    assert [(task.line, task.end_line, task.section) for task in spec.tasks] == [
        (1, 6, "Plan"),
        (7, 9, "Plan"),
        (12, 13, "Next"),
    ]
    assert [(heading.line, heading.level, heading.end_line) for heading in spec.headings] == [(0, 1, 14), (11, 2, 14)]


def test_a_byte_order_mark_counts_as_a_character_of_line_0_only() -> None:
    spec = parse_spec("\ufeff- [ ] 1. a\n- [ ] 2. b\n")
    assert spec.has_bom
    assert [(task.title, task.mark_start, task.mark_end) for task in spec.tasks] == [("a", 4, 5), ("b", 3, 4)]
    assert parse_spec("\ufeff# Title\n- [ ] 1. a").tasks[0].section == "Title"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    spec = parse_spec(end.join(["# T", "- [ ] 1. a\x0b\x85", "", "- [x] 2. b", ""]))
    assert [task.line for task in spec.tasks] == [1, 3]
    assert [task.title for task in spec.tasks] == ["a", "b"]
    assert spec.line_end == {"\n": "lf", "\r\n": "crlf", "\r": "cr"}[end]
    assert (spec.line_count, spec.has_final_newline) == (5, True)


@pytest.mark.parametrize(
    ("text", "path", "spec_format"),
    [
        ("- [ ] a", "", "kiro"),
        ("- [ ] a", "x/.kiro/specs/a/tasks.md", "kiro"),
        ("- [ ] a", "x/specs/001-a/tasks.md", "speckit"),
        ("- [ ] a", "x\\specs\\001-a\\tasks.md", "speckit"),
        ("- [ ] T001 a", ".kiro/specs/a/tasks.md", "speckit"),
        ("- [ ] 1.1 a", "specs/001-a/tasks.md", "kiro"),
        ("- [ ] [US1] a", "", "speckit"),
        ("- [ ]* a", "specs/001-a/tasks.md", "kiro"),
        ("", "specs/001-a/tasks.md", "speckit"),
    ],
)
def test_format(text: str, path: str, spec_format: str) -> None:
    assert parse_spec(text, path_hint=path).format == spec_format


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [(0, "empty")]),
        ("\ufeff \r\n\n", [(0, "empty")]),
        ("# Plan", [(0, "no-tasks")]),
        ("- [ ] 1. a\n- [ ] 1. b", [(1, "duplicate-id")]),
        ("- [ ] 1. a\n- [ ] b", [(1, "missing-id")]),
        ("- [ ] 1. a\n2. [ ] b", [(1, "missing-id")]),
        ("- [ ] 1. a\n- 2. [ ] b", [(1, "missing-id")]),
        ("- [ ] a\n- [ ] b", []),
        ("- [x] 1. a\n- [ ] 1.1 b", [(0, "parent-done-child-open")]),
        ("- [x] 1. a\n- [ ]* 1.1 b", []),
        ("- [ ] 1. a\n- [] 2. b", [(1, "malformed-checkbox")]),
        ("- [ ] 1. a\n- [  ] 2. b", [(1, "malformed-checkbox")]),
        ("- [ ] 1. a\n- 2.1 [ ] b", [(1, "id-before-checkbox")]),
        ("- [ ] 1. a\n## [ ] 2. b", [(1, "checkbox-in-heading")]),
        ("- [ ] 1. a\n## - [x] 2. b", [(1, "checkbox-in-heading")]),
        ("- [ ] 1.", [(0, "empty-title")]),
        ("- [!] 1. a", [(0, "unknown-mark")]),
        ("- [~] T001 a", [(0, "unknown-mark")]),
        ("- [ ] 1. a\n\n```\n- [ ] 2. b", [(2, "unclosed-fence")]),
        ("- [ ] 1. a\n\n```\n- [ ] 2. b\n```", []),
        ("- [ ] 1. a\n\ntext\n\n    - [ ] 2. b", [(4, "checkbox-in-code")]),
    ],
)
def test_problems(text: str, problems: list[tuple[int, str]]) -> None:
    found = parse_spec(text).problems
    assert [(problem.line, problem.code) for problem in found] == problems
    assert all(problem.message.endswith(".") and len(problem.message) > 40 for problem in found)


def test_what_is_nested_too_deep_is_said() -> None:
    spec = parse_spec("\n".join("  " * level + "- [ ] a" for level in range(200)))
    assert len(spec.tasks) > 50
    assert [(p.code, p.line) for p in spec.problems] == [("too-deep", spec.tasks[-1].line)]


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"- [ ] a\n\0\n", ("binary", "offset 8")),
        (b"\xff\xfe- [ ] a", ("UTF-8", "0xff", "offset 0")),
        ("- [ ] ä".encode("latin-1"), ("UTF-8", "0xe4", "offset 6")),
        ("- [ ] a".encode("utf-16-le"), ("binary", "offset 1")),
        (b"- [ ] a \xed\xa0\x80", ("UTF-8", "offset 8")),
    ],
)
def test_bytes_that_are_no_text(data: bytes, parts: tuple[str, ...]) -> None:
    with pytest.raises(SpecUnreadable) as error:
        decode_spec(data)
    assert all(part in str(error.value) for part in parts)


def test_decoding_keeps_the_byte_order_mark_and_line_ends() -> None:
    assert decode_spec(b"\xef\xbb\xbfa\r\nb\rc") == "\ufeffa\r\nb\rc"
    assert decode_spec(b"") == ""


_pieces = st.sampled_from(
    [
        *(
            "- ",
            "* ",
            "1. ",
            "> ",
            "  ",
            "    ",
            "\t",
            "[ ] ",
            "[x] ",
            "[-]* ",
            "[~] ",
            "[X]",
            "[ ]\\* ",
            "[P] ",
            "(P) ",
        ),
        *(
            "1.1 ",
            "1. ",
            "2 ",
            "T001 ",
            "[US1] ",
            "**",
            "Task 1",
            ": ",
            "_Requirements: ",
            "1.1, 2_",
            "# ",
            "title",
            "```",
        ),
        *("~~~", "---", "<!--", "-->", "\ufeff", "\x0c", "\u2028", "\x85", "😀", "\0", "\ud800"),
    ]
)
_odd_lines = st.lists(_pieces, max_size=6).map("".join)
_task_lines = st.builds(
    "{}- [{}]{} {}".format,
    st.sampled_from(["", "", "", "  ", "    ", "\t", "> "]),
    st.sampled_from(" xX-~!"),
    st.sampled_from(["", "", "*", "\\*"]),
    _odd_lines,
)
_lines = st.lists(st.one_of(_task_lines, _task_lines, _odd_lines), max_size=15)
spec_like_texts = st.builds(lambda end, lines: end.join(lines), st.sampled_from(["\n", "\r\n", "\r"]), _lines)


@settings(max_examples=400, deadline=None)
@given(text=st.one_of(spec_like_texts, st.text(st.characters(exclude_categories=()), max_size=200)))
def test_any_text_is_parsed(text: str) -> None:
    spec = parse_spec(text)
    lines = split_lines(text)
    assert spec.line_count == len(lines)
    assert spec.tasks or spec.problems
    previous = -1
    for index, task in enumerate(spec.tasks):
        assert task.index == index
        assert previous < task.line < task.end_line <= len(lines)
        assert lines[task.line][task.mark_start - 1 : task.mark_end + 1] == f"[{task.mark}]"
        # A title in bold that begins with the id keeps its bold: "**2.1 Set up**" is "**Set up**".
        assert task.title in lines[task.line] or task.title.removeprefix("**") in lines[task.line]
        assert task.parent is None or 0 <= task.parent < len(spec.tasks)
        assert task.parent_by_indent is None or task.parent_by_indent < index
        previous = task.line
    assert all(0 <= problem.line < len(lines) for problem in spec.problems)
    assert all(heading.line < heading.end_line <= len(lines) for heading in spec.headings)
    json.dumps(spec_to_json(spec))
