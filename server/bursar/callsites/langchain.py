"""LangChain: a model that is invoked, alone or behind a template, and a template by itself."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.callsites.drafts import Draft, without_fields
from bursar.callsites.providers import card_name, elsewhere
from bursar.callsites.values import Called, Items, Piped, Record, Text, Value

_MODELS = {
    "ChatOpenAI": "openai",
    "AzureChatOpenAI": "azure",
    "ChatAnthropic": "anthropic",
    "ChatGoogleGenerativeAI": "google",
    "ChatVertexAI": "google",
    "ChatBedrock": "aws",
    "ChatBedrockConverse": "aws",
    "ChatMistralAI": "mistral",
    "ChatGroq": "groq",
    "ChatXAI": "x-ai",
    "ChatDeepSeek": "deepseek",
    "ChatOllama": "",
}
_ANY_MODEL = {"init_chat_model", "initChatModel"}
_ASKING = {"invoke", "ainvoke", "stream", "astream"}
_AROUND = {
    "bind", "bind_tools", "bindTools", "with_config", "withConfig", "with_fallbacks", "with_retry", "withRetry",
    "with_structured_output", "withStructuredOutput",
}  # fmt: skip
_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens", "maxTokens")
_TEMPLATES = {"from_messages", "fromMessages", "from_template", "fromTemplate"}


_AGENTS = {"create_agent", "createAgent"}

CALLS = _ASKING | _TEMPLATES | _AGENTS | {"ChatPromptTemplate"}


@dataclass(slots=True)
class _Chain:
    template: Called | None = None
    model: Called | None = None
    agent: Called | None = None


def langchain_call(call: Called) -> Draft | None:
    """What this call asks a model, or prepares to ask; None for any other call."""
    if _is_template(call):
        draft = Draft(library="langchain", function=".".join(call.names[-2:]), is_template=True)
        _add_template(draft, call)
        return draft if draft.prompts else None
    if _is_agent(call):
        draft = Draft(library="langchain", function=call.names[-1])
        _add_agent(draft, call)
        draft.leave_open("the conversation")
        return draft
    if len(call.names) != 1 or call.names[0] not in _ASKING:
        return None
    chain = _Chain()
    _follow(call.receiver, chain, 0)
    if chain.agent is not None:
        return _asked_agent(chain.agent, call)
    if chain.model is None:
        return None
    draft = Draft(library="langchain", function=f"{chain.model.names[-1]}.{call.names[0]}")
    _add_model(draft, chain.model)
    if chain.template is not None:
        _add_template(draft, chain.template)
    else:
        said = call.args[0] if call.args else call.named.get("input")
        without_fields(draft).messages(said, what="the input")
        if said is None:
            draft.leave_open("the input")
    return draft


def _follow(value: Value | None, chain: _Chain, depth: int) -> None:
    """Find the template and the model that a value passes its input through."""
    if depth > 20:
        return
    if isinstance(value, Piped):
        for each in value.steps:
            _follow(each, chain, depth + 1)
    elif isinstance(value, Called):
        name = value.names[-1] if value.names else ""
        if _is_template(value):
            chain.template = chain.template or value
        elif _is_agent(value):
            chain.agent = chain.agent or value
        elif _is_model(value):
            chain.model = chain.model or value
        elif name == "pipe" and len(value.names) == 1:
            _follow(value.receiver, chain, depth + 1)
            _follow(value.args[0] if value.args else None, chain, depth + 1)
        elif name in _AROUND and len(value.names) == 1:
            _follow(value.receiver, chain, depth + 1)


def _is_model(call: Called) -> bool:
    name = call.names[-1] if call.names else ""
    return _is_ours(call) and (name in _MODELS or name in _ANY_MODEL)


def _is_agent(call: Called) -> bool:
    return _is_ours(call) and call.names[-1:] != () and call.names[-1] in _AGENTS


def _asked_agent(agent: Called, call: Called) -> Draft:
    """The first request of an agent where it is asked; later ones carry this and what came of it."""
    draft = Draft(library="langchain", function=f"{agent.names[-1]}.{call.names[0]}", agent=agent.span)
    _add_agent(draft, agent)
    state = call.args[0] if call.args else call.named.get("input")
    said = state.get("messages") if isinstance(state, Record) else None
    draft.messages(said, what="the messages")
    if said is None:
        draft.leave_open("the input")
    draft.leave_open("the steps after the first")
    return draft


def _add_agent(draft: Draft, call: Called) -> None:
    """The model, the system prompt and the tools that every request of an agent carries."""
    options = _options(call)
    plain = [each for each in call.args if not isinstance(each, Record)]
    model = options.get("model") or (plain[0] if plain else None)
    chain = _Chain()
    _follow(model, chain, 0)
    if chain.model is not None:
        _add_model(draft, chain.model)
    elif isinstance(model, Text) and model.whole:
        provider, colon, rest = model.whole.partition(":")
        draft.provider, draft.model = (card_name(provider), rest) if colon else ("", model.whole)
    else:
        draft.leave_open("the model", model)
    system = options.get("system_prompt", "systemPrompt")
    draft.messages(system, what="the system prompt", role="system")
    draft.set_tools(options.get("tools") or (plain[1] if len(plain) > 1 else None))
    if options.get("middleware") is not None:
        draft.leave_open("what the middleware changes")
    if options.more:
        draft.leave_open("further arguments")


def _is_template(call: Called) -> bool:
    if not _is_ours(call) or "ChatPromptTemplate" not in call.names[-2:]:
        return False
    return call.names[-1] in _TEMPLATES or call.names[-1] == "ChatPromptTemplate"


def _is_ours(call: Called) -> bool:
    return call.module is not None and call.module.startswith(("langchain", "@langchain/"))


def _options(call: Called) -> Record:
    """Keywords, or the last object that JavaScript passes."""
    objects = [each for each in call.args if isinstance(each, Record)]
    return objects[-1] if objects else call.named


def _add_model(draft: Draft, call: Called) -> None:
    options = _options(call)
    first = call.args[0] if call.args and not isinstance(call.args[0], Record) else None
    draft.set_model(options.get("model", "model_name", "modelName") or first, needed=False)
    draft.set_limit(
        options.get("max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens", "maxTokens")
    )
    draft.provider = _MODELS.get(call.names[-1], "")
    if call.names[-1] in _ANY_MODEL and draft.model is not None:
        named = options.get("model_provider", "modelProvider")
        provider, colon, rest = draft.model.partition(":")
        if isinstance(named, Text) and named.whole:
            draft.provider = card_name(named.whole)
        elif colon:
            draft.provider, draft.model = card_name(provider), rest
    if elsewhere(call):
        draft.provider = ""


def _add_template(draft: Draft, call: Called) -> None:
    # The texts of a template have fields; a text in another notation is counted as it is written.
    draft.fields = _options(call).get("template_format", "templateFormat") is None
    first = call.args[0] if call.args else call.named.get("messages", "template")
    if isinstance(first, Items | Text):
        draft.messages(first, what="the template")
    else:
        draft.leave_open("the template")
    draft.fields = False
