"""The encodings that ship with Bursar, made from the ranks in this package by tiktoken's public constructor.

Patterns and special tokens are copied from tiktoken's own module, which would download the ranks; the tests compare
the copy with the original and the ranks with the hash that tiktoken expects.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from bursar.domain.errors import BursarError

if TYPE_CHECKING:
    from tiktoken import Encoding

_COUNT_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What makes an encoding besides its ranks."""

    pattern: str
    special_tokens: dict[str, int]


RECIPES = {
    "cl100k_base": Recipe(
        pattern=(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"
            r"|\s+(?!\S)|\s"
        ),
        special_tokens={
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    "o200k_base": Recipe(
        pattern=(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
        special_tokens={"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
}


def recipe(encoding: str) -> Recipe:
    """The recipe of a known encoding; raises ValueError naming the known ones for any other."""
    found = RECIPES.get(encoding)
    if found is None:
        raise ValueError(f"there is no encoding {encoding!r} here; the known ones are {', '.join(sorted(RECIPES))}")
    return found


def open_encoding(encoding: str) -> Encoding:
    """The encoding, loaded; about a quarter of a second, most of it in tiktoken with the interpreter held.

    Raises ValueError for an unknown name and BursarError where the file of ranks is missing or damaged.
    """
    made_of = recipe(encoding)
    ranks = {token: rank for rank, token in enumerate(read_tokens(encoding))}
    # Imported here: a start that counts nothing must not pay for it.
    from tiktoken import Encoding

    made = Encoding(
        encoding, pat_str=made_of.pattern, mergeable_ranks=ranks, special_tokens=dict(made_of.special_tokens)
    )
    # The engine has tables of its own; this copy of some 25 MB is read only where an encoding is pickled.
    made._mergeable_ranks = {}
    return made


def fingerprint() -> str:
    """What the counts of all encodings depend on: patterns and tables, told apart without reading a table."""
    ranks = resources.files(__package__).joinpath("ranks")
    sizes = {}
    for name in sorted(RECIPES):
        with resources.as_file(ranks.joinpath(f"{name}.zlib")) as file:
            sizes[name] = file.stat().st_size if file.exists() else 0
    return blake2b(repr((RECIPES, sizes)).encode(), digest_size=16).hexdigest()


def read_tokens(encoding: str) -> list[bytes]:
    """The tokens of an encoding in the order of their ranks. Raises like ``open_encoding``."""
    recipe(encoding)
    file = resources.files(__package__).joinpath("ranks", f"{encoding}.zlib")
    try:
        return unpack(file.read_bytes())
    except (OSError, ValueError, zlib.error) as error:
        raise BursarError(
            f"the token table {encoding} at {file} cannot be read ({error}); it ships with Bursar: install Bursar again"
        ) from error


def unpack(data: bytes) -> list[bytes]:
    """The tokens in a compressed table; raises zlib.error or ValueError where it is damaged.

    Uncompressed it is the number of tokens (four bytes, little endian), one byte of length for each, and the tokens.
    """
    table = memoryview(zlib.decompress(data))
    count = int.from_bytes(table[:_COUNT_BYTES], "little")
    first = _COUNT_BYTES + count
    places = list(accumulate(table[_COUNT_BYTES:first], initial=first))
    if count == 0 or len(places) != count + 1 or places[-1] != len(table):
        raise ValueError("its lengths do not add up")
    return [bytes(table[start:end]) for start, end in pairwise(places)]
