"""The protocol's framing a second time, written from its text, and streams of frames with something wrong in them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Protocol

HEADER_LIMIT = 8192
LENGTH_LIMIT = 256 * 1024 * 1024


class Difference(AssertionError):
    """What was found is not what the protocol says."""


def cut(stream: bytes) -> tuple[list[bytes], str]:
    """The messages of a whole stream, and how it ends: "whole", "partial" (more bytes are missing) or "broken"."""
    bodies: list[bytes] = []
    at = 0
    while at < len(stream):
        header_at, length = at, None
        while True:
            line_feed = stream.find(b"\n", at)
            if line_feed < 0:
                return bodies, "broken" if len(stream) - header_at > HEADER_LIMIT else "partial"
            line = stream[at : line_feed + 1]
            at = line_feed + 1
            if not line.endswith(b"\r\n") or at - header_at > HEADER_LIMIT:
                return bodies, "broken"
            line = line[:-2]
            if not line:
                break
            name, colon, value = line.partition(b":")
            name, value = name.rstrip(b" \t"), value.strip(b" \t")
            if not colon or not name or b"\r" in line or any(each not in _TOKEN for each in name):
                return bodies, "broken"
            if name.lower() == b"content-length":
                if length is not None or not value or any(each not in b"0123456789" for each in value):
                    return bodies, "broken"
                # Python refuses to read numbers of thousands of digits.
                digits = value.lstrip(b"0") or b"0"
                length = int(digits) if len(digits) < 20 else LENGTH_LIMIT + 1
                if length > LENGTH_LIMIT:
                    return bodies, "broken"
        if length is None:
            return bodies, "broken"
        if len(stream) - at < length:
            return bodies, "partial"
        bodies.append(stream[at : at + length])
        at += length
    return bodies, "whole"


_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Reader(Protocol):
    """What is tested: it raises ValueError for broken framing."""

    def feed_into(self, data: bytes, found: list[bytes]) -> None: ...

    def end(self) -> None: ...


def read_in_pieces(reader: Reader, stream: bytes, rng: random.Random) -> tuple[list[bytes], str]:
    """What the reader makes of it, whatever the pieces."""
    found: list[bytes] = []
    at = 0
    while at < len(stream):
        size = rng.choice((1, 2, 7, 64, 1000, 65536))
        try:
            reader.feed_into(stream[at : at + size], found)
        except ValueError:
            return found, "broken"
        at += size
    try:
        reader.end()
    except ValueError:
        return found, "partial"
    return found, "whole"


def mutated_stream(rng: random.Random) -> tuple[bytes, int]:
    """A few frames, most of them with something wrong, and how many they are."""
    count = rng.randint(1, 6)
    stream = b"".join(_mutated_frame(rng) if rng.random() < 0.4 else frame(_some_body(rng)) for _ in range(count))
    if rng.random() < 0.2:
        stream = mutate_bytes(rng, stream)
    return stream, count


def frame(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def _some_body(rng: random.Random) -> bytes:
    return rng.choice(_BODIES) if rng.random() < 0.7 else rng.randbytes(rng.randint(0, 300))


_BODIES = [
    b"",
    b"{}",
    b'{"jsonrpc":"2.0","id":1,"method":"x"}',
    "{🦀}".encode(),
    b"\r\n\r\n",
    b"Content-Length: 3\r\n\r\nabc",
]


def _mutated_frame(rng: random.Random) -> bytes:
    body = _some_body(rng)
    right = b"Content-Length: %d" % len(body)
    header = rng.choice(
        [
            b"content-length:%d" % len(body),
            b"CONTENT-LENGTH \t:\t %d \t" % len(body),
            b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n" + right,
            right + b"\r\nX-Other: 1",
            right + b"\r\n" + right,
            right + b"\r\nContent-Length: 2",
            right + b"\r\n folded",
            right + b"\rX: 1",
            b"Content-Length: -1",
            b"Content-Length: +%d" % len(body),
            b"Content-Length: 1_0",
            b"Content-Length: 0x10",
            b"Content-Length:",
            b"Content-Length: 1000000000000",
            b"Content-Length: " + b"9" * rng.choice((30, 5000)),
            b"Content-Length: " + b"0" * rng.choice((30, 5000)) + b"%d" % len(body),
            b"Content-Length: %d" % (LENGTH_LIMIT + rng.randint(0, 1)),
            b"Content-Length: %d" % max(0, len(body) + rng.randint(-3, 3)),
            b"Content-Length: %d" % len(body.decode("utf-8", "replace")),
            "Content-Length: ٣".encode(),
            b"Content Length: 3",
            b": 3",
            b"",
            b"X: " + b"y" * rng.choice((100, HEADER_LIMIT - 40, HEADER_LIMIT, 100_000)) + b"\r\n" + right,
        ]
    )
    end = rng.choice([b"\r\n\r\n"] * 6 + [b"\n\n", b"\r\n\n", b"\n\r\n", b"\r\r", b"\r\n", b""])
    return header + end + body


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 1:
                changed[at:at] = rng.choice((b"\n", b"\r", b"\0", b"[", b'"', b"\\ud800", b"\xff", b"NaN", b":", b"9"))
            case 2:
                del changed[at : at + rng.randint(1, 9)]
            case 3:
                del changed[at:]
            case 4:
                changed[at:at] = changed[at : at + rng.randint(1, 40)]
    return bytes(changed)


def check_streams(frames: int, seed: int, make: Callable[[], Reader]) -> Counter[str]:
    """Compare the reader with the second parser on this many frames. Raises Difference."""
    rng = random.Random(seed)
    seen: Counter[str] = Counter()
    while seen["frames"] < frames:
        stream, count = mutated_stream(rng)
        wanted, found = cut(stream), read_in_pieces(make(), stream, rng)
        if wanted != found:
            raise Difference(f"seed {seed}, frame {seen['frames']}: {stream[:300]!r}: {wanted} is right, not {found}")
        seen["frames"] += count
        seen[wanted[1]] += 1
        seen["messages"] += len(wanted[0])
    return seen
