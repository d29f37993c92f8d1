"""What does not fit a model's window is refused before anything is billed, each wire in its own vendor's words."""

from __future__ import annotations

from bursar.simulator.request import Ask, Refusal
from bursar.simulator.scenario import Model


def check_window(wire: str, model: Model, ask: Ask) -> None:
    """Raise the Refusal of a prompt that is longer than the model's window takes, alone or with its answer."""
    window = model.window_tokens
    if window is None:
        return
    prompt = int(sum(each.tokens for each in ask.blocks) * model.input_token_ratio)
    answer = ask.max_tokens or 0
    if wire == "anthropic":
        if prompt > window:
            raise _refused(f"prompt is too long: {prompt} tokens > {window} maximum")
        if prompt + answer > window:
            raise _refused(
                f"input length and `max_tokens` exceed context limit: {prompt} + {answer} > {window}, "
                "decrease input length or `max_tokens` and try again"
            )
    elif wire == "openai-chat" and prompt + answer > window:
        raise _refused(
            f"This model's maximum context length is {window} tokens. However, you requested {prompt + answer} tokens "
            f"({prompt} in the messages, {answer} in the completion). Please reduce the length of the messages or "
            "completion.",
            code="context_length_exceeded",
        )
    elif wire == "openai-responses" and prompt > window:
        # This one names no figure.
        raise _refused(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            code="context_length_exceeded",
        )


def _refused(message: str, *, code: str | None = None) -> Refusal:
    return Refusal(400, "invalid_request_error", message, code=code)
