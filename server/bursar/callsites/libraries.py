"""Which calls ask a model, library by library, and where each says what it sends."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bursar.callsites.drafts import Draft
from bursar.callsites.langchain import CALLS, langchain_call
from bursar.callsites.providers import from_slug, sdk_model, seller
from bursar.callsites.values import Called, Items, Record, Text, Unknown, as_record
from bursar.domain.callsites import Library

_BESIDE = {"with_raw_response", "with_streaming_response", "withResponse", "beta", "aio"}
_OPENAI = {"create", "parse", "stream", "runTools"}
_ANTHROPIC = {"create", "stream", "parse"}
_GOOGLE = {"generate_content", "generate_content_stream", "generateContent", "generateContentStream"}
_LITELLM = {"completion", "acompletion"}
_AI_SDK = {"generateText", "streamText", "generateObject", "streamObject"}
_AI_SDK_AGENTS = {"ToolLoopAgent", "Experimental_Agent"}
_AI_SDK_AGENT_CALLS = {"generate", "stream"}
ASKING = _OPENAI | _ANTHROPIC | _GOOGLE | _LITELLM | _AI_SDK | _AI_SDK_AGENTS | _AI_SDK_AGENT_CALLS | CALLS
"""The last names of all calls that may ask a model."""


def libraries_of(modules: Iterable[str]) -> frozenset[Library]:
    """The libraries that these modules belong to."""
    return frozenset(found for each in modules if (found := _library(each)) is not None)


def request_of(call: Called, libraries: frozenset[Library]) -> Draft | None:
    """What this call asks a model; None where it asks none."""
    names = tuple(each for each in call.names if each not in _BESIDE)
    last, before = names[-1:], names[-2:-1]
    if "openai" in libraries and names[-3:-1] == ("chat", "completions") and last[0] in _OPENAI:
        return _openai_chat(call, ".".join(names[-3:]))
    if "openai" in libraries and before == ("responses",) and last[0] in _OPENAI:
        return _openai_responses(call, ".".join(names[-2:]))
    if "anthropic" in libraries and before == ("messages",) and last[0] in _ANTHROPIC and "threads" not in names:
        return _anthropic(call, ".".join(names[-2:]))
    if "google-genai" in libraries and before == ("models",) and last[0] in _GOOGLE:
        return _google(call, ".".join(names[-2:]))
    if "litellm" in libraries and call.module == "litellm" and len(names) == 1 and last[0] in _LITELLM:
        return _litellm(call, last[0])
    if "ai-sdk" in libraries and call.module in ("ai", "ai/rsc") and len(names) == 1 and last[0] in _AI_SDK:
        return _ai_sdk(call, last[0])
    if "ai-sdk" in libraries and len(names) == 1 and (found := _ai_sdk_agent(call, last[0])) is not None:
        return found
    return langchain_call(call) if "langchain" in libraries else None


def _library(module: str) -> Library | None:
    root = re.split(r"[./]", module)[0]
    if module in ("google.genai", "@google/genai") or module.startswith(("google.genai.", "@google/genai/")):
        return "google-genai"
    if root == "anthropic" or module.startswith("@anthropic-ai/"):
        return "anthropic"
    if root == "litellm":
        return "litellm"
    if root == "ai" or root == "@ai-sdk":
        return "ai-sdk"
    if root.startswith("langchain") or root == "@langchain":
        return "langchain"
    return "openai" if root == "openai" or re.search(r"[./]openai$", module) else None


def _arguments(call: Called, *positions: str) -> Record:
    """The arguments by name: keywords, the one object that JavaScript passes, and what a position stands for."""
    if not positions and call.args and not call.named.entries:
        record = as_record(call.args[0])
        return record if isinstance(call.args[0], Record) and record is not None else _anything(call)
    entries = tuple(zip(positions, call.args, strict=False)) + call.named.entries
    return Record(entries=entries, more=call.named.more, span=call.span)


def _anything(call: Called) -> Record:
    return Record(entries=(), more=True, span=call.span)


def _begin(call: Called, library: Library, function: str, provider: str, args: Record, *keys: str) -> Draft | None:
    """A draft for a call that has at least one of the arguments that such a call has."""
    if not args.more and args.get("model", *keys) is None:
        return None
    draft = Draft(library=library, function=function, provider=provider)
    draft.set_model(args.get("model"), needed=args.more)
    return draft


def _end(draft: Draft, args: Record, *prompts: str) -> Draft:
    if args.more:
        draft.leave_open("further arguments")
        if prompts and args.get(*prompts) is None:
            draft.leave_open("the messages")
    return draft


def _openai_chat(call: Called, function: str) -> Draft | None:
    args = _arguments(call)
    draft = _begin(call, "openai", function, seller(call, "openai"), args, "messages")
    if draft is None:
        return None
    draft.messages(args.get("messages"))
    draft.set_tools(args.get("tools", "functions"))
    draft.set_limit(args.get("max_completion_tokens", "max_tokens"))
    return _end(draft, args, "messages")


def _openai_responses(call: Called, function: str) -> Draft | None:
    args = _arguments(call)
    draft = _begin(call, "openai", function, seller(call, "openai"), args, "input", "instructions", "prompt")
    if draft is None:
        return None
    if (instructions := args.get("instructions")) is not None:
        draft.content("system", instructions, "the instructions")
    draft.messages(args.get("input"), what="the input")
    if args.get("prompt") is not None:
        draft.leave_open("the stored prompt")
    if args.get("previous_response_id", "conversation") is not None:
        draft.leave_open("the conversation so far")
    draft.set_tools(args.get("tools"))
    draft.set_limit(args.get("max_output_tokens"))
    return _end(draft, args, "input")


def _anthropic(call: Called, function: str) -> Draft | None:
    args = _arguments(call)
    draft = _begin(call, "anthropic", function, seller(call, "anthropic"), args, "messages")
    if draft is None:
        return None
    if (system := args.get("system")) is not None:
        draft.content("system", system, "the system prompt")
    draft.messages(args.get("messages"))
    draft.set_tools(args.get("tools"))
    draft.set_limit(args.get("max_tokens"))
    return _end(draft, args, "messages")


def _google(call: Called, function: str) -> Draft | None:
    args = _arguments(call)
    draft = _begin(call, "google-genai", function, "google", args, "contents")
    if draft is None:
        return None
    if draft.model is not None:
        draft.model = draft.model.removeprefix("models/")
    config = args.get("config")
    if config is not None:
        record = as_record(config)
        if record is None or record.more:
            draft.leave_open("the configuration")
        if record is not None:
            if (system := record.get("system_instruction", "systemInstruction")) is not None:
                draft.messages(system, what="the system instruction", role="system")
            draft.set_tools(record.get("tools"))
            draft.set_limit(record.get("max_output_tokens", "maxOutputTokens"))
    draft.messages(args.get("contents"), what="the contents")
    return _end(draft, args, "contents")


def _litellm(call: Called, function: str) -> Draft | None:
    args = _arguments(call, "model", "messages")
    draft = _begin(call, "litellm", function, "", args, "messages")
    if draft is None:
        return None
    if draft.model is not None:
        draft.provider, draft.model = from_slug(draft.model)
    if args.get("base_url", "api_base") is not None:
        draft.provider = ""
    draft.messages(args.get("messages"))
    draft.set_tools(args.get("tools"))
    draft.set_limit(args.get("max_completion_tokens", "max_tokens"))
    return _end(draft, args, "messages")


def _ai_sdk(call: Called, function: str) -> Draft | None:
    args = _arguments(call)
    if not args.more and args.get("model", "prompt", "messages") is None:
        return None
    draft = Draft(library="ai-sdk", function=function)
    _ai_sdk_settings(draft, args, call)
    _ai_sdk_prompt(draft, args)
    return _end(draft, args, "prompt", "messages")


def _ai_sdk_agent(call: Called, name: str) -> Draft | None:
    """An agent where it is made, with what each of its requests carries; or its first request where it is asked."""
    if call.module in ("ai", "ai/rsc") and name in _AI_SDK_AGENTS:
        args = _arguments(call)
        if not args.more and args.get("model") is None:
            return None
        draft = Draft(library="ai-sdk", function=name)
        _ai_sdk_settings(draft, args, call)
        draft.leave_open("the conversation")
        return _end(draft, args)
    agent = call.receiver
    if name not in _AI_SDK_AGENT_CALLS or not isinstance(agent, Called) or agent.module not in ("ai", "ai/rsc"):
        return None
    made = agent.names[-1] if agent.names else ""
    if made not in _AI_SDK_AGENTS:
        return None
    settings, args = _arguments(agent), _arguments(call)
    draft = Draft(library="ai-sdk", function=f"{made}.{name}", agent=agent.span)
    _ai_sdk_settings(draft, settings, agent)
    _ai_sdk_prompt(draft, args)
    if settings.more:
        draft.leave_open("further arguments")
    draft.leave_open("the steps after the first")
    return _end(draft, args, "prompt", "messages")


def _ai_sdk_settings(draft: Draft, args: Record, call: Called) -> None:
    model = args.get("model") or Unknown(span=call.span)
    found = sdk_model(model)
    if found is None:
        draft.leave_open("the model", model)
    else:
        draft.provider, draft.model = found
    if (system := args.get("system", "instructions")) is not None:
        draft.content("system", system, "the system prompt")
    draft.set_tools(args.get("tools"))
    draft.set_limit(args.get("maxOutputTokens", "maxTokens"))


def _ai_sdk_prompt(draft: Draft, args: Record) -> None:
    prompt = args.get("prompt")
    if isinstance(prompt, Text | Items):
        draft.messages(prompt, what="the prompt")
    elif prompt is not None:
        draft.leave_open("the prompt", prompt)
    draft.messages(args.get("messages"))
