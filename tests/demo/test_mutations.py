"""The demo fails when Bursar is wrong: each of these breaks one thing in it, and the comparison with the bill says so.

The break is a ``sitecustomize`` that the demo's Bursar processes load; the simulator's process is left as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ONLY_BURSAR = """\
import sys

if "bursar" in sys.orig_argv and "simulate" not in sys.orig_argv:
    import mutation
"""

MUTATIONS = {
    "the cache-read price": """
        from dataclasses import replace
        from bursar.domain.money.price import Price

        right = Price.rates_for

        def wrong(self, prompt_tokens):
            rates = right(self, prompt_tokens)
            return replace(rates, cache_read=rates.cache_read * 2)

        Price.rates_for = wrong
    """,
    "the field that usage is read from": """
        from bursar.providers.usage_fields import Figures

        right = Figures.number

        def wrong(self, raw, key, **more):
            return right(self, raw, "input_tokens" if key == "cache_read_input_tokens" else key, **more)

        Figures.number = wrong
    """,
    "one settled row": """
        from dataclasses import replace
        from bursar.storage import requests

        right = requests.settle

        def wrong(connection, **given):
            entry = given["entry"]
            if connection.execute("SELECT count(*) FROM ledger").get == 0:
                given["entry"] = replace(entry, cost_pico=entry.cost_pico + 1)
            right(connection, **given)

        requests.settle = wrong
    """,
}
DIFFERS = re.compile(r"demo failed: request (\S+): our ledger says \$([\d.]+), the bill says \$([\d.]+)")


@pytest.mark.parametrize("what", MUTATIONS)
def test_the_demo_fails_when_this_is_broken(tmp_path: Path, what: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(ONLY_BURSAR)
    (tmp_path / "mutation.py").write_text(dedent(MUTATIONS[what]))
    done = subprocess.run(
        [sys.executable, "-m", "bursar", "demo", "--plain"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    assert "demo ok" not in done.stdout
    found = DIFFERS.search(done.stderr)
    assert found, done.stderr
    assert found[2] != found[3]
