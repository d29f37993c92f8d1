"""A policy decides from what was sent: a session that ends after request k is trimmed as the whole one was until k."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bursar.domain.context.decision import Decision
from bursar.domain.context.policies.registry import ENTRIES, OPTIMUM
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.replay import play, terms_of
from bursar.domain.context.retention import uses_by_request
from bursar.domain.context.session import RecordedSession
from bursar.imports.recorded import read_sessions
from support.sessions import made_session


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[RecordedSession]:
    path = tmp_path_factory.mktemp("future") / "sessions.jsonl"
    made = [made_session(11, requests=36), made_session(12, requests=40, billed=False)]
    path.write_text("".join(f"{json.dumps(each)}\n" for each in made), encoding="utf-8")
    return read_sessions(Path(path))


def cut(session: RecordedSession, after: int) -> RecordedSession:
    turns = tuple(each for each in session.turns if each.request <= after)
    return replace(session, turns=turns, requests=session.requests[: after + 1])


def decisions(name: str, session: RecordedSession, window_tokens: int | None) -> list[Decision]:
    terms = terms_of(session, PRICE_SETS["A"], window_tokens)
    make = ENTRIES[name].plan(
        session, uses_by_request(session) if name == OPTIMUM else [], terms, window_tokens is not None
    )
    return [each.decision for each in play(session, make, terms)]


def sees_the_future(name: str, sessions: list[RecordedSession]) -> bool:
    for session in sessions:
        for window_tokens in (None, 40_000):
            whole = decisions(name, session, window_tokens)
            for after in (0, 2, 9, 21, 33):
                if decisions(name, cut(session, after), window_tokens) != whole[: after + 1]:
                    return True
    return False


@pytest.mark.parametrize("name", [each for each in ENTRIES if each != OPTIMUM])
def test_no_policy_sees_what_was_not_sent(name: str, sessions: list[RecordedSession]) -> None:
    assert not sees_the_future(name, sessions)


def test_the_schedule_that_knows_the_future_is_found_out(sessions: list[RecordedSession]) -> None:
    assert sees_the_future(OPTIMUM, sessions)


def test_the_same_session_gives_the_same_decisions(sessions: list[RecordedSession]) -> None:
    for name in ENTRIES:
        assert decisions(name, sessions[1], None) == decisions(name, sessions[1], None)
