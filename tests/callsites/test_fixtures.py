"""Every fixture says behind its code what should be found in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bursar.callsites import SyntaxCallSites
from bursar.domain.callsites import language_of
from callsites.expected import FIXTURES, expected, shown


@pytest.mark.parametrize("file", FIXTURES, ids=lambda each: each.name)
def test_a_fixture_shows_what_it_says(file: Path) -> None:
    text = file.read_text()
    language = language_of(file.name)
    assert language is not None
    found = [shown(each) for each in SyntaxCallSites().find(text, language)]
    wanted = expected(text)
    for each in (*found, *wanted):
        each["open"] = sorted(each["open"])
    assert found == wanted
