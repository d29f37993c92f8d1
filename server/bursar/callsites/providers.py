"""Whose model is asked: from the client's constructor, and from names that hold a provider."""

from __future__ import annotations

import re

from bursar.callsites.values import Called, Record, Text, Value

_CARD_NAMES = {
    "gemini": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "google-vertex": "google",
    "vertex_ai": "google",
    "vertex": "google",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "amazon-bedrock": "aws",
    "azure_openai": "azure",
    "azure_ai": "azure",
    "xai": "x-ai",
    "mistralai": "mistral",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
}
"""What libraries call a provider, where the price card calls it otherwise."""
_CONSTRUCTORS = {
    "AzureOpenAI": "azure",
    "AsyncAzureOpenAI": "azure",
    "AnthropicBedrock": "aws",
    "AsyncAnthropicBedrock": "aws",
    "AnthropicVertex": "google",
    "AsyncAnthropicVertex": "google",
}
_VENDORS = re.compile(r"https://(?:api\.openai\.com|api\.anthropic\.com)(?:/|$)")
_ADDRESS = ("base_url", "baseURL", "baseUrl", "openai_api_base", "api_base")
_SDK_PACKAGE = re.compile(r"@ai-sdk/([a-z0-9-]+)$")


def card_name(provider: str) -> str:
    """The name that prices are listed under."""
    return _CARD_NAMES.get(provider, provider)


def seller(call: Called, vendor: str) -> str:
    """Whose price counts for a client of this vendor's library; empty where the client has another address."""
    client: Value | None = call.receiver
    while isinstance(client, Called):
        if client.names and client.names[-1] in _CONSTRUCTORS:
            return _CONSTRUCTORS[client.names[-1]]
        if elsewhere(client):
            return ""
        client = client.receiver
    return vendor


def elsewhere(client: Called) -> bool:
    """Whether a constructor is given an address that is not its vendor's."""
    options = [client.named, *(each for each in client.args if isinstance(each, Record))]
    for each in options:
        address = each.get(*_ADDRESS)
        if address is not None and not (isinstance(address, Text) and _VENDORS.match(address.whole or "")):
            return True
    return False


def from_slug(model: str) -> tuple[str, str]:
    """Provider and model of ``provider/model``; no provider where none is written."""
    provider, slash, rest = model.partition("/")
    return (card_name(provider), rest) if slash and rest else ("", model)


def sdk_model(value: Value) -> tuple[str, str] | None:
    """Provider and model of the AI SDK's ``model``: ``openai("...")``, or a name with its provider."""
    if isinstance(value, Text):
        return from_slug(value.whole) if value.whole else None
    if not isinstance(value, Called) or not value.args:
        return None
    name = value.args[0]
    if not isinstance(name, Text) or not name.whole:
        return None
    maker = value.receiver if isinstance(value.receiver, Called) else value
    package = _SDK_PACKAGE.match(maker.module or "")
    if package is None or (maker is not value and elsewhere(maker)):
        return "", name.whole
    return card_name(package.group(1)), name.whole
