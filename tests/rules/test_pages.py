"""Every rule has a page that is made from its definition, and the pages that are there are those."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

from bursar.domain.rules.registry import RULES
from bursar.domain.rules.rule import Rule
from bursar.views.rule_pages import index_page, rule_page

PAGES = Path(__file__).parents[2] / "docs" / "rules"
STALE = "run `python tools/rule_pages.py`"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_page_is_what_the_definition_says(rule: Rule) -> None:
    page = (PAGES / f"{rule.code}.md").read_text("utf-8")
    assert page == rule_page(rule), STALE
    for said in (rule.title, rule.finds, rule.why, rule.remedy, f'"{rule.code}": "off"'):
        assert said in page


def test_the_index_lists_them_all_and_there_is_no_other_page() -> None:
    assert (PAGES / "README.md").read_text("utf-8") == index_page(RULES), STALE
    assert {each.name for each in PAGES.iterdir()} == {"README.md", *(f"{rule.code}.md" for rule in RULES)}, STALE


@pytest.mark.parametrize("rule", [each for each in RULES if each.check is not None], ids=lambda rule: rule.code)
def test_what_was_read_is_said(rule: Rule) -> None:
    reading = rule.reading
    assert 0 <= reading.right <= reading.read
    assert reading.read == 0 or reading.right * 10 >= reading.read * 9 or reading.note
    assert reading.read == 0 or reading.on[:4].isdecimal()


def test_the_wheel_has_the_pages_and_a_checkout_no_second_copy(tmp_path: Path) -> None:
    inside = {}
    for version in ("standard", "editable"):
        (wheel,) = WheelBuilder(str(PAGES.parents[1])).build(directory=str(tmp_path), versions=[version])
        inside[version] = {each for each in ZipFile(wheel).namelist() if each.startswith("bursar/pages/")}
    assert inside["standard"] == {f"bursar/pages/rules/{each.name}" for each in PAGES.iterdir()}
    assert inside["editable"] == set()
