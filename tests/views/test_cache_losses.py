"""Lost prompt caches in words, beside a task and in the report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bursar.domain.context.losses import CAUSES, Loss, LossSum, LostCache, by_cause
from bursar.views.cache_losses import CAUSE_NAMES, loss_text
from bursar.views.report import report_page
from views.test_report import HOSTILE, Seen, report
from views.test_spec_annotations import MILLI, annotated, record, row, summary

LOSS = Loss(cause="document", tokens=12_400, part="turn 1", path="AGENTS.md", what="edited", waited_s=370, blocks=41)


def lost(number: int, pico: int | None = 31 * MILLI, **changes: object) -> LostCache:
    return LostCache(row=row(number), loss=replace(LOSS, **changes), pico=pico)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("document", "AGENTS.md was edited since the request before"),
        ("system", "turn 1 is not as in the request before"),
        ("tools", "turn 1 is not as in the request before"),
        ("model", "the model changed from turn 1 to edited, and each has a cache of its own"),
        ("options", "the request's turn 1 changed"),
        ("message", "turn 1 is not as it was sent before"),
        ("trimmed", "Bursar left results out of the conversation, which should save more in the requests to come"),
        ("expired", "6 min had passed since the request before, and it was no longer kept"),
        ("lookback", "the turn added 41 blocks behind the last mark, and the provider does not look back that far"),
        ("evicted", "the provider gave it up after 6 min, with the same bytes and within its life"),
        ("too_short", "the prompt was shorter than the least that the provider keeps"),
        ("erased", "the texts of the requests were erased, so the cause cannot be told"),
    ],
)
def test_each_cause_has_its_words(cause: str, words: str) -> None:
    said = loss_text(replace(LOSS, cause=cause), 31 * MILLI)  # type: ignore[arg-type]
    assert said == f"12,400 tokens were not read from the prompt cache ($0.031 more): {words}"


def test_every_cause_is_told_and_named() -> None:
    assert set(CAUSE_NAMES) == set(CAUSES)
    assert loss_text(LOSS, None).startswith("12,400 tokens were not read from the prompt cache: ")
    assert loss_text(replace(LOSS, estimated=True), MILLI).startswith("about 12,400 tokens")


def test_a_task_has_one_finding_for_all_that_its_newest_run_lost() -> None:
    ran = summary(record(), row(1), row(2))
    (one,) = annotated(ran, losses={"run-1": [lost(2)]}, silenced=frozenset({"request-cost"})).findings
    assert (one.code, one.severity, one.message) == ("cache-lost", "information", loss_text(LOSS, 31 * MILLI))
    both = {"run-1": [lost(1), lost(2, pico=90 * MILLI, cause="evicted"), lost(2, cause="too_short")]}
    (found,) = annotated(ran, losses=both, silenced=frozenset({"request-cost"})).findings
    assert found.message.startswith("the prompt cache was lost 2 times, $0.12 more in all; the dearest: 12,400 tokens")
    assert [each.message.partition(":")[0] for each in found.related] == ["request 1", "request 2"]


@pytest.mark.parametrize("losses", [{}, {"another": [lost(1)]}, {"run-1": [lost(1, cause="too_short")]}])
def test_no_finding_without_a_loss_of_this_run(losses: dict[str, list[LostCache]]) -> None:
    ran = summary(record(), row(1), row(2))
    assert [each.code for each in annotated(ran, losses=losses).findings] == ["request-cost"]
    silenced = frozenset({"request-cost", "cache-lost"})
    assert annotated(ran, losses={"run-1": [lost(1)]}, silenced=silenced).findings == ()


def test_the_sums_are_by_cause_and_the_dearest_first() -> None:
    given = [lost(1), lost(2, pico=None), lost(3, pico=90 * MILLI, cause="expired", tokens=7)]
    assert by_cause(given) == (
        LossSum(cause="expired", times=1, tokens=7, pico=90 * MILLI, unpriced=0),
        LossSum(cause="document", times=2, tokens=24_800, pico=31 * MILLI, unpriced=1),
    )
    words = Seen(report_page(report(cache_losses=given))).words
    assert "$0.031, 1 request not known" in words
    assert "The cache had expired" in words


def test_what_others_named_is_text_in_the_report() -> None:
    seen = Seen(report_page(report(cache_losses=[lost(1, path=HOSTILE)])))
    assert "script" not in seen.tags
    assert "<script>alert(1)</script>" in seen.words
