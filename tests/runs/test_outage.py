"""A provider that is out for ten minutes: how often it is asked, by one run and by many, and that it comes back."""

from __future__ import annotations

import asyncio

import pytest

from bursar.domain.conversation import ModelReply
from bursar.domain.errors import KeyRefused, LimitReached, NotAccepted, Overloaded, Unreachable
from bursar.domain.routes import Route, Target
from bursar.runs.circuits import Circuits
from bursar.runs.learnt import Learnt
from bursar.runs.world import Finished, Paused, Way, Ways
from support.world import MODEL, RATES, ScriptedModel, Workshop, finish

OUTAGE_S = 600.0
MOST_REQUESTS = 25

TASKS = "# Plan\n\n" + "".join(f"- [ ] {n}. Thing {n}\n" for n in range(1, 7))


class Out(ScriptedModel):
    """Refuses everything until the outage is over, and counts what it was asked in it."""

    def __init__(self, shop: Workshop, failure: NotAccepted, *, name: str = "acme") -> None:
        super().__init__(clock=shop.clock)
        self.name = name
        self.shop = shop
        self.failure = failure
        self.asked_in_outage = 0

    async def send(self, body, /, *, on_stream, keep) -> ModelReply:  # type: ignore[no-untyped-def]
        # Others come in between while this one is under way.
        await asyncio.sleep(0)
        if self.shop.clock.monotonic_s() < OUTAGE_S:
            self.asked_in_outage += 1
            raise self.failure
        self.script.insert(0, finish())
        return await super().send(body, on_stream=on_stream, keep=keep)


@pytest.fixture
def shop(tmp_path):  # type: ignore[no-untyped-def]
    made = Workshop(tmp_path, tasks=TASKS)
    made.jitter.usual = 0.5
    yield made
    made.close()


async def until_done(shop: Workshop, model: Out, run: str, *, fresh: bool = False, **rules: object) -> int:
    """Resume again and again, as somebody does who will not wait; how often it had to be."""
    circuits = Circuits()
    for times in range(2_000):
        own = Circuits() if fresh else circuits
        outcome = await shop.drive(model, run, **{"circuits": own, **rules})
        if isinstance(outcome, Finished) or (fresh and model.asked_in_outage > 2 * MOST_REQUESTS):
            return times
        assert isinstance(outcome, Paused)
    raise AssertionError("it never came back")


@pytest.mark.parametrize("failure", [Overloaded("busy", status=529), Unreachable("no connection")])
async def test_one_impatient_run(shop: Workshop, failure: NotAccepted) -> None:
    model = Out(shop, failure)
    await until_done(shop, model, await shop.begin(model))
    assert 5 < model.asked_in_outage <= MOST_REQUESTS
    assert "acme/claude-sonnet-5-5 has failed again and again" in shop.told("waiting")["message"]


async def test_many_runs_of_one_process_together(shop: Workshop) -> None:
    model = Out(shop, Overloaded("busy", status=529))
    circuits = Circuits()
    runs = [await shop.begin(model, str(each)) for each in range(1, 7)]
    await asyncio.gather(*(until_done(shop, model, each, circuits=circuits) for each in runs))
    assert 5 < model.asked_in_outage <= MOST_REQUESTS


async def test_without_a_memory_it_would_be_asked_far_more_often(shop: Workshop) -> None:
    """The control: the same impatience where each attempt begins with a circuit of its own."""
    model = Out(shop, Overloaded("busy", status=529))
    await until_done(shop, model, await shop.begin(model), fresh=True)
    assert model.asked_in_outage > 2 * MOST_REQUESTS
    assert shop.clock.monotonic_s() < OUTAGE_S / 4, "and the outage has hardly begun"


@pytest.mark.parametrize(
    "failure", [KeyRefused("refused the key", status=401), LimitReached("limit", status=429, retry_after_s=86_400)]
)
@pytest.mark.parametrize("shared", [True, False])
async def test_who_refuses_for_long_is_not_asked_by_the_next_run(
    shop: Workshop, failure: NotAccepted, shared: bool
) -> None:
    out, well = Out(shop, failure), ScriptedModel(clock=shop.clock)
    well.name = "beta"
    shop.prices.rates["other"] = RATES
    chain = (Way(provider=out, model=MODEL), Way(provider=well, model="other"))
    ways = Ways(route=Route(chain=tuple(each.target for each in chain)), chain=chain)
    learnt = Learnt()
    for each in range(1, 4):
        well.script = [finish()]
        run = await shop.begin(out, str(each))
        own = learnt if shared else Learnt()
        assert isinstance(await shop.drive(out, run, ways=ways, learnt=own), Finished)
    assert out.asked_in_outage == (1 if shared else 3), "the control forgets after each run"
    assert ("passed_over" in shop.kinds()) is shared, "and it is said why"


async def test_with_another_target_nothing_waits(shop: Workshop) -> None:
    out, well = Out(shop, Overloaded("busy", status=529)), ScriptedModel(clock=shop.clock)
    well.name = "beta"
    shop.prices.rates["other"] = RATES
    chain = (Way(provider=out, model=MODEL), Way(provider=well, model="other"))
    ways = Ways(route=Route(chain=tuple(each.target for each in chain)), chain=chain)
    circuits = Circuits()
    for each in range(1, 7):
        well.script = [finish()]
        run = await shop.begin(out, str(each))
        assert isinstance(await shop.drive(out, run, ways=ways, circuits=circuits), Finished)
    assert out.asked_in_outage == 5, "from then on it is left alone"
    assert circuits.of(Target(provider="acme", model=MODEL)).opened_at_s is not None
    shop.clock.advance(OUTAGE_S)
    shop.tasks.write_text(TASKS)
    run = await shop.begin(out, "1")
    assert isinstance(await shop.drive(out, run, ways=ways, circuits=circuits), Finished)
    assert len(out.bodies) == 1, "the probe was answered, and the first target is the first again"
