"""What became worse is told beside what was spent."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.schema import load_schema
from support.history import Asked, past
from support.program import User

CENT = 10**10


@pytest.fixture
def dearer(user: User) -> User:
    """From the thirty-first task on another model, at three times the money."""
    with past(user.home) as written:
        for n in range(55):
            written.clock.advance(3_600)
            model, cents = ("acme-1", 20 + n % 4) if n < 30 else ("acme-2", 60 + n % 4)
            written.run(Asked(cost_pico=cents * CENT, model=model))
    return user


def test_usage_tells_a_regression_with_its_cause(dearer: User) -> None:
    told = dearer.do("usage")
    assert told.code == 0
    assert "bursar: worse: Tasks of the kind “fix” cost $0.6" in told.err
    assert "What changed with it: the model is acme-2 and was acme-1.\n" in told.err
    listed = dearer.do("usage", "--json").json()
    Draft202012Validator(load_schema("usage")).validate(listed)
    (found,) = listed["findings"]
    assert (found["metric"], found["kind"], found["workspace"]) == ("cost", "fix", "/home/dev/shop")
    assert (found["before"][:3], found["after"][:3]) == ("0.2", "0.6")
    assert found["causes"][0]["now"] == "acme-2"


def test_without_a_change_nothing_is_told(user: User, tmp_path: Path) -> None:
    with past(user.home) as written:
        for n in range(20):
            written.run(Asked(cost_pico=(20 + n % 4) * CENT))
    told = user.do("usage", "--json")
    assert (told.json()["findings"], told.err) == ([], "")
