"""Sub-tasks below a task: a proposal read strictly, and put into the file byte-exact."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from spec_corpus import CORPUS

from bursar.domain.specs import SpecEditRefused, decode_spec, find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.domain.specs.split import NoProposal, Proposal, read_proposal, split_text


def split(text: str, address: str, *titles: str) -> str:
    task = find_task(parse_spec(text), address)
    assert isinstance(task, SpecTask)
    return split_text(text, task, titles or ("Read it", "Write it"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("- Read it\n- Write it", ("Read it", "Write it")),
        ("\n\n- Read it\r\n-   Write `it`  \n", ("Read it", "Write `it`")),
        ("- 3 rates\n- Write it", ("3 rates", "Write it")),
        ("\n".join(f"- Part {each}" for each in range(8)), tuple(f"Part {each}" for each in range(8))),
        ("- Read it", "1 sub-tasks"),
        ("\n".join(f"- Part {each}" for each in range(9)), "9 sub-tasks"),
        ("", "line 1 does not begin"),
        ("Here they are:\n- Read it\n- Write it", "line 1 does not begin"),
        ("- Read it\n\n- Write it", "line 2 does not begin"),
        ("- Read it\n  - Write it", "line 2 does not begin"),
        ("```\n- Read it\n- Write it\n```", "line 1 does not begin"),
        ("- Read it\n- \n- Write it", "line 2 has no title"),
        ("- Read it\n- [ ] Write it", "line 2 begins with a bracket"),
        ("- 1.1 Read it\n- 1.2 Write it", "line 1 begins with a number"),
        ("- 1. Read it\n- Write it", "line 1 begins with a number"),
        ("- T012a Read it\n- Write it", "line 1 begins with a number"),
        ("- Read it\n- Write\u202eti", "line 2 holds a character"),
        (f"- Read it\n- {'x' * 201}", "line 2 is longer than 200"),
        ("- Read it\n- Read it", "the same sub-task twice"),
    ],
)
def test_an_answer_is_a_list_of_titles_or_nothing(answer: str, expected: tuple[str, ...] | str) -> None:
    found = read_proposal(answer)
    if isinstance(expected, tuple):
        assert found == Proposal(titles=expected)
    else:
        assert isinstance(found, NoProposal)
        assert expected in found.why


KIRO = """\
    # Plan

    - [ ] 1. Group
      - [ ] 1.1 One
        - Look at `a.py`
        - _Requirements: 1.1, 2.3_
      - [ ]* 1.2 Optional
    - [ ] 2. Other
      - Do it well
      - _Check: `pytest -q`_
      - _Requirements: 3_

    - [ ] 3. Last
"""


@pytest.mark.parametrize(
    ("address", "after", "inserted"),
    [
        (
            "2",
            "  - _Requirements: 3_\n",
            [
                "  - [ ] 2.1 Read it",
                "    - _Requirements: 3_",
                "  - [ ] 2.2 Write it",
                "    - _Requirements: 3_",
                "    - _Check: `pytest -q`_",
            ],
        ),
        (
            "1.1",
            "    - _Requirements: 1.1, 2.3_\n",
            [
                "    - [ ] 1.1.1 Read it",
                "      - _Requirements: 1.1, 2.3_",
                "    - [ ] 1.1.2 Write it",
                "      - _Requirements: 1.1, 2.3_",
            ],
        ),
        ("1.2", "  - [ ]* 1.2 Optional\n", ["    - [ ]* 1.2.1 Read it", "    - [ ]* 1.2.2 Write it"]),
        ("3", "- [ ] 3. Last\n", ["  - [ ] 3.1 Read it", "  - [ ] 3.2 Write it"]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_kiro_sub_tasks_stand_below_their_parent(
    address: str, after: str, inserted: list[str], end: str, bom: str
) -> None:
    text = bom + dedent(KIRO).replace("\n", end)
    mark = after.replace("\n", end)
    head, _, tail = text.partition(mark)
    expected = head + mark + "".join(f"{each}{end}" for each in inserted) + tail
    assert split(text, address) == expected


SPECKIT = """\
## Phase 1

- [ ] T007 [P] Prepare
- [ ] T009 [P] [US1] Build it in `a.py`
- [ ] T009a [US1] Check it

## Phase 2

- [ ] T011 Ship it"""


def test_speckit_sub_tasks_have_letters_or_the_next_numbers() -> None:
    assert split(SPECKIT, "T007") == SPECKIT.replace(
        "Prepare\n", "Prepare\n  - [ ] T007a Read it\n  - [ ] T007b Write it\n"
    )
    assert split(SPECKIT, "T009") == SPECKIT.replace(
        "`a.py`\n", "`a.py`\n  - [ ] T009b [US1] Read it\n  - [ ] T009c [US1] Write it\n"
    )
    assert split(SPECKIT, "T009a") == SPECKIT.replace(
        "Check it\n", "Check it\n  - [ ] T012 [US1] Read it\n  - [ ] T013 [US1] Write it\n"
    )
    assert split(SPECKIT, "T011") == SPECKIT + "\n  - [ ] T011a Read it\n  - [ ] T011b Write it"


@pytest.mark.parametrize(
    ("text", "address", "expected"),
    [
        ("- [ ] a\n- [ ] b\n", "@1", "- [ ] a\n  - [ ] Read it\n  - [ ] Write it\n- [ ] b\n"),
        ("1. [ ] a\n2. [ ] b", "@2", "1. [ ] a\n2. [ ] b\n   - [ ] Read it\n   - [ ] Write it"),
        ("* [ ] 1. a\n", "1", "* [ ] 1. a\n  * [ ] 1.1 Read it\n  * [ ] 1.2 Write it\n"),
        (
            "- [ ] 1 a\n\t- [x] 1.1. b\n- [ ] 2 c\n",
            "2",
            "- [ ] 1 a\n\t- [x] 1.1. b\n- [ ] 2 c\n\t- [ ] 2.1. Read it\n\t- [ ] 2.2. Write it\n",
        ),
        (
            "- [ ] 1 a\n- [x] 1.1 b\n- [ ] 2 c\n",
            "2",
            "- [ ] 1 a\n- [x] 1.1 b\n- [ ] 2 c\n- [ ] 2.1 Read it\n- [ ] 2.2 Write it\n",
        ),
        (
            "- [ ] 1. a\n    - [x] 1.1 b\n    - [x] 1.4 c\n\nThe end.\n",
            "1",
            "- [ ] 1. a\n    - [x] 1.1 b\n    - [x] 1.4 c\n    - [ ] 1.5 Read it\n    - [ ] 1.6 Write it\n\nThe end.\n",
        ),
    ],
)
def test_the_files_own_style_is_kept(text: str, address: str, expected: str) -> None:
    assert split(text, address) == expected


@pytest.mark.parametrize(
    ("text", "address", "why"),
    [
        ("- [ ] 1. a\n  - [ ] 1.1 b\n", "1", "has open sub-tasks already"),
        ("- [ ] 7.4b a\n- [ ] 8 c\n", "7.4b", "ends with a letter"),
        ("> - [ ] 1. a\n", "1", "inside a quote"),
        ("- [ ] Read it\n- [ ] b\n", "@2", "would not read as meant"),
    ],
)
def test_what_cannot_be_put_there_is_refused(text: str, address: str, why: str) -> None:
    with pytest.raises(SpecEditRefused, match=why) as refused:
        split(text, address)
    assert str(refused.value).endswith("Nothing was changed.")


def test_a_line_that_holds_another_task_by_now_is_refused() -> None:
    task = parse_spec("- [ ] 1. a\n").tasks[0]
    with pytest.raises(SpecEditRefused, match="no longer holds"):
        split_text("- [ ] 1. b\n", task, ("x y", "z"))


_ADDED = re.compile(r"[ \t]*(?:[-*] \[ \]\*? (?:\S+ )?(?:\[US\d+\] )?(?:Read it|Write it)|(?:- )?[_*]{1,2}.*)")


def test_every_open_task_of_real_specs_can_be_divided_or_is_refused() -> None:
    """Nothing but new lines is added, in one place, and the parser sees the parent of the new tasks in the old one."""
    divided = refused = 0
    for path in sorted(CORPUS.glob("*/*/tasks.md")):
        text = decode_spec(path.read_bytes())
        tasks = [each for each in parse_spec(text).tasks if each.is_open]
        for task in tasks[:: max(1, len(tasks) // 3)][:3]:
            try:
                after = split_text(text, task, ("Read it", "Write it"))
            except SpecEditRefused:
                refused += 1
                continue
            divided += 1
            added = len(after) - len(text)
            start = next((at for at, (one, two) in enumerate(zip(text, after, strict=False)) if one != two), len(text))
            assert after[:start] + after[start + added :] == text, (path, task.line)
            old_lines, new_lines = text.splitlines(), after.splitlines()
            extra = [each for each in new_lines if each not in set(old_lines)]
            assert all(_ADDED.fullmatch(each) for each in extra), (path, extra)
            new = [each for each in parse_spec(after).tasks if each.title in ("Read it", "Write it")]
            parents = {parse_spec(after).tasks[each.parent].title for each in new if each.parent is not None}
            assert (len(new), parents) == (2, {task.title}), (path, task.line)
    assert divided >= 40
    assert refused < divided
