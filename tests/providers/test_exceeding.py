"""A refusal of what is too long is told from every other, whatever the vendor calls it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bursar.domain.errors import NotAccepted, RequestRejected, WindowExceeded
from bursar.providers.exceeding import exceeded_in
from bursar.providers.failures import Said, Sender, of_error_in_answer, of_status, said_in

SENDER = Sender(name="acme", host="127.0.0.1", key=None, how_to_set_key="it")


def failure(body: dict[str, Any], status: int = 400) -> Any:
    said = said_in(json.dumps(body), sender=SENDER)
    return of_status(status, said, sender=SENDER, request_id="r1", retry_after_s=None, model="m")


@pytest.mark.parametrize(
    ("body", "asked", "window"),
    [
        (
            {
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "message": "prompt is too long: 210123 tokens > 200000 maximum",
                },
            },
            210_123,
            200_000,
        ),
        (
            {
                "type": "error",
                "error": {
                    "type": "invalid_request_error",
                    "message": "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease "
                    "input length or `max_tokens` and try again",
                },
            },
            188_240,
            200_000,
        ),
        (
            {
                "error": {
                    "message": "This model's maximum context length is 128000 tokens. However, you requested 130000 "
                    "tokens (126000 in the messages, 4000 in the completion). Please reduce the length.",
                    "code": "context_length_exceeded",
                }
            },
            126_000,
            128_000,
        ),
        (
            {
                "error": {
                    "message": "This model's maximum context length is 16385 tokens. However, your messages resulted "
                    "in 20000 tokens. Please reduce the length of the messages.",
                    "code": "context_length_exceeded",
                }
            },
            20_000,
            16_385,
        ),
        (
            {
                "error": {
                    "message": "Your input exceeds the context window of this model. Please adjust your input.",
                    "code": "context_length_exceeded",
                }
            },
            None,
            None,
        ),
        ({"error": {"message": "No.", "code": "context_length_exceeded"}}, None, None),
        (
            {
                "error": {
                    "code": 400,
                    "status": "INVALID_ARGUMENT",
                    "message": "The input token count (1048577) exceeds the maximum number of tokens allowed "
                    "(1048576).",
                }
            },
            1_048_577,
            1_048_576,
        ),
        (
            {
                "error": {
                    "type": "exceed_context_size_error",
                    "message": "the request exceeds the available context size. try increasing the context size",
                }
            },
            None,
            None,
        ),
    ],
)
def test_what_each_vendor_says_of_it(body: dict[str, Any], asked: int | None, window: int | None) -> None:
    error = failure(body)
    assert isinstance(error, WindowExceeded)
    assert isinstance(error, NotAccepted)
    assert (error.asked_tokens, error.window_tokens) == (asked, window)


@pytest.mark.parametrize(
    "text",
    [
        "prompt is too long: 100 tokens > 200000 maximum",
        "prompt is too long: 100 tokens > 0 maximum",
    ],
)
def test_figures_that_contradict_themselves_are_not_believed(text: str) -> None:
    found = exceeded_in("", "", text)
    assert found is not None
    assert (found.asked_tokens, found.window_tokens) == (None, None)


@pytest.mark.parametrize(
    "text",
    ["messages: at least one message is required", "max_tokens: 200000 > 64000, which is the maximum", "too long"],
)
def test_another_refusal_stays_what_it_is(text: str) -> None:
    error = failure({"error": {"type": "invalid_request_error", "message": text}})
    assert type(error) is RequestRejected


def test_an_error_inside_the_answer_is_told_apart_before_any_content_only() -> None:
    said = Said(code="context_length_exceeded", text="Your input exceeds the context window of this model.")
    early = of_error_in_answer(said, sender=SENDER, request_id="r1", chars=0, model="m")
    late = of_error_in_answer(said, sender=SENDER, request_id="r1", chars=7, model="m")
    assert isinstance(early, WindowExceeded)
    assert not isinstance(late, NotAccepted)


def test_the_limit_of_a_whole_body_is_no_window() -> None:
    error = failure({"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}, 413)
    assert type(error) is RequestRejected
