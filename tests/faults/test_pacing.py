"""A limit that is near is waited for before it is reached: from the headers of one answer to the request after it."""

from __future__ import annotations

import pytest

from bursar.domain.routes import Target
from bursar.runs.pace import Pace
from bursar.runs.world import Ceilings, Finished
from providers.support import WIRES
from support.fault_server import LAST_CHUNK, chunk, fault_server, head
from support.world import MODEL, Workshop

from .answers import calls, good, provider

LOOK = '{"path": "."}'


def headers(wire: str, *, remaining: int, limit: int = 100_000, reset_s: int = 60) -> list[str]:
    if wire == "anthropic":
        at = f"2026-11-21T08:{reset_s // 60:02}:{reset_s % 60:02}Z"
        names = ("anthropic-ratelimit-input-tokens-{}", at)
    else:
        names = ("x-ratelimit-{}-tokens", f"{reset_s}s")
    name, reset = names
    return [
        f"{name.format('limit')}: {limit}",
        f"{name.format('remaining')}: {remaining}",
        f"{name.format('reset')}: {reset}",
    ]


async def two_requests(shop: Workshop, wire: str, *said: str, **rules: object) -> int:
    """A run whose first answer says this about the limits; how many requests it took."""
    async with fault_server() as server:
        server.will(head(200, *said), chunk(calls(wire, LOOK, name="list_files")), LAST_CHUNK)
        server.will(head(), chunk(good(wire)), LAST_CHUNK)
        model = provider(shop, wire, f"{server.url}/v1")
        run = await shop.begin(model)  # type: ignore[arg-type]
        assert isinstance(await shop.drive(model, run, **rules), Finished)  # type: ignore[arg-type]
        return len(server.received)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_window_that_is_short_is_waited_for(shop: Workshop, wire: str) -> None:
    assert await two_requests(shop, wire, *headers(wire, remaining=0, limit=1_000, reset_s=50)) == 2
    assert 20 < shop.clock.slept_s <= 50
    told = shop.told("pacing")
    assert (told["remaining"], told["limit"]) == (0, 1_000)
    assert told["seconds"] == pytest.approx(shop.clock.slept_s, abs=0.01)
    kinds = shop.kinds()
    assert kinds.index("request_finished") < kinds.index("pacing") < kinds.index("going_on")
    assert kinds.index("going_on") < len(kinds) - kinds[::-1].index("request_started") - 1, "nothing is held meanwhile"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("remaining", "reset_s"), [(100_000, 50), (50_000, 50), (0, 0)], ids=["full", "half full", "reset since"]
)
async def test_a_window_with_room_is_not(shop: Workshop, wire: str, remaining: int, reset_s: int) -> None:
    await two_requests(shop, wire, *headers(wire, remaining=remaining, reset_s=reset_s))
    assert "pacing" not in shop.kinds()
    assert shop.clock.slept_s == 0


async def test_a_wait_that_would_be_long_is_left_to_the_provider(shop: Workshop) -> None:
    said = headers("openai-chat", remaining=0, limit=1_000, reset_s=1_500)
    await two_requests(shop, "openai-chat", *said)
    assert shop.clock.slept_s == 0
    patient = Ceilings(pacing_s=1_500, waiting_s=1_500)
    shop.tasks.write_text(shop.tasks.read_text().replace("[x] 1.", "[ ] 1."))
    await two_requests(shop, "openai-chat", *said, ceilings=patient)
    assert shop.clock.slept_s > 500


async def test_runs_of_one_process_share_what_was_said(shop: Workshop) -> None:
    pace = Pace()
    await two_requests(shop, "openai-chat", *headers("openai-chat", remaining=50_000), pace=pace)
    (window,) = pace.newest(Target(provider="acme", model=MODEL))
    assert window.remaining == 50_000
    assert pace.newest(Target(provider="somebody else", model=MODEL)) == ()
