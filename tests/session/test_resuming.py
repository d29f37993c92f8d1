"""What the lens of a paused run says that going on costs is what going on then asks for."""

from __future__ import annotations

from decimal import Decimal

from bursar.domain.errors import QuotaExhausted
from bursar.domain.money.budget import Scope
from bursar.session.shown import annotations_of
from support.world import DEAR, MODEL, RATES, call, finish, reply

from .conftest import Office


def title(office: Office) -> str:
    shown = annotations_of(office.session.snapshot(), office.uri).lenses
    return next((each.title for each in shown if each.title.startswith("Resume")), "")


async def paused(office: Office, *answers: object) -> str:
    office.open()
    office.model.script = [*answers, QuotaExhausted("402"), finish()]  # type: ignore[list-item]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))
    return run


async def test_the_next_request_is_counted_before_it_is_sent(office: Office) -> None:
    run = await paused(office, reply(call("list_files", path=".")))
    before = await office.window.until(lambda: "next request" in title(office) and title(office))
    await office.session.resume_run(run)
    await office.window.until(lambda: len(office.window.ends(run)) == 2)
    tokens = -(-len(office.model.prompt_text(office.model.bodies[-1]).encode()) // 4)
    read = -(-len(office.model.prompt_text(office.model.bodies[0]).encode()) // 4)
    per = Decimal(10**6)
    cold = tokens * RATES.cache_write_5m / per
    warm = ((tokens - read) * RATES.cache_write_5m + read * RATES.cache_read) / per
    shown = before.rpartition(" · ")[2]
    counted, _, money = shown.removeprefix("next request ").partition(" in ~$")
    low, _, high = money.partition("-")
    assert int(counted.replace(",", "")) == tokens
    for said, exact in ((low, warm), (high, cold)):
        assert abs(Decimal(said) - exact) <= Decimal(5).scaleb(exact.adjusted() - 2), (said, exact)


async def test_a_request_that_has_no_answer_before_it_has_one_figure(office: Office) -> None:
    await paused(office)
    shown = await office.window.until(lambda: "next request" in title(office) and title(office))
    assert "-" not in shown.rpartition(" · ")[2]
    assert "0 steps kept, $0.00 paid" in shown


async def test_it_is_counted_again_after_a_reload_and_gone_when_the_run_is_over(office: Office) -> None:
    run = await paused(office, reply(call("list_files", path=".")))
    before = await office.window.until(lambda: "next request" in title(office) and title(office))
    await office.reload()
    office.open()
    assert await office.window.until(lambda: "next request" in title(office) and title(office)) == before
    await office.session.resume_run(run)
    await office.window.until(lambda: office.window.ends(run))
    await office.window.until(lambda: not office.session.snapshot().resumables)


async def test_a_raise_for_this_run_alone_opens_its_lens_without_another_look(office: Office) -> None:
    """The user's limit stays; the run, which its budget stopped, can go on."""
    office.shop.prices.rates[MODEL] = DEAR
    office.adapters.run_limit_pico = 10**9
    office.open()
    office.model.script = [finish()]
    run = await office.run()
    await office.window.until(lambda: office.window.ends(run))

    def titles() -> str:
        return " | ".join(each.title for each in annotations_of(office.session.snapshot(), office.uri).lenses)

    await office.window.until(lambda: "has no room for the next request" in titles())
    await office.shop.journal.raise_once("run-9", Scope(kind="run", key="run-9"), "usd", 10**15)
    await office.shop.journal.raise_once(run, Scope(kind="run", key=run), "requests", 10**15)
    assert "has no room for the next request" in titles()
    await office.shop.journal.raise_once(run, Scope(kind="run", key=run), "usd", 10**15)
    await office.window.until(lambda: "next request" in title(office))
    assert "has no room" not in titles()
    await office.session.resume_run(run)
    await office.window.until(lambda: len(office.window.ends(run)) == 2)
    assert len(office.model.bodies) == 1
