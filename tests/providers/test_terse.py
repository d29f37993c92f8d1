"""A terse request: each format's own fields for it, and a model that refuses them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bursar.domain.errors import OptionRefused, RequestRejected
from support.fault_server import fault_server, whole

from .support import WIRES, Heard, provider_at, request

FIELDS = {
    "anthropic": {"output_config": {"effort": "low"}},
    "openai-chat": {"reasoning_effort": "low", "verbosity": "low"},
    "openai-responses": {"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}},
}
TERSE = replace(request(), terse=True)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_fields_of_each_format(wire):
    async with fault_server() as server:
        provider = provider_at(server, wire)
        usual, terse = (json.loads(provider.body(each)) for each in (request(), TERSE))
        assert terse == {**usual, **FIELDS[wire]}
        assert provider.prompt_text(provider.body(TERSE)) == provider.prompt_text(provider.body(request()))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("message", ["Unsupported value: 'low' is not supported with this model.", "Bad request."])
async def test_a_model_that_refuses_them_is_asked_without_from_then_on(wire, message):
    refusal = json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()
    async with fault_server() as server:
        server.will(whole(400, refusal))
        provider, heard = provider_at(server, wire), Heard()
        usual = provider.body(request())
        with pytest.raises(OptionRefused, match="only the words of the request ask for a short answer"):
            await provider.send(provider.body(TERSE), on_stream=heard, keep=heard.keep)
        assert len(server.received) == 1, "what is sent again is counted by the caller"
        assert provider.body(TERSE) == usual
        other = replace(TERSE, model="another-model")
        assert FIELDS[wire].items() <= json.loads(provider.body(other)).items(), "it may well know them"


@pytest.mark.parametrize("wire", WIRES)
async def test_a_usual_request_that_is_refused_is_not_repeated(wire):
    async with fault_server() as server:
        server.will(whole(400, b'{"error": {"message": "wrong", "type": "invalid_request_error"}}'))
        provider, heard = provider_at(server, wire), Heard()
        with pytest.raises(RequestRejected) as refused:
            await provider.send(provider.body(request()), on_stream=heard, keep=heard.keep)
        assert not isinstance(refused.value, OptionRefused)
