"""Forecasts in an editor session: made beside the loop, kept while what they are made from is the same."""

from __future__ import annotations

from dataclasses import replace

from bursar.domain.money.forecast import TaskForecast
from bursar.domain.pacing import Window
from bursar.domain.runs import TaskEstimate
from bursar.domain.specs.traits import TaskTraits
from bursar.session.cards import card_at
from bursar.session.forecasting import KEPT, Forecaster, known_of
from bursar.session.model import Changed, TaskKey
from bursar.session.shown import annotations_of
from support.past import have_run
from support.world import MODEL, TASKS, finish

from .conftest import Office

CENT = 10**10


async def with_history(office: Office, number: int, *, began: int = 0, cost_pico: int = 5 * CENT) -> None:
    """Past tasks as large as the ones in the document."""
    office.open()
    await office.window.until(lambda: office.uri in office.session.snapshot().analyses)
    estimate = next(iter(office.session.snapshot().analyses[office.uri].estimates.values()))
    assert estimate.first_request_pico is not None and estimate.traits is not None
    await have_run(
        office.shop.journal,
        [cost_pico + each * CENT // 10 for each in range(number)],
        workspace=str(office.shop.root),
        spec=office.session.snapshot().documents[office.uri].spec,
        model=MODEL,
        first_tokens=estimate.counted_tokens,
        first_pico=estimate.first_request_pico,
        traits=estimate.traits,
        began=began,
    )


def forecasts(office: Office) -> dict[TaskKey, TaskForecast]:
    known = office.session.snapshot().forecasts.get(office.uri)
    return {} if known is None else dict(known.tasks)


def titles(office: Office) -> dict[int, str]:
    return {each.line: each.title for each in annotations_of(office.session.snapshot(), office.uri).lenses}


async def test_the_lens_says_what_similar_tasks_took_once_there_are_five(office: Office) -> None:
    await with_history(office, 4)
    await office.window.until(lambda: any(each.similar == 4 for each in forecasts(office).values()))
    assert titles(office)[2].startswith("Run · first request")
    await with_history(office, 3, began=4)
    await office.window.until(lambda: "usually $" in titles(office)[2])
    assert titles(office)[2].endswith(", 7 similar")
    assert titles(office)[0].startswith("2 open tasks · usually $")


async def test_a_text_that_was_forecast_before_is_not_forecast_again(office: Office) -> None:
    await with_history(office, 6)
    await office.window.until(lambda: any(each.similar == 6 for each in forecasts(office).values()))
    before = forecasts(office)
    office.session.apply(Changed(uri=office.uri, version=2, text="Intro\n\n" + TASKS))
    await office.window.until(lambda: office.session.snapshot().analyses[office.uri].version == 2)
    moved = titles(office)
    assert moved[4].endswith("6 similar")
    office.session.apply(Changed(uri=office.uri, version=3, text=TASKS))
    await office.window.until(lambda: office.session.snapshot().analyses[office.uri].version == 3)
    await office.window.until(lambda: forecasts(office) == before)
    assert all(each is before[key] for key, each in forecasts(office).items())


def test_a_forecaster_makes_each_forecast_once() -> None:
    from domain.test_forecast import KNOWN, past

    forecaster = Forecaster((past(),) * 6)
    assert forecaster.alone(KNOWN) is forecaster.alone(KNOWN)
    assert forecaster.together((KNOWN, KNOWN)) is forecaster.together((KNOWN, KNOWN))


def test_an_edit_of_a_few_words_asks_for_the_same_forecast() -> None:
    estimate = TaskEstimate(
        address="1",
        title="t",
        line=0,
        counted_tokens=14_210,
        bound_tokens=0,
        first_request_pico=14_210 * 3_750_000,
        ceiling_pico=None,
        traits=TaskTraits(kind="test", text_chars=400, files_named=1),
        model="m",
    )
    edited = replace(estimate, counted_tokens=14_223, first_request_pico=14_223 * 3_750_000)
    much = replace(estimate, counted_tokens=16_000)
    known, same, other = (known_of(each, workspace="/w", spec="s") for each in (estimate, edited, much))
    assert known == same != other
    assert abs(known.first_tokens / 14_210 - 1) < 0.026
    assert known.first_pico == known.first_tokens * 3_750_000


def test_a_day_of_typing_does_not_fill_the_memory() -> None:
    from domain.test_forecast import KNOWN, past

    forecaster = Forecaster((past(),))
    for size in range(KEPT + 50):
        forecaster.alone(replace(KNOWN, first_tokens=size))
    assert len(forecaster._alone) == KEPT


async def test_a_run_that_ends_is_history_for_the_next_task(office: Office) -> None:
    await with_history(office, 4)
    await office.window.until(lambda: any(each.similar == 4 for each in forecasts(office).values()))
    office.model.script = [finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    await office.window.until(lambda: any(each.past == 5 for each in forecasts(office).values()))


async def test_hover(office: Office) -> None:
    await with_history(office, 6)
    await office.window.until(lambda: "usually $" in titles(office)[2])
    snapshot = office.session.snapshot()
    found = card_at(snapshot, office.uri, 2, 0)
    assert found is not None
    assert (found.line, found.end_line > found.line) == (2, True)
    told = found.markdown
    assert "| money | $" in told
    assert "From 6 similar tasks among 6 of yours" in told
    assert "likely within the $1.00 left of this run's budget" in told
    assert "Tokens counted under o200k_base" in told, "how large it is comes after it"
    whole = card_at(snapshot, office.uri, 0, 0)
    assert whole is not None and "2 open tasks together" in whole.markdown
    assert card_at(snapshot, office.uri, 1, 0) is None
    assert card_at(snapshot, "file:///elsewhere", 2, 0) is None


async def test_a_providers_window_is_a_limit_until_it_is_reset(office: Office) -> None:
    await with_history(office, 6)
    await office.window.until(lambda: "usually $" in titles(office)[2])
    provider, model = office.adapters.provider(office.adapters.settings())
    resets_at = office.shop.clock.utc_in(864_000)
    window = Window(kind="requests", remaining=0, limit=50, resets_at=resets_at)
    await office.shop.journal.keep_windows(provider=provider.name, model=model, windows=[window])
    await with_history(office, 1, began=6)
    await office.window.until(lambda: any(each.lasts_ms for each in office.session.snapshot().rooms))
    found = card_at(office.session.snapshot(), office.uri, 2, 0)
    assert found is not None
    assert f"below 1 % likely within the 0 requests left of the window of {provider.name}/{model}" in found.markdown
    office.shop.clock.advance(900_000)
    assert not any(each.lasts_ms for each in office.session.snapshot().rooms)


async def test_a_run_that_will_probably_not_finish_is_marked(office: Office) -> None:
    office.adapters.run_limit_pico = 4 * CENT
    await with_history(office, 9)
    await office.window.until(lambda: annotations_of(office.session.snapshot(), office.uri).findings)
    findings = annotations_of(office.session.snapshot(), office.uri).findings
    assert {each.code for each in findings} == {"probably-unfinished"}
    assert "$0.04 of this run's budget is left" in findings[0].message
