"""A change after a rest is looked at at once, and what follows it once its user pauses."""

from __future__ import annotations

import pytest

from bursar.domain.text.blocks import Change
from bursar.session.model import Edited
from bursar.session.pauses import AT_ONCE_S, REST_S, TYPING_S, Pauses
from bursar.session.session import Session
from support.fakes import FakeClock

from .conftest import Office

URI = "file:///AGENTS.md"


@pytest.mark.parametrize(
    ("took_s", "rested_s", "waited_s"),
    [(0.0, REST_S, AT_ONCE_S), (0.0, 0.4, TYPING_S), (1.0, 2.5, TYPING_S), (1.0, 3.0, AT_ONCE_S)],
)
def test_a_rest_is_half_a_second_and_longer_where_a_look_takes_long(
    took_s: float, rested_s: float, waited_s: float
) -> None:
    clock = FakeClock()
    pauses = Pauses(clock)
    pauses.changed(URI)
    assert pauses.wait_s(URI) == AT_ONCE_S
    pauses.took(URI, took_s)
    clock.advance(rested_s)
    pauses.changed(URI)
    assert pauses.wait_s(URI) == waited_s


def test_of_changes_that_arrive_together_none_is_looked_at_at_once() -> None:
    pauses = Pauses(FakeClock())
    pauses.changed(URI)
    pauses.changed(URI)
    assert pauses.wait_s(URI) == TYPING_S
    pauses.forget(URI)
    pauses.changed(URI)
    assert pauses.wait_s(URI) == AT_ONCE_S


class Waited(FakeClock):
    """Remembers what was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        await super().sleep(seconds)


async def test_what_is_typed_after_a_rest_is_counted_at_once_and_what_follows_after_a_pause(office: Office) -> None:
    clock = office.shop.clock = Waited()  # type: ignore[assignment]
    await office.reload()
    office.open()
    await counted(office, 1)
    clock.advance(10.0)
    type_into(office.session, office.uri, 2)
    assert await waited(office, clock, 2) == [AT_ONCE_S]
    type_into(office.session, office.uri, 3)
    assert await waited(office, clock, 3) == [TYPING_S]
    clock.advance(10.0)
    for version in range(4, 50):
        type_into(office.session, office.uri, version)
    assert await waited(office, clock, 49) == [TYPING_S]


def type_into(session: Session, uri: str, version: int) -> None:
    change = Change(span=((0, 0), (0, 0)), text="x")
    session.apply(Edited(uri=uri, version=version, changes=(change,), encoding="utf-16"))


async def counted(office: Office, version: int) -> None:
    def is_counted() -> bool:
        known = office.session.snapshot().analyses.get(office.uri)
        return known is not None and known.version == version

    await office.window.until(is_counted)


async def waited(office: Office, clock: Waited, version: int) -> list[float]:
    """What was waited for until this version was counted, of these two."""
    clock.waited.clear()
    await counted(office, version)
    return [each for each in clock.waited if each in (AT_ONCE_S, TYPING_S)]
