"""The stronger model after failed checks, economy near a limit: decided once, kept over kills, within the limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bursar.domain.errors import QuotaExhausted
from bursar.domain.money.budget import Amount
from bursar.domain.money.price import PICO_PER_USD, Rates
from bursar.domain.money.usage import Usage
from bursar.domain.pacing import Window
from bursar.domain.resuming import NextRequest
from bursar.domain.routes import LocalOnly, Route, Target
from bursar.domain.specs import parse_spec
from bursar.runs.modes import modes_of
from bursar.runs.resuming import next_request
from bursar.runs.retrying import retry
from bursar.runs.world import Finished, Paused, Way, Ways
from support.world import MODEL, RATES, ScriptedModel, WordCounter, Workshop, call, ran_well, reply

CHECK = ("make", "test")
TASKS = """\
# Plan

- [ ] 1. First thing
  - _Check: `make test`_
- [ ] 2. Second thing
"""
STRONG = Rates(**{name: getattr(RATES, name) * 5 for name in RATES.__slots__})
CHEAP = Rates(**{name: getattr(RATES, name) / 10 for name in RATES.__slots__})


@pytest.fixture
def shop(shop: Workshop) -> Workshop:
    shop.tasks.write_text(TASKS)
    shop.prices.rates |= {"strong": STRONG, "cheap": CHEAP}
    return shop


def rules(model: ScriptedModel, *, stronger: str | None = None, cheap: str | None = None, **more: Any) -> Any:
    """The rules of a world whose route names these models."""
    ways = {
        name: Way(provider=model, model=chosen)
        for name, chosen in (("stronger", stronger), ("economy", cheap))
        if chosen is not None
    }
    own = Way(provider=model, model=MODEL)
    route = Route(chain=(own.target,), **{name: way.target for name, way in ways.items()})
    return {"allowed_commands": frozenset({CHECK}), "ways": Ways(route=route, chain=(own,), **ways), **more}


def failed(times: int) -> list[Any]:
    return [ran_well(f"{number}\n", exit_code=1) for number in range(times)]


def asked(model: ScriptedModel) -> list[str]:
    return [each["model"] for each in model.requests]


def finishes(shop: Workshop, times: int, model: str = MODEL) -> list[Any]:
    return [reply(call("finish", summary="Done."), model=model) for _ in range(times)]


async def test_after_three_failed_checks_the_stronger_model_goes_on(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), *finishes(shop, 1, "strong"), clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run, **rules(model, stronger="strong"))
    assert outcome == Finished(summary="Done.", ticked=True)
    assert asked(model) == [MODEL, MODEL, MODEL, "strong"]
    assert "- [x] 1." in shop.tasks.read_text()
    told = shop.told("escalated")
    assert (told["n"], told["model"], told["failed_checks"]) == (4, "acme/strong", 3)
    assert told["next_request_usd"] is not None
    assert "another model's prompt cache is cold" in told["message"]
    assert ", at most $" in told["message"]
    assert shop.person.asked == [], "the limit of the run is the user's word"
    rows = shop.summary(run).requests
    assert [each.model for each in rows] == [MODEL, MODEL, MODEL, "strong"]
    assert [shop.steps(run)[f"m{n}"].intent["model"] for n in (1, 4)] == [MODEL, "strong"]
    # The stronger model gets the whole conversation so far, and what the last check said.
    before, after = (each["messages"] for each in model.requests[2:4])
    assert [_unmarked(each) for each in after[: len(before)]] == [_unmarked(each) for each in before]
    assert shop.results(model) == ["The task is not done: its check failed.\nExit code 1.\n2\n"]


async def test_the_stronger_model_has_as_many_tries_then_the_run_pauses(shop: Workshop) -> None:
    shop.programs.outcomes = failed(6)
    model = ScriptedModel(*finishes(shop, 3), *finishes(shop, 4, "strong"), clock=shop.clock)
    run = await shop.begin(model, ceiling_usd="20")
    outcome = await shop.drive(model, run, **rules(model, stronger="strong"))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, asked(model)) == ("check", [MODEL] * 3 + ["strong"] * 3)
    assert shop.kinds().count("escalated") == 1
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Finished)
    assert asked(model)[6:] == ["strong"]


async def test_without_a_stronger_model_the_run_pauses(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run, **rules(model))
    assert isinstance(outcome, Paused)
    assert outcome.reason == "check"
    # One that is named later is asked when the run goes on: the failures count.
    model.script = finishes(shop, 1, "strong")
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Finished)
    assert asked(model)[3:] == ["strong"]


@pytest.mark.parametrize("dies_on", [("escalated", 1), ("request_started", 4), ("request_first_token", 4)])
async def test_after_a_kill_the_resume_stays_with_the_stronger_model(shop: Workshop, dies_on: tuple[str, int]) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), *finishes(shop, 2, "strong"), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_on = dies_on
    await shop.die(model, run, **rules(model, stronger="strong"))
    # Not even another route changes that: what the run has come to is in its journal.
    assert isinstance(await shop.drive(model, run, **rules(model)), Finished)
    assert set(asked(model)[3:]) == {"strong"}
    assert {each.model for each in shop.summary(run).requests[3:]} == {"strong"}
    kinds = [each.kind for each in shop.journal.events(run=run)]
    assert kinds.count("escalated") == 1


async def test_a_kill_after_the_last_failed_check_gives_the_weaker_model_no_more_tries(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), *finishes(shop, 1, "strong"), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_on = ("tool_finished", 6)
    await shop.die(model, run, **rules(model, stronger="strong"))
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Finished)
    assert asked(model) == [MODEL, MODEL, MODEL, "strong"]


async def test_the_limit_holds_for_the_stronger_model(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), clock=shop.clock)
    run = await shop.begin(model, ceiling_usd="0.06")
    outcome = await shop.drive(model, run, **rules(model, stronger="strong"))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, asked(model)) == ("budget", [MODEL] * 3)
    model.script = finishes(shop, 1, "strong")
    await shop.journal.raise_ceiling(run, 10 * PICO_PER_USD)
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Finished)
    assert asked(model)[3:] == ["strong"]


async def test_where_there_is_no_limit_the_user_is_asked(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), *finishes(shop, 1, "strong"), clock=shop.clock)
    run = await shop.begin(model, ceiling_usd=None)
    outcome = await shop.drive(model, run, **rules(model, stronger="strong"))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, "was not wanted" in outcome.detail) == ("check", True)
    (question,) = shop.person.asked
    assert (question.kind, question.choices) == ("stronger", ("Go on", "No"))
    assert "acme/strong" in question.detail
    shop.person.answers = ["Go on"]
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Finished)


async def test_a_stronger_model_without_a_price_is_not_asked_below_a_limit(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run, **rules(model, stronger="nameless"))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, "no price is known for nameless" in outcome.detail) == ("check", True)
    assert "escalated" not in shop.kinds()


async def test_an_unknown_price_is_said_and_never_zero(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    shop.person.answers = ["Go on"]
    model = ScriptedModel(*finishes(shop, 3), *finishes(shop, 1, "nameless"), clock=shop.clock)
    run = await shop.begin(model, ceiling_usd=None)
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="nameless")), Finished)
    told = shop.told("escalated")
    assert (told["next_request_usd"], told["at_most_usd"]) == (None, None)
    assert "at an unknown price. There is no limit for this run." in shop.person.asked[0].detail
    assert "$" not in told["message"]


async def test_a_stronger_model_with_too_small_a_window_is_not_asked(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    shop.prices.windows = {"strong": 4_000}
    model = ScriptedModel(*finishes(shop, 3), clock=shop.clock)
    run = await shop.begin(model)
    outcome = await shop.drive(model, run, **rules(model, stronger="strong"))
    assert isinstance(outcome, Paused)
    assert (outcome.reason, "its window takes 4,000 tokens" in outcome.detail) == ("check", True)


async def test_a_retry_stays_with_the_model_that_its_steps_came_to(shop: Workshop) -> None:
    shop.programs.outcomes = failed(6)
    model = ScriptedModel(*finishes(shop, 3), *finishes(shop, 4, "strong"), clock=shop.clock)
    run = await shop.begin(model, ceiling_usd="20")
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Paused)
    world = shop.world(model, **rules(model, stronger="strong"))
    task = parse_spec(shop.tasks.read_text()).tasks[0]
    again = await retry(world, shop.summary(run).record, task, run="run-again", ceiling_pico=20 * PICO_PER_USD)
    assert isinstance(await shop.drive(model, again.run, **rules(model, stronger="strong")), Finished)
    assert asked(model)[6:] == ["strong"]


@pytest.mark.parametrize("stays", [True, False])
async def test_what_stays_here_goes_to_no_stronger_model_elsewhere(shop: Workshop, stays: bool) -> None:
    shop.programs.outcomes = failed(3)
    model, far = (ScriptedModel(*finishes(shop, 3), clock=shop.clock) for _ in range(2))
    far.name, far.is_loopback = "far", False
    run = await shop.begin(model)
    world = rules(model, provider_named={"far": far}.get, local_only=LocalOnly(tasks=("First thing",) if stays else ()))
    world["ways"] = replace(world["ways"], stronger=Way(provider=far, model="strong"))
    outcome = await shop.drive(model, run, **world)
    if stays:
        assert isinstance(outcome, Paused)
        assert (outcome.reason, far.bodies) == ("check", [])
        assert "the stronger model far/strong cannot be asked: it is elsewhere" in outcome.detail
    else:
        assert isinstance(outcome, Finished)
        assert len(far.bodies) == 1


def going_on(shop: Workshop, model: ScriptedModel, run: str, asked_model: str) -> NextRequest:
    """What is said of going on with a paused run."""
    record = shop.journal.run(run)
    assert record is not None
    return next_request(
        record,
        shop.journal.steps(run),
        provider=model,
        counter=WordCounter(),
        price=shop.prices.price(provider="acme", model=asked_model, at=shop.clock.now_utc()),
        modes=modes_of(shop.journal.events(run=run)),
    )


async def test_what_going_on_costs_is_said_of_the_model_that_is_asked_then(shop: Workshop) -> None:
    shop.programs.outcomes = failed(3)
    model = ScriptedModel(*finishes(shop, 3), QuotaExhausted("402"), *finishes(shop, 1, "strong"), clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Paused)
    said = going_on(shop, model, run, "strong")
    assert said.model == "acme/strong"
    assert said.warm_pico == said.cold_pico, "its cache is cold: nothing of it was answered"
    assert isinstance(await shop.drive(model, run, **rules(model, stronger="strong")), Finished)
    assert said.counted_tokens == WordCounter().count(model.prompt_text(model.bodies[-1]))


async def test_what_going_on_costs_counts_the_words_for_short_answers(shop: Workshop) -> None:
    shop.person.answers = ["Economy mode"]
    script = [look(), look("src", usage=DEAR_USAGE), look("tests"), QuotaExhausted("402"), *finishes(shop, 1)]
    model = ScriptedModel(*script, clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run, **rules(model)), Paused)
    said = going_on(shop, model, run, MODEL)
    assert said.warm_pico is not None
    assert said.cold_pico is not None
    assert said.warm_pico < said.cold_pico
    assert isinstance(await shop.drive(model, run, **rules(model)), Finished)
    assert said.counted_tokens == WordCounter().count(model.prompt_text(model.bodies[-1]))


# -- economy ---------------------------------------------------------------------------------------------------------

DEAR_USAGE = Usage(uncached_input=10, cache_read=1_000, cache_write_5m=200, output=96_000)


def look(path: str = ".", *, usage: Usage | None = None, model: str = MODEL) -> Any:
    return reply(call("list_files", path=path), model=model, **({} if usage is None else {"usage": usage}))


@pytest.mark.parametrize(("percent", "asks"), [((50, 80, 95), 0), ((1, 2, 3), 1)])
async def test_how_near_is_what_the_user_says(shop: Workshop, percent: tuple[int, int, int], asks: int) -> None:
    """A tenth of the limit is spent: nothing to ask about, unless the user wants to hear of it."""
    await shop.journal.set_warn_percent(percent)
    tenth = replace(DEAR_USAGE, output=DEAR_USAGE.output // 10)
    model = ScriptedModel(look(), look("src", usage=tenth), *finishes(shop, 1), clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run, **rules(model, cheap="cheap")), Finished)
    assert len(shop.person.asked) == asks


async def test_near_the_limit_of_the_run_it_asks_and_goes_on_in_economy_mode(shop: Workshop) -> None:
    shop.person.answers = ["Economy mode"]
    model = ScriptedModel(
        look(),
        look("src", usage=DEAR_USAGE),
        look("tests", model="cheap"),
        *finishes(shop, 1, "cheap"),
        clock=shop.clock,
    )
    run = await shop.begin(model)
    outcome = await shop.drive(model, run, **rules(model, cheap="cheap"))
    assert isinstance(outcome, Finished)
    assert asked(model) == [MODEL, MODEL, "cheap", "cheap"]
    (question,) = shop.person.asked
    assert (question.kind, question.choices) == ("economy", ("Economy mode", "Go on as it is"))
    assert question.summary == question.detail.strip(), "it fits in a box"
    assert "is left of the $1 for this run" in question.detail
    assert "acme/cheap instead of acme/claude-sonnet-5-5" in question.detail
    assert [("output_config" in each) for each in model.requests] == [False, False, True, True]
    before, first, second = (each["messages"] for each in model.requests[1:])
    words = first[-1]["content"][-1]["text"]
    assert words.startswith("From here on use few words")
    assert [_unmarked(each) for each in second[: len(first)]] == [_unmarked(each) for each in first]
    assert [_unmarked(each) for each in first[: len(before)]] == [_unmarked(each) for each in before]
    efforts = [shop.steps(run)[f"m{n}"].intent["effort"] for n in (1, 2, 3, 4)]
    assert efforts == ["normal", "normal", "terse", "terse"]
    assert shop.summary(run).cost_pico < PICO_PER_USD


async def test_with_nobody_to_ask_it_goes_on_as_it_is(shop: Workshop) -> None:
    model = ScriptedModel(look(), look("src", usage=DEAR_USAGE), *finishes(shop, 1), clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run, **rules(model, cheap="cheap")), Finished)
    assert asked(model) == [MODEL] * 3
    assert len(shop.person.asked) == 1
    assert shop.told("economy_declined")["message"].endswith("It goes on as it is: nobody was there to ask")
    assert "output_config" not in model.requests[2]


@pytest.mark.parametrize(("economy", "third"), [("on", "cheap"), ("off", MODEL)])
async def test_the_users_own_word_beforehand(shop: Workshop, economy: str, third: str) -> None:
    model = ScriptedModel(look(), look("src", usage=DEAR_USAGE), *finishes(shop, 1, third), clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run, **rules(model, cheap="cheap", economy=economy)), Finished)
    assert (asked(model)[2], shop.person.asked) == (third, [])
    assert "economy_declined" not in shop.kinds()


async def test_without_an_economy_model_only_words_change_so_that_the_cache_is_kept(shop: Workshop) -> None:
    shop.person.answers = ["Economy mode"]
    model = ScriptedModel(look(), look("src", usage=DEAR_USAGE), *finishes(shop, 1), clock=shop.clock)
    run = await shop.begin(model)
    assert isinstance(await shop.drive(model, run, **rules(model)), Finished)
    assert asked(model) == [MODEL] * 3
    assert "output_config" not in model.requests[2], "the format's own field would lose the whole cache"
    assert model.requests[2]["messages"][-1]["content"][-1]["text"].startswith("From here on use few words")
    assert shop.steps(run)["m3"].intent["effort"] == "terse"


async def test_a_refused_request_fits_in_economy_mode(shop: Workshop) -> None:
    shop.person.answers = ["Economy mode"]
    usage = Usage(uncached_input=10, cache_read=1_000, cache_write_5m=200, output=9_000)
    script = [look(), look("src", usage=usage)]
    model = ScriptedModel(*script, *finishes(shop, 1, "cheap"), clock=shop.clock)
    run = await shop.begin(model, ceiling_usd="0.1")
    assert isinstance(await shop.drive(model, run, **rules(model, cheap="cheap")), Finished)
    (question,) = shop.person.asked
    assert asked(model) == [MODEL, MODEL, "cheap"]
    assert shop.summary(run).cost_pico < PICO_PER_USD // 10
    assert "has no room for the next request" in question.detail
    assert "Economy mode asks acme/cheap for short answers instead" in question.detail
    assert question.choices[1:] == ("Economy mode", "Stop")
    # The control: without it the same run is refused.
    other = ScriptedModel(look(), look("src", usage=usage), clock=shop.clock)
    again = await shop.begin(other, "2", ceiling_usd="0.1")
    refused = await shop.drive(other, again, **rules(other))
    assert isinstance(refused, Paused)
    assert refused.reason == "budget"


async def test_a_kill_after_the_answer_stays_in_economy_mode_and_asks_no_more(shop: Workshop) -> None:
    shop.person.answers = ["Economy mode"]
    model = ScriptedModel(look(), look("src", usage=DEAR_USAGE), *finishes(shop, 1, "cheap"), clock=shop.clock)
    run = await shop.begin(model)
    shop.dies_on = ("economy_on", 1)
    await shop.die(model, run, **rules(model, cheap="cheap"))
    assert isinstance(await shop.drive(model, run, **rules(model, cheap="cheap")), Finished)
    assert (len(shop.person.asked), asked(model)) == (1, [MODEL, MODEL, "cheap"])


async def test_a_long_window_that_is_nearly_used_is_a_limit_too(shop: Workshop) -> None:
    shop.person.answers = ["Economy mode"]
    world_rules = rules(model := ScriptedModel(look(), *finishes(shop, 1, "cheap"), clock=shop.clock), cheap="cheap")
    run = await shop.begin(model)
    world = shop.world(model, **world_rules)
    world.pace.heard(
        Target(provider="acme", model=MODEL),
        (Window(kind="tokens", remaining=50_000, limit=1_000_000, resets_at=shop.clock.utc_in(3_600)),),
    )
    assert isinstance(await shop.drive(model, run, **world_rules, pace=world.pace), Finished)
    assert "50,000 are left until" in shop.person.asked[0].detail
    assert asked(model) == ["cheap", "cheap"]


async def test_the_day_is_a_limit_too(shop: Workshop) -> None:
    shop.day_limit = Amount(unit="usd", value=PICO_PER_USD)
    shop.person.answers = ["Go on as it is"]
    model = ScriptedModel(look(), look("src", usage=DEAR_USAGE), look("tests"), *finishes(shop, 1), clock=shop.clock)
    run = await shop.begin(model, ceiling_usd=None)
    assert isinstance(await shop.drive(model, run, **rules(model, cheap="cheap")), Finished)
    assert "is left of the $1 for today" in shop.person.asked[0].detail
    assert (len(shop.person.asked), asked(model)) == (1, [MODEL] * 4)


def _unmarked(message: dict[str, Any]) -> dict[str, Any]:
    content = [{key: value for key, value in each.items() if key != "cache_control"} for each in message["content"]]
    return {**message, "content": content}
