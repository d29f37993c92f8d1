"""The user's zone is that of the process, with its rules for every moment."""

import time
from datetime import UTC, datetime

import pytest

from bursar.domain.moments import Here, moment_words
from bursar.system.clock import SystemClock


@pytest.fixture
def in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_the_local_time_is_that_of_the_moment_and_not_of_now():
    here = Here(zone=SystemClock().zone(), day="2026-07-01")
    assert moment_words("2026-07-01T12:30:00.000Z", here) == "14:30"
    assert moment_words("2026-12-01T12:30:00.000Z", here) == "2026-12-01 13:30"
    local = datetime(2026, 7, 1, 12, 30, tzinfo=UTC).astimezone(here.zone)
    assert local.isoformat() == "2026-07-01T14:30:00+02:00"
    assert local.tzname() == "CEST"
