from __future__ import annotations

from collections.abc import Iterator

import pytest
from tiktoken import Encoding

from bursar.tokens import TiktokenCounter
from bursar.tokens.encodings import open_encoding, read_tokens
from tokens.support import ENCODINGS, Oracle


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    tables = {encoding: read_tokens(encoding) for encoding in ENCODINGS}
    with Oracle(tmp_path_factory.mktemp("tiktoken"), tables) as running:
        yield running


@pytest.fixture(scope="session")
def engines() -> dict[str, Encoding]:
    return {encoding: open_encoding(encoding) for encoding in ENCODINGS}


@pytest.fixture(scope="session")
def counter() -> TiktokenCounter:
    return TiktokenCounter()
