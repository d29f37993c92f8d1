"""Which model is asked from which request on, from the events of a run."""

from __future__ import annotations

import pytest

from bursar.domain.runs import RunEvent
from bursar.runs.modes import Modes, mode_events, modes_of


def events(*told: tuple[str, dict[str, object]]) -> list[RunEvent]:
    return [RunEvent(seq=seq, at="", run="run-1", kind=kind, data=data) for seq, (kind, data) in enumerate(told)]


ESCALATED = ("escalated", {"n": 4, "model": "acme/strong"})
SAVING = ("economy_on", {"n": 6, "model": "acme/cheap"})
BEGAN, RESUMED = ("run_started", {"model": "acme/own"}), ("run_resumed", {"model": "acme/own"})
CHOSEN = ("run_resumed", {"model": "acme/chosen"})
SAVING_WORDS = ("economy_on", {"n": 6, "model": None})


@pytest.mark.parametrize(
    ("told", "lead", "terse_from", "fields"),
    [
        ((), "chain", None, False),
        ((ESCALATED,), "stronger", None, False),
        ((SAVING,), "economy", 6, True),
        ((SAVING_WORDS,), "chain", 6, False),
        ((ESCALATED, SAVING_WORDS), "stronger", 6, False),
        ((SAVING, ("escalated", {"n": 8, "model": "acme/strong"})), "stronger", 6, True),
        ((SAVING_WORDS, ("escalated", {"n": 8, "model": "acme/strong"})), "stronger", 6, True),
        ((ESCALATED, ("rewound", {"step": "m3"})), "chain", None, False),
        ((ESCALATED, ("rewound", {"step": "t3.0"})), "chain", None, False),
        ((ESCALATED, ("rewound", {"step": "m4"})), "stronger", None, False),
        ((ESCALATED, SAVING_WORDS, ("rewound", {"step": "t4.900"})), "stronger", None, False),
        ((BEGAN, ESCALATED, RESUMED), "stronger", None, False),
        ((BEGAN, ESCALATED, SAVING_WORDS, CHOSEN, CHOSEN), "chain", 6, False),
        ((BEGAN, SAVING, CHOSEN), "chain", 6, False),
        ((BEGAN, CHOSEN, SAVING), "economy", 6, True),
        ((BEGAN, ESCALATED, ("model_chosen", {"model": "acme/own"}), RESUMED), "chain", None, False),
        ((("escalated", {}), ("run_paused", {"reason": "check"})), "chain", None, False),
    ],
)
def test_modes(
    told: tuple[tuple[str, dict[str, object]], ...], lead: str, terse_from: int | None, fields: bool
) -> None:
    modes = modes_of(events(*told))
    assert (modes.lead, modes.terse_from, modes.terse_fields) == (lead, terse_from, fields)
    assert modes.asked == {"chain": None, "stronger": "acme/strong", "economy": "acme/cheap"}[lead]


def test_a_run_that_began_terse_has_the_words_in_its_first_request() -> None:
    modes = modes_of(events(SAVING), began_terse=True)
    assert (modes.terse, modes.terse_from, modes.terse_fields, modes.lead) == (True, None, True, "economy")
    assert Modes(began_terse=True).terse_fields


def test_a_run_that_begins_with_steps_of_another_takes_over_what_they_came_to() -> None:
    told = events(("run_started", {}), ESCALATED, SAVING_WORDS)
    assert [each.kind for each in mode_events(told, before=7)] == ["escalated", "economy_on"]
    assert [each.kind for each in mode_events(told, before=5)] == ["escalated"]
    assert mode_events(told, before=3) == []


def test_the_words_of_economy_stand_where_they_were_put_until_their_request_is_made_anew() -> None:
    saving = ("economy_on", {"n": 6, "model": None, "parts": 2})
    assert modes_of(events(saving)).terse_after == 2
    assert modes_of(events(saving, ("rewound", {"step": "t6.0"}))).terse_after == 2
    assert modes_of(events(saving, ("rewound", {"step": "m6"}))).terse_after == 0
    assert modes_of(events(SAVING_WORDS)).terse_after == 0
    taken_over = [mode_events(events(saving), before=n)[0].data["parts"] for n in (7, 6)]
    assert taken_over == [2, 0]
