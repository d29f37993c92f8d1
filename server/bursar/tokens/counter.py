"""The counter: a text is counted by blocks whose counts add up, and a block counted before costs no second encoding."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING

from bursar.domain.text.cuts import TARGET_CHARS, split_blocks
from bursar.tokens.encodings import open_encoding, recipe

if TYPE_CHECKING:
    from tiktoken import Encoding

    from bursar.domain.ports import CountMemory

DEFAULT_ENCODING = "o200k_base"
REMEMBERED_BLOCKS = 65_536
"""Some 64 MB of text; a remembered block is a digest and a number, about 150 bytes, and never its text."""

_SURROGATE = re.compile("[\ud800-\udfff]")
# Below this, asking the memory costs about as much as counting.
_WORTH_REMEMBERING_CHARS = 128


class TiktokenCounter:
    """Exact counts by tiktoken, without network; safe to share between threads.

    Ranks are loaded at the first use of an encoding, once, and only those of the encoding in use. Nothing but
    ordinary text exists: ``<|endoftext|>`` in a text counts as the characters it is made of.

    With a ``memory``, what it knows is believed until the ranks are loaded, and needs none; from then on it is counted.
    """

    def __init__(self, *, remembered_blocks: int = REMEMBERED_BLOCKS, memory: CountMemory | None = None) -> None:
        self._memory = memory
        self._recalled: Mapping[bytes, int] | None = None
        self._kept = 0
        self._loaded: dict[str, Encoding] = {}
        self._loading = Lock()
        self._remembered = _Remembered(remembered_blocks)

    def count(self, text: str, /, *, encoding: str = DEFAULT_ENCODING) -> int:
        """The tokens of the text; loads the encoding where it is not ready.

        Equal to tiktoken's own count of the whole text, apart from runs above ``cuts.CAP_CHARS`` without a place to
        cut (see ``cuts.split_blocks``). A lone surrogate counts as U+FFFD. Raises ValueError naming the known
        encodings for an unknown one, and BursarError where the ranks cannot be read.
        """
        recipe(encoding)
        if not text.isascii() and _SURROGATE.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return sum(self._count_block(block, encoding) for block in _parts(text))

    def ready(self, encoding: str) -> bool:
        """Whether the ranks are in memory. Raises ValueError naming the known encodings for an unknown one."""
        recipe(encoding)
        return encoding in self._loaded

    def load(self, encoding: str) -> None:
        """Load the ranks where they are not in memory; blocks, and holds the interpreter, for about a quarter second.

        Raises ValueError naming the known encodings for an unknown one, and BursarError where the ranks cannot be read.
        """
        self._engine(encoding)

    def _engine(self, encoding: str) -> Encoding:
        engine = self._loaded.get(encoding)
        if engine is not None:
            return engine
        with self._loading:
            if encoding not in self._loaded:
                self._loaded[encoding] = open_encoding(encoding)
            return self._loaded[encoding]

    def keep(self) -> None:
        """Give the memory what was counted, if anything was since it was last given. Raises what the memory raises."""
        made = self._remembered.made
        if self._memory is None or made == self._kept:
            return
        # What was erased must not come back from here.
        if self._memory.was_erased():
            self._remembered.clear()
            self._recalled = {}
        # Read anew: other windows keep theirs there.
        self._memory.keep({**self._memory.read(), **self._remembered.all()})
        self._kept = made

    def _count_block(self, block: str, encoding: str) -> int:
        if self._memory is None and len(block) < _WORTH_REMEMBERING_CHARS:
            return count_ordinary(block, self._engine(encoding))
        key = blake2b(block.encode(), digest_size=16, person=encoding.encode()).digest()
        known = self._remembered.get(key)
        if known is None and encoding not in self._loaded:
            known = self._recall().get(key)
        if known is None:
            known = count_ordinary(block, self._engine(encoding))
            self._remembered.put(key, known)
        return known

    def _recall(self) -> Mapping[bytes, int]:
        if self._recalled is None:
            self._recalled = {} if self._memory is None else self._memory.read()
        return self._recalled


def _parts(text: str) -> list[str]:
    # What is no longer than a block of a document is one, and is remembered under its own digest.
    return [text] if len(text) <= 2 * TARGET_CHARS else split_blocks(text)


def count_ordinary(text: str, engine: Encoding) -> int:
    """The tokens of a text, encoded in one go.

    Where the engine panics (its regex overflows its stack on about a million blanks in a row, far above the blocks that
    come here) the answer is the length in UTF-8, which no count is above. A panic is no ``Exception`` and would get
    past every handler up to the interpreter.
    """
    try:
        return len(engine.encode_ordinary(text))
    except BaseException as error:
        # The class lives inside the extension and cannot be imported; its name is all there is.
        if type(error).__name__ != "PanicException":
            raise
        return len(text.encode())


class _Remembered:
    """The counts of the blocks seen last, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._lock = Lock()
        self.made = 0

    def __len__(self) -> int:
        return len(self._counts)

    def get(self, key: bytes) -> int | None:
        with self._lock:
            count = self._counts.get(key)
            if count is not None:
                self._counts.move_to_end(key)
            return count

    def all(self) -> dict[bytes, int]:
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()

    def put(self, key: bytes, count: int) -> None:
        with self._lock:
            self._counts[key] = count
            self.made += 1
            self._counts.move_to_end(key)
            while len(self._counts) > self._most:
                self._counts.popitem(last=False)
