"""The user's zone is that of the process, with its rules for every moment."""

import time
from datetime import UTC, date, datetime, timedelta

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


def in_zone(monkeypatch, name):
    monkeypatch.setenv("TZ", name)
    time.tzset()


@pytest.fixture
def zone(monkeypatch):
    """Sets the process's zone, and puts the old one back."""
    yield lambda name: in_zone(monkeypatch, name)
    monkeypatch.undo()
    time.tzset()


# From the published rules of each zone: offset before and after, and when the clocks change.
@pytest.mark.parametrize(
    ("name", "day", "begins", "hours"),
    [
        ("Europe/Berlin", "2026-01-15", "2026-01-14T23:00:00.000Z", 24),
        ("Europe/Berlin", "2026-07-15", "2026-07-14T22:00:00.000Z", 24),
        # 02:00 becomes 03:00, and 03:00 becomes 02:00.
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00.000Z", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00.000Z", 25),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00:00.000Z", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00:00.000Z", 25),
        # Half an hour only.
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00:00.000Z", 24.5),
        # 24:00 becomes 01:00: that day has no midnight, and begins with 01:00 (-03), which is 24:00 (-04).
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00.000Z", 23),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00.000Z", 23),
        # 24:00 becomes 23:00: the day before is longer, and its midnight is the second one.
        ("America/Santiago", "2026-04-04", "2026-04-04T03:00:00.000Z", 25),
        ("America/Santiago", "2026-04-05", "2026-04-05T04:00:00.000Z", 24),
        # 01:00 becomes 24:00 of the day before: its midnight comes twice, and the day begins with the first.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00:00.000Z", 25),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00:00.000Z", 23),
    ],
)
def test_a_day_begins_at_its_midnight_whatever_the_clocks_do(zone, name, day, begins, hours):
    zone(name)
    clock = SystemClock()
    assert clock.local_midnight_utc(day) == begins
    next_day = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    ends = datetime.fromisoformat(clock.local_midnight_utc(next_day))
    assert (ends - datetime.fromisoformat(begins)).total_seconds() == hours * 3_600


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Beirut", "America/Havana", "Africa/Cairo"]
)
def test_every_moment_of_a_year_is_in_the_day_that_its_midnights_enclose(zone, name):
    """The days lie side by side: the last millisecond before a midnight is the day before, the midnight is the day."""
    zone(name)
    clock = SystemClock()
    each = date(2026, 1, 1)
    while each.year == 2026:
        begins = clock.local_midnight_utc(each.isoformat())
        before = (datetime.fromisoformat(begins) - timedelta(milliseconds=1)).isoformat()
        assert clock.local_day_of(begins) == each.isoformat()
        assert clock.local_day_of(before) == (each - timedelta(days=1)).isoformat()
        each += timedelta(days=1)
