"""The event parser by the WHATWG's rules, whatever the bytes and however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.providers.sse import SseEvent, SseParser, StreamTooLarge


def parsed(*chunks: bytes, **caps: int) -> list[SseEvent]:
    parser = SseParser(**caps)
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"data: a\n\n", [("message", "a")]),
        (b"data: a\r\n\r\n", [("message", "a")]),
        (b"data: a\r\r", [("message", "a")]),
        (b"event: x\rdata: a\n\r\n", [("x", "a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
        (b"data:a\ndata: b\ndata\ndata:  c\n\n", [("message", "a\nb\n\n c")]),
        (b": comment\n\ndata: a\n\n", [("message", "a")]),
        (b"id: 1\nretry: 5\nnew: x\ndata: a\n\n", [("message", "a")]),
        (b"id: a\x00b\ndata: a\n\n", [("message", "a")]),
        (b"event: x\n\ndata: a\n\n", [("message", "a")]),
        (b"data: a\n", []),
        (b"data: a\n\ndata: b", [("message", "a")]),
        (b"data\n\n", [("message", "")]),
        (
            "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
            [("message", "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg")],
        ),
        (b"data: a\n\xef\xbb\xbfdata: b\n\n", [("message", "a")]),
    ],
)
def test_the_rules(raw, expected):
    assert [(each.name, each.data) for each in parsed(raw)] == expected


def test_what_is_not_utf8_is_replaced_and_said():
    (bad, good) = parsed(b"data: \xff\n\ndata: \xc3\xa4\n\n")
    assert (bad.data, bad.damaged) == ("\ufffd", True)
    assert (good.data, good.damaged) == ("ä", False)


STREAMS = st.lists(
    st.sampled_from(
        [
            b"data: a",
            b"data:\xc3\xa4\xe2\x80\xa8",
            b"event: x",
            b": c",
            b"\n",
            b"\r",
            b"\r\n",
            b"\xef\xbb\xbf",
            b"data",
            b"\xff",
        ]
    ),
    max_size=25,
).map(b"".join)


@given(raw=STREAMS, data=st.data())
def test_any_cut_of_the_bytes_gives_the_same_events(raw, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert parsed(*pieces) == parsed(raw)
    assert parsed(*(bytes([each]) for each in raw)) == parsed(raw)


def test_an_event_ends_with_its_cr_and_does_not_wait_for_a_line_feed():
    parser = SseParser()
    assert [each.data for each in parser.feed(b"data: a\r\r")] == ["a"]
    assert list(parser.feed(b"\ndata: b\r")) == []
    assert [each.data for each in parser.feed(b"\n\r")] == ["b"]


@pytest.mark.parametrize(
    "chunks",
    [[b"data: " + b"x" * 100], [b"data: xxxxx\n"] * 10, [b"x"] * 100, [b": comment comment\n"] * 10],
    ids=["one line", "many lines", "byte by byte", "comments"],
)
def test_an_event_past_its_cap_is_refused(chunks):
    with pytest.raises(StreamTooLarge):
        parsed(*chunks, max_event_bytes=64)


def test_the_cap_is_for_each_event_and_another_one_for_the_whole():
    event = b"data: xxxxxxxxxx\n\n"
    assert len(parsed(*[event] * 20, max_event_bytes=64)) == 20
    with pytest.raises(StreamTooLarge):
        parsed(*[event] * 20, max_event_bytes=64, max_total_bytes=100)
