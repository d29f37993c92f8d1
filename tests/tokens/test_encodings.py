"""The tables and recipes that ship are tiktoken's own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zlib
from importlib import metadata, resources
from pathlib import Path

import pytest

import bursar
from bursar.tokens.encodings import RECIPES, read_tokens, recipe, unpack
from tokens.support import ENCODINGS, official, official_text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_ranks_have_the_hash_that_tiktoken_expects(encoding: str) -> None:
    assert hashlib.sha256(official_text(read_tokens(encoding))).hexdigest() == official(encoding).sha256


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_pattern_and_special_tokens_are_tiktokens(encoding: str) -> None:
    ours, theirs = recipe(encoding), official(encoding)
    assert ours.pattern == theirs.pattern
    assert ours.special_tokens == theirs.special_tokens


def test_every_recipe_has_a_table_and_the_notice_is_there() -> None:
    ranks = resources.files("bursar.tokens") / "ranks"
    assert {file.name for file in ranks.iterdir()} == {"LICENSE-tiktoken"} | {f"{name}.zlib" for name in RECIPES}
    notice = (ranks / "LICENSE-tiktoken").read_text(encoding="utf-8")
    assert notice == metadata.distribution("tiktoken").read_text("licenses/LICENSE")


def test_the_tables_are_small() -> None:
    ranks = resources.files("bursar.tokens") / "ranks"
    assert sum(len((ranks / f"{encoding}.zlib").read_bytes()) for encoding in ENCODINGS) < 1_450_000


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"\x00\x00\x00\x00",
        b"\x02\x00\x00\x00\x01\x01a",
        b"\x02\x00\x00\x00\x01\x01abc",
        b"\x09\x00\x00\x00\x01\x01ab",
    ],
)
def test_a_table_that_does_not_add_up_is_refused(table: bytes) -> None:
    with pytest.raises(ValueError, match="do not add up"):
        unpack(zlib.compress(table))


def test_a_table_is_unpacked() -> None:
    assert unpack(zlib.compress(b"\x03\x00\x00\x00\x01\x02\x01abcd")) == [b"a", b"bc", b"d"]


def test_a_changed_byte_in_a_table_is_noticed() -> None:
    data = bytearray((resources.files("bursar.tokens") / "ranks" / "cl100k_base.zlib").read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises((zlib.error, ValueError)):
        unpack(bytes(data))


_ASK = """
from bursar.domain.errors import BursarError
from bursar.tokens import TiktokenCounter

counter = TiktokenCounter()
try:
    counter.count("text")
except BursarError as error:
    print(error)
print(counter.ready("o200k_base"), counter.count("text", encoding="cl100k_base"))
"""


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_an_installation_without_its_table_says_what_to_do(damage: str, tmp_path: Path) -> None:
    """A copy of the package, so that the real one stays whole."""
    copy = tmp_path / "bursar"
    copy.mkdir()
    installed = Path(bursar.__file__).parent
    shutil.copy(installed / "__init__.py", copy)
    for room in ("domain", "tokens"):
        shutil.copytree(installed / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / "tokens" / "ranks" / "o200k_base.zlib"
    if damage == "missing":
        table.unlink()
    else:
        table.write_bytes(table.read_bytes()[:1000])
    child = subprocess.run(
        [sys.executable, "-c", _ASK], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=120
    )
    assert child.returncode == 0, child.stderr
    message, other = child.stdout.splitlines()
    assert message.startswith(f"the token table o200k_base at {table} cannot be read (")
    assert message.endswith("it ships with Bursar: install Bursar again")
    assert other == "False 1"
