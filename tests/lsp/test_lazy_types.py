"""The protocol's types are the same whether they are built at the start or when they are first used."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import pytest

from support.bench import Bench
from support.lsp_client import VSCODE, WAIT_S

FIELDS = """
import sys
from bursar.lsp.lazy_types import load_lazily
if sys.argv[1] == "lazy":
    assert load_lazily()
    import attrs
    from lsprotocol import types
    from pygls.protocol import default_converter
else:
    import attrs
    from lsprotocol import types
    from pygls.protocol import default_converter
assert not load_lazily()
converter = default_converter()  # resolves the names in the types
for name, cls in sorted(types.ALL_TYPES_MAP.items()):
    if attrs.has(cls):
        for field in attrs.fields(cls):
            print(name, field.name, field.default, field.validator, field.type, field.kw_only, field.eq)
print(converter.unstructure(types.Position(line=1, character=2)), types.Position(line=1, character=2))
"""


def fields(mode: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", FIELDS, mode], capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    return re.sub(r" at 0x[0-9a-f]+", "", ran.stdout).splitlines()


def test_every_type_has_the_same_fields() -> None:
    whole = fields("whole")
    assert len(whole) > 1_000
    assert fields("lazy") == whole


@pytest.mark.parametrize("lazy", ["0", "1"])
async def test_a_client_is_answered_the_same(bench: Bench, lazy: str) -> None:
    async with bench.window(environ={"BURSAR_LAZY_TYPES": lazy}, capabilities=VSCODE) as window:
        uri = window.open(bench.tasks)
        lenses = await window.until_asked(lambda: window.lenses(uri), lambda found: "first request" in str(found))
        assert len(lenses) == 7
        assert window.capabilities["codeLensProvider"] == {"resolveProvider": False}
        assert window.capabilities["textDocumentSync"]["change"] == 2
        assert await asyncio.wait_for(window.quit(), WAIT_S) == 0
