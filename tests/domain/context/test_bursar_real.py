"""Bursar's own policy on real agents' sessions: short ones are left alone, and nothing hangs on what comes later."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bursar.domain.context.decision import Decision
from bursar.domain.context.policies.registry import ENTRIES
from bursar.domain.context.rates import PRICE_SETS
from bursar.domain.context.replay import play, terms_of
from bursar.domain.context.session import RecordedSession
from bursar.imports.recorded import read_sessions
from support.sessions import LONGER, dev_session


def real(tmp_path: Path, identity: str) -> RecordedSession:
    trace = dev_session(identity)
    if trace is None:
        pytest.skip(f"{LONGER} names no file of longer sessions of real agents")
    path = tmp_path / "session.jsonl"
    path.write_text(json.dumps(trace), encoding="utf-8")
    return read_sessions(path)[0]


def decisions(name: str, session: RecordedSession) -> list[Decision]:
    terms = terms_of(session, PRICE_SETS["A"])
    make = ENTRIES[name].plan(session, [], terms, False)
    return [each.decision for each in play(session, make, terms)]


@pytest.mark.parametrize("identity", ["dev-tau-02", "dev-sweagent-02"])
def test_a_short_session_is_sent_as_it_is(tmp_path: Path, identity: str) -> None:
    session = real(tmp_path, identity)
    assert decisions("bursar", session) == [Decision()] * len(session.requests)


def test_what_comes_later_changes_nothing_before(tmp_path: Path) -> None:
    session = real(tmp_path, "dev-pi-mono-28")
    whole = decisions("bursar-warm", session)
    changed = [n for n, each in enumerate(whole) if each.changes]
    assert len(changed) > 10
    for after in (changed[0], changed[len(changed) // 2]):
        cut = replace(
            session,
            turns=tuple(each for each in session.turns if each.request <= after),
            requests=session.requests[: after + 1],
        )
        assert decisions("bursar-warm", cut) == whole[: after + 1]
