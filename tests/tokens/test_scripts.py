"""A few hundred of the random edit scripts, and the controls; ``tokens.scripts`` plays any number."""

from __future__ import annotations

import hashlib
import json

import pytest

from bursar.tokens.encodings import RECIPES
from tokens.scripts import Control, play
from tokens.support import Oracle


def test_the_store_is_the_plain_string_and_its_counts_are_tiktokens(oracle: Oracle) -> None:
    played = play(200, 7, oracle, tell=print)
    assert played.differences == []
    assert played.scripts == 200 and played.edits > 500 and played.refused > 20 and played.tokens > 50_000


@pytest.mark.parametrize("control", ["cuts", "positions"])
def test_a_fault_is_found(control: Control, oracle: Oracle) -> None:
    assert play(60, 7, oracle, control=control, tell=print).differences


def test_the_patterns_for_which_the_cuts_were_argued_are_these() -> None:
    """As tiktoken has them in ``tiktoken_ext/openai_public.py`` (0.12 to 0.14); the installed one is compared, too.

    With other patterns the argument in ``domain/text/cuts.py`` must be gone through again, then this hash changed.
    """
    patterns = json.dumps({name: RECIPES[name].pattern for name in sorted(RECIPES)})
    assert (
        hashlib.sha256(patterns.encode()).hexdigest()
        == "76df92bdef18fa1db10831c2f645df499863d67b0457f3abc232d6ae217c4206"
    )
