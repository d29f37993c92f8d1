"""Calls of models in source code: a lens with what one call costs, a hint behind each prompt, a card with the parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bursar.domain.call_costs import CountedCall, input_cost, longest_answer_cost, most_cost
from bursar.domain.callsites import Prompt
from bursar.domain.money.price import Cost, Unpriced, cost_of
from bursar.domain.money.usage import Usage
from bursar.views.annotations import Card, Hint, Lens
from bursar.views.figures import count, money, money_at_least, plural
from bursar.views.placed import Placed, SizeHint

_ROLE_WORDS = {"": "unknown role", "tools": "tool definitions"}
_TITLE_CHARS = 50
_FRAMING = "The few tokens by which a vendor frames each message are not in it."


def place_calls(calls: Sequence[CountedCall], *, encoding: str) -> Placed:
    """Everything that is shown on the calls of a text."""
    return Placed(
        lenses=tuple(_lens(each, encoding) for each in calls if _says_something(each)),
        hints=tuple(_hints(calls, encoding)),
        cards=tuple(_cards(calls, encoding)),
    )


def call_title(call: CountedCall) -> str:
    """``412 tokens · $0.001 · ≤ $0.013 with 1,024 output tokens``, as far as the text says it."""
    about = "about " if _is_estimated(call) else ""
    least = "" if call.is_whole else "at least "
    parts = [f"{least}{about}{plural(call.input_tokens, 'token')}"]
    cost = input_cost(call)
    if not call.input_tokens and not call.is_whole:
        parts = ["no literal prompt"]
    if cost is None:
        parts.append("model not literal" if "the model" in call.site.open_parts else "no model named")
    elif isinstance(cost, Unpriced):
        parts.append(f"no price known for {cost.model}")
    else:
        parts += [least + about + money(cost.pico)] if call.input_tokens else []
        parts += _limit(call)
    return " · ".join(parts)


def provenance(call: CountedCall, encoding: str) -> str:
    """Where the figures of a call come from, and what they leave out, in sentences."""
    said = ["No prompt of this call stands in the text, so nothing of it is counted."]
    if call.site.prompts:
        said = [f"{plural(call.counted_tokens, 'token')} in the literal prompts, counted under {encoding}."]
    if call.estimate is not None and _is_estimated(call):
        said.append(
            f"{call.estimate.model} makes about {count(call.estimate.tokens)} of it "
            f"({count(call.estimate.low)} to {count(call.estimate.high)}): {call.estimate.provenance}."
        )
    elif call.estimate is not None and call.estimate.tokens != call.counted_tokens:
        said.append(f"{call.estimate.model} makes {count(call.estimate.tokens)} of it: {call.estimate.provenance}.")
    elif call.estimate is None and call.site.model is not None and call.site.prompts:
        said.append(f"Nothing is known of how {call.site.model} counts.")
    said.append(_FRAMING)
    cost = input_cost(call)
    if isinstance(cost, Cost):
        rates = f"${cost.rates.input.normalize():f} per million input tokens, ${cost.rates.output.normalize():f} output"
        said.append(f"{_model(call)}: {rates} ({cost.rate_card}), nothing cached.")
        if call.is_whole and call.site.max_output_tokens is not None:
            said.append(f"The bound holds for up to {plural(call.most_input_tokens, 'input token')}.")
    elif isinstance(cost, Unpriced):
        why = cost.why.partition(": ")[0]
        said.append(f'{why[:1].upper()}{why[1:]}: give it in a price file that the setting "prices" names.')
    holes = sum(each.holes for each in call.site.prompts)
    if holes:
        said.append(f"{plural(holes, 'value')} put in at run time {'is' if holes == 1 else 'are'} not counted.")
    if call.site.not_literal:
        said.append(f"Not literal: {', '.join(call.site.not_literal)}.")
    return " ".join(said)


def _says_something(call: CountedCall) -> bool:
    """Whether there is any figure of this call; a template is asked elsewhere."""
    return not call.site.is_template and (call.counted_tokens > 0 or call.site.model is not None)


def _lens(call: CountedCall, encoding: str) -> Lens:
    return Lens(line=call.site.line, title=call_title(call), tooltip=provenance(call, encoding))


def _limit(call: CountedCall) -> list[str]:
    limit = call.site.max_output_tokens
    if limit is None:
        return []
    if call.is_whole:
        most = most_cost(call)
        return [f"≤ {money_at_least(most.pico)} with {plural(limit, 'output token')}"] if isinstance(most, Cost) else []
    answer = longest_answer_cost(call)
    return [f"answer ≤ {money_at_least(answer.pico)} for {plural(limit, 'token')}"] if isinstance(answer, Cost) else []


def _hints(calls: Sequence[CountedCall], encoding: str) -> Iterable[SizeHint]:
    """One behind each prompt, also where several calls send it."""
    seen: dict[tuple[int, int], tuple[Prompt, int, int]] = {}
    for call in calls:
        for prompt, tokens in zip(call.site.prompts, call.tokens, strict=True):
            place = prompt.end_line, prompt.end_character
            _, most, times = seen.get(place, (prompt, 0, 0))
            seen[place] = prompt, max(most, tokens), times + 1
    for (line, character), (prompt, tokens, times) in sorted(seen.items(), key=lambda each: each[0]):
        label = plural(tokens, "token") + (f" + {plural(prompt.holes, 'value')}" if prompt.holes else "")
        where = f", sent by {times} calls" if times > 1 else ""
        tooltip = f"{_role(prompt)}: {plural(tokens, 'token')} of literal text, counted under {encoding}{where}"
        yield SizeHint(tokens=tokens, hint=Hint(line=line, character=character, label=label, tooltip=tooltip))


def _cards(calls: Sequence[CountedCall], encoding: str) -> Iterable[Card]:
    for call in calls:
        table = _table(call) if call.site.prompts else f"**{_model(call)}**: no literal prompt"
        markdown = table + "\n\n" + provenance(call, encoding)
        yield _card(call.site.line, call.site.character, call.site.end_line, call.site.end_character, markdown)
        for prompt, tokens in zip(call.site.prompts, call.tokens, strict=True):
            if not (call.site.line <= prompt.line <= call.site.end_line):
                said = (
                    f"{_role(prompt)} of `{call.site.function}` in line {call.site.line + 1}: {plural(tokens, 'token')}"
                )
                markdown = f"{said} of literal text, counted under {encoding}."
                yield _card(prompt.line, prompt.character, prompt.end_line, prompt.end_character, markdown)


def _card(line: int, character: int, end_line: int, end_character: int, markdown: str) -> Card:
    if line == end_line:
        return Card(line=line, end_line=line + 1, character=character, end_character=end_character, markdown=markdown)
    return Card(line=line, end_line=end_line + 1, markdown=markdown)


def _table(call: CountedCall) -> str:
    """Role, beginning, tokens and money of every prompt."""
    priced = isinstance(input_cost(call), Cost)
    rows = [
        f"| {_model(call)} | | tokens |" + (" uncached |" if priced else ""),
        "|:--|:--|--:|" + ("--:|" if priced else ""),
    ]
    for prompt, tokens in zip(call.site.prompts, call.tokens, strict=True):
        figures = f"{count(tokens)} |" + (f" {_share(call, tokens)} |" if priced else "")
        rows.append(f"| {_role(prompt)} | {_beginning(prompt)} | {figures}")
    together = f"**{count(call.counted_tokens)}** |"
    cost = input_cost(call)
    if isinstance(cost, Cost):
        together += f" **{money(cost.pico)}** |"
    rows.append(f"| **{'together' if call.is_whole else 'at least'}** | | {together}")
    return "\n".join(rows)


def _share(call: CountedCall, tokens: int) -> str:
    """What a prompt costs at the call's rates; by its share of our count where the vendor's is an estimate."""
    if call.price is None or not call.counted_tokens:
        return ""
    whole = cost_of(Usage(uncached_input=call.input_tokens), call.price)
    return "" if isinstance(whole, Unpriced) else money(whole.pico * tokens // call.counted_tokens)


def _role(prompt: Prompt) -> str:
    return _ROLE_WORDS.get(prompt.role, prompt.role)


def _beginning(prompt: Prompt) -> str:
    text = " ".join("…".join(prompt.pieces).split())
    text = text if len(text) <= _TITLE_CHARS else text[: _TITLE_CHARS - 1].rstrip() + "…"
    return _cell(text)


def _model(call: CountedCall) -> str:
    if call.site.model is None:
        return "no literal model"
    name = f"{call.site.provider}/{call.site.model}" if call.site.provider else call.site.model
    return _cell(name)


def _cell(text: str) -> str:
    """Words in a table: nothing of them may end the cell or the row, or be a link, a picture or markup."""
    for each in "\\`*_[]<>|":
        text = text.replace(each, f"\\{each}")
    return text


def _is_estimated(call: CountedCall) -> bool:
    return call.estimate is not None and call.estimate.low != call.estimate.high
