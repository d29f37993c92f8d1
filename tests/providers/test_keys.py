"""A key goes to the host of its entry and nowhere else: no redirect, no proxy, no message, no repr, no traceback."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback

import pytest

from bursar.domain.errors import KeyRefused, ProviderError, RequestRejected
from bursar.providers import make_provider
from support.fakes import CountingIds
from support.fault_server import LAST_CHUNK, Hold, Reset, chunk, fault_server, head, whole

from .support import CANARY, SHORT, WIRES, FakeClock, ask, good, provider_at


@pytest.mark.parametrize("wire", WIRES)
async def test_the_key_is_sent_in_the_header_of_the_format(wire):
    async with fault_server() as server:
        server.will(head() + chunk(good(wire)) + LAST_CHUNK)
        await ask(provider_at(server, wire))
    received = server.received[0]
    if wire == "anthropic":
        assert received.header("x-api-key") == CANARY
        assert received.header("anthropic-version") == "2023-06-01"
        assert received.header("authorization") is None
    else:
        assert received.header("authorization") == f"Bearer {CANARY}"
        assert received.header("x-api-key") is None
    assert CANARY.encode() not in received.body


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_sink_stays_silent(wire, status):
    async with fault_server() as server, fault_server() as sink:
        server.will(whole(status, b"", f"location: {sink.url}/steal?x=1"))
        with pytest.raises(RequestRejected) as caught:
            await ask(provider_at(server, wire))
        assert sink.connections == 0
    assert f"127.0.0.1:{sink.port}" in str(caught.value)
    assert caught.value.status == status


@pytest.mark.parametrize("wire", WIRES)
async def test_proxies_of_the_environment_are_not_asked(wire, monkeypatch):
    async with fault_server() as server, fault_server() as sink:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, sink.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        server.will(head() + chunk(good(wire)) + LAST_CHUNK)
        await ask(provider_at(server, wire))
        assert sink.connections == 0


ECHO = f'{{"error": {{"type": "x", "message": "bad key {CANARY} given, Bearer {CANARY}"}}}}'.encode()


def echoing(steps, key):
    """The steps with another key in the canary's place, of the same length, because lengths were counted."""
    return [each.replace(CANARY.encode(), key.encode()) if isinstance(each, bytes) else each for each in steps]


# One key that looks like one to anybody, and one that only we know to be one.
KEYS = [CANARY, "Qz7" * 10 + "w"]


@pytest.mark.parametrize("key", KEYS, ids=["usual", "odd"])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "steps",
    [
        [whole(401, ECHO)],
        [whole(401, CANARY.encode(), kind="text/plain")],
        [whole(429, ECHO)],
        [whole(500, ECHO)],
        [whole(200, ECHO)],
        [whole(302, b"", f"location: http://attacker.example/{CANARY}")],
        [head() + chunk(b"data: " + ECHO + b"\n\n") + LAST_CHUNK],
        [head() + chunk(b'event: error\ndata: {"type": "error", "error": {"type": "' + CANARY.encode() + b'"}}\n\n')],
        [head() + chunk(b"data: {" + CANARY.encode() + b"\n\n") + LAST_CHUNK],
        [head() + chunk(b"event: " + CANARY.encode() + b"\ndata: {\n\n") + LAST_CHUNK],
        [whole(500, b"", f"request-id: {CANARY}")],
        [CANARY.encode() + b"\r\n\r\n"],
        [Reset()],
        [Hold()],
    ],
)
async def test_the_key_is_in_no_failure_and_no_log(wire, steps, key, caplog):
    assert len(key) == len(CANARY)
    caplog.set_level(logging.DEBUG)
    async with fault_server() as server:
        server.will(*echoing(steps, key))
        provider = provider_at(server, wire, key=key, deadlines=SHORT)
        with pytest.raises(ProviderError) as caught:
            await ask(provider)
    error = caught.value
    # What the logs of other people's programs get to see: the whole chain, formatted.
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error)) + repr(provider)
    assert key not in shown
    assert error.__cause__ is None
    assert error.__context__ is None
    ours = [each for each in caplog.records if each.name.startswith("bursar")]
    assert not ours
    assert all(key not in each.getMessage() for each in caplog.records if "httpcore" not in each.name)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("key", ["a\nb", "a b", "schlüssel", "a\x00b"])
async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(wire, key):
    async with fault_server() as server:
        with pytest.raises(KeyRefused) as caught:
            await ask(provider_at(server, wire, key=key))
        assert server.connections == 0
    assert key not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("wire", WIRES)
async def test_a_key_is_asked_for_at_each_request_and_trimmed(wire):
    keys = ["first", " second\n"]
    async with fault_server() as server:
        given = iter([keys[0], keys[0], keys[1], keys[1]])
        provider = make_provider(
            name="acme",
            wire=wire,
            base_url=server.url,
            key=lambda: next(given),
            key_name="ACME_API_KEY",
            clock=FakeClock(),
            ids=CountingIds(),
        )
        for _ in keys:
            server.will(head() + chunk(good(wire)) + LAST_CHUNK)
            await ask(provider)
    assert b"first" in server.received[0].head
    assert b"second\r\n" in server.received[1].head


@pytest.mark.parametrize("wire", WIRES)
async def test_a_missing_key_says_what_to_set_and_sends_nothing(wire):
    async with fault_server() as server:
        provider = provider_at(server, wire, key=None)
        sentence = provider.missing_key()
        with pytest.raises(KeyRefused) as caught:
            await ask(provider)
        assert server.connections == 0
    assert str(caught.value) == sentence
    for word in ("acme", "ACME_API_KEY", '"Bursar: Set Provider Key"', "bursar simulate"):
        assert word in sentence


@pytest.mark.parametrize("wire", WIRES)
def test_who_needs_a_key(wire):
    def missing(base_url, key_name, key=None):
        provider = make_provider(
            name="acme",
            wire=wire,
            base_url=base_url,
            key=lambda: key,
            key_name=key_name,
            clock=FakeClock(),
            ids=CountingIds(),
        )
        return provider.missing_key() is not None

    assert not missing("http://127.0.0.1:1234/v1", None)
    assert not missing("http://localhost:1234/v1", None)
    assert not missing("http://[::1]:1234/v1", None)
    assert missing("http://127.0.0.1:1234/v1", "K")
    assert missing("https://host.example/v1", None)
    assert missing("https://host.example/v1", "K")
    assert not missing("https://host.example/v1", "K", "k")


async def test_a_refused_key_says_how_to_set_another():
    async with fault_server() as server:
        server.will(
            whole(401, b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}')
        )
        with pytest.raises(KeyRefused) as caught:
            await ask(provider_at(server, "anthropic"))
    assert str(caught.value) == (
        "the provider acme refused the key (401): invalid x-api-key; set another with the environment variable "
        'ACME_API_KEY, or in VS Code the command "Bursar: Set Provider Key"'
    )


@pytest.mark.parametrize("wire", WIRES)
async def test_text_of_the_provider_cannot_draw_on_the_terminal(wire):
    async with fault_server() as server:
        server.will(whole(400, b'{"error":{"message":"a\\u001b[2Jb\\r\\nc\\u202ed"}}'))
        with pytest.raises(RequestRejected) as caught:
            await ask(provider_at(server, wire))
        assert not any(ord(each) < 32 or each == "\u202e" for each in str(caught.value))


def test_importing_the_room_loads_no_http():
    code = "import sys, bursar.providers; print({'httpx', 'httpcore', 'h11', 'pydantic'} & set(sys.modules) or 'none')"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "none"
