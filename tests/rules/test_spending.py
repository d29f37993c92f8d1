"""The examples of the rules that are about money: each situation is played with its figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bursar.domain.rules.registry import BY_CODE, RULES
from bursar.domain.rules.rule import Example
from bursar.domain.specs import parse_spec
from bursar.views.forecasts import Outlook
from views.test_spec_annotations import DAY_LEFT, ENOUGH, ESTIMATE, MILLI, USD, annotated, record, row, summary

CENT = 10 * MILLI
FIVE_CENTS = replace(ESTIMATE, first_request_pico=5 * CENT)


def room(left: int) -> Outlook:
    return Outlook(tasks={2: ENOUGH}, rooms=(replace(DAY_LEFT, left=left),))


FIGURES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "over-budget": (
        {"estimates": {2: FIVE_CENTS}, "left_pico": CENT},
        {"estimates": {2: FIVE_CENTS}, "left_pico": USD},
    ),
    "over-window": (
        {"estimates": {2: replace(ESTIMATE, counted_tokens=300_000)}, "window_tokens": 200_000},
        {"estimates": {2: replace(ESTIMATE, counted_tokens=30_000)}, "window_tokens": 200_000},
    ),
    "probably-unfinished": ({"outlook": room(2 * CENT)}, {"outlook": room(5 * USD)}),
}


def found(example: Example, figures: dict[str, Any]) -> list[tuple[str, str]]:
    ((path, text),) = example.files
    shown = annotated(text=text, spec=parse_spec(text, path_hint=path), **figures)
    return [(each.code, each.severity) for each in shown.findings]


@pytest.mark.parametrize("code", FIGURES)
def test_the_situations_are_as_the_page_says(code: str) -> None:
    rule, (bad, good) = BY_CODE[code], FIGURES[code]
    assert found(rule.bad, bad) == [(code, rule.severity)]
    assert found(rule.good, good) == []


def test_the_cost_of_the_last_request_is_information_until_it_passes_a_mark() -> None:
    ran = summary(record(), row(1), row(2, cost_pico=USD // 2))
    assert [(each.code, each.severity) for each in annotated(ran).findings] == [("request-cost", "warning")]
    (finding,) = annotated(summary(record(), row(1))).findings
    assert finding.severity == BY_CODE["request-cost"].severity
    assert annotated().findings == ()


def test_each_rule_without_a_check_is_played_here() -> None:
    assert {each.code for each in RULES if each.check is None} == {*FIGURES, "request-cost", "cache-lost"}
