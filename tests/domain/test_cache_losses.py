"""Why a prompt cache was lost: any byte of any part changed, the time, the marks; what the loss cost, by hand."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.context.blocks import changed_document, prompt_of
from bursar.domain.context.losses import LEAST_TOKENS, Loss, Sent, loss_between, lost_pico, rates_of
from bursar.domain.context.rules import SAFE, rules_for
from bursar.domain.money.price import Rates
from bursar.domain.money.usage import Usage

CLAUDE, GPT = "claude-sonnet-5-5", "gpt-6-sol"
MARK = {"type": "ephemeral"}
DOCUMENTS = (
    '<document path="AGENTS.md">\nUse tabs.\n</document>\n\n<document path="design.md">\nTwo parts.\n</document>'
)
KEPT = Usage(uncached_input=0, cache_read=18_000, cache_write_5m=2_000, output=50)
NOTHING_READ = Usage(cache_write_5m=21_000, output=50)
RATES = Rates(
    input=Decimal(2),
    output=Decimal(10),
    cache_read=Decimal("0.1"),
    cache_write_5m=Decimal("2.5"),
    cache_write_1h=Decimal(4),
)


def text(words: str, *, mark: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": words} | ({"cache_control": MARK} if mark else {})


def conversation(turns: int = 3, *, results: int = 1) -> dict[str, Any]:
    """A body as agents send it: marked at the end of what is shared, of the opening, and at its own end."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [text(DOCUMENTS, mark=True), text("Current task: add rates", mark=True)]}
    ]
    for n in range(turns):
        calls = [{"type": "tool_use", "id": f"c{n}_{i}", "name": "read", "input": {"n": i}} for i in range(results)]
        messages.append({"role": "assistant", "content": [text(f"Looking {n}"), *calls]})
        answers = [
            {"type": "tool_result", "tool_use_id": f"c{n}_{i}", "content": [text(f"line {i} of {n}")]}
            for i in range(results)
        ]
        messages.append({"role": "user", "content": answers})
    messages[-1]["content"][-1]["cache_control"] = MARK
    return {
        "model": CLAUDE,
        "max_tokens": 100,
        "stream": True,
        "system": [text("Work in small steps.")],
        "tools": [{"name": "read", "description": "Reads", "input_schema": {"type": "object"}}, {"name": "write"}],
        "messages": messages,
    }


def sent(body: dict[str, Any] | None, usage: Usage = KEPT, at_s: float = 0) -> Sent:
    model = str((body or {}).get("model", CLAUDE))
    return Sent(model=model, body=None if body is None else json.dumps(body).encode(), at_s=at_s, usage=usage)


def between(
    later: dict[str, Any] | None,
    earlier: dict[str, Any] | None = None,
    *,
    after_s: float = 10,
    usage: Usage = NOTHING_READ,
    kept: Usage = KEPT,
    goes_on: bool = True,
) -> Loss | None:
    first = sent(conversation(3) if earlier is None else earlier, kept)
    return loss_between(first, sent(later, usage, after_s), rules_for(first.model), goes_on=goes_on)


def cause(later: dict[str, Any], **how: Any) -> str:
    found = between(later, **how)
    return "" if found is None else found.cause


def mutated(words: str, at: int) -> str:
    """The text with one character changed."""
    at %= len(words)
    return words[:at] + ("y" if words[at] == "x" else "x") + words[at + 1 :]


PLACES: dict[str, tuple[tuple[Any, ...], str]] = {
    "a tool's description": (("tools", 0, "description"), "tools"),
    "a tool's name": (("tools", 1, "name"), "tools"),
    "the system text": (("system", 0, "text"), "system"),
    "the task": (("messages", 0, "content", 1, "text"), "message"),
    "an answer": (("messages", 3, "content", 0, "text"), "message"),
    "a call": (("messages", 1, "content", 1, "id"), "message"),
    "a result": (("messages", 4, "content", 0, "content", 0, "text"), "message"),
    "the last result": (("messages", 6, "content", 0, "content", 0, "text"), "message"),
}


@given(place=st.sampled_from(sorted(PLACES)), at=st.integers(0, 200))
def test_one_changed_byte_of_any_part_is_named_by_its_part(place: str, at: int) -> None:
    path, expected = PLACES[place]
    later = conversation(4)
    holder: Any = later
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = mutated(holder[path[-1]], at)
    found = between(later)
    assert found is not None
    assert (found.cause, found.tokens) == (expected, 20_000)
    if expected == "message":
        assert found.part == f"turn {path[1] + 1}"


@given(document=st.sampled_from(["Use tabs.", "Two parts."]), at=st.integers(0, 50))
def test_one_changed_byte_of_a_document_names_the_document(document: str, at: int) -> None:
    later = conversation(4)
    block = later["messages"][0]["content"][0]
    block["text"] = block["text"].replace(document, mutated(document, at))
    found = between(later)
    assert found is not None
    path = "AGENTS.md" if document == "Use tabs." else "design.md"
    assert (found.cause, found.path, found.what) == ("document", path, "edited")


@given(
    field=st.sampled_from(["thinking", "tool_choice", "output_config", "temperature", "speed"]),
    value=st.one_of(st.none(), st.integers(), st.text(max_size=5), st.dictionaries(st.text(max_size=3), st.integers())),
)
def test_any_option_is_named(field: str, value: Any) -> None:
    found = between(conversation(4) | {field: value})
    assert found is not None
    assert (found.cause, found.part) == ("options", field)


@given(bound=st.integers(1, 9_000), stream=st.booleans())
def test_what_no_cache_minds_is_no_cause(bound: int, stream: bool) -> None:
    later = conversation(4) | {"max_tokens": bound, "stream": stream, "metadata": {"user_id": str(bound)}}
    assert cause(later) == "evicted"


def test_other_shapes_of_change_are_told_apart() -> None:
    one_tool = conversation(4)
    one_tool["tools"] = one_tool["tools"][:1]
    more_tools = conversation(4)
    more_tools["tools"].append({"name": "third"})
    order = conversation(4)
    order["tools"].reverse()
    keys = conversation(4)
    keys["tools"][0] = dict(reversed(keys["tools"][0].items()))
    no_system = conversation(4)
    del no_system["system"]
    assert [cause(each) for each in (one_tool, more_tools, order, keys, no_system)] == ["tools"] * 4 + ["system"]
    without = conversation(3)
    del without["system"]
    assert cause(conversation(4), earlier=without) == "system"
    cut = conversation(4)
    del cut["messages"][1:3]
    assert cause(cut) == "message"
    assert cause(conversation(1)) == "message"  # all behind the first turn was dropped
    assert cause(conversation(4) | {"model": "claude-opus-5-5"}) == "model"


def test_what_comes_first_in_the_cache_is_the_cause() -> None:
    later = conversation(4) | {"thinking": {"type": "enabled"}}
    later["messages"][3]["content"][0]["text"] = "Otherwise"
    assert cause(later) == "options"
    later["system"][0]["text"] = "Otherwise"
    assert cause(later) == "system"
    later["tools"][0]["name"] = "otherwise"
    assert cause(later) == "tools"
    later["model"] = "claude-opus-5"
    assert cause(later) == "model"


def test_time_is_the_cause_only_where_the_life_was_over() -> None:
    assert cause(conversation(4), after_s=299) == "evicted"
    assert cause(conversation(4), after_s=300) == "expired"
    changed = conversation(4)
    changed["system"][0]["text"] = "Otherwise"
    assert cause(changed, after_s=300) == "expired"  # it was gone whatever had changed
    part_read = Usage(cache_read=2_000, cache_write_5m=19_000)
    assert cause(changed, after_s=300, usage=part_read) == "system"  # somebody else kept it alive
    hour = conversation(3)
    hour["messages"][-1]["content"][-1]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    assert cause(conversation(4), earlier=hour, after_s=3_599) == "evicted"
    assert cause(conversation(4), earlier=hour, after_s=3_600) == "expired"


def with_a_turn_of(results: int) -> dict[str, Any]:
    """The conversation with one more turn, marked at its end alone."""
    body = conversation(3)
    del body["messages"][-1]["content"][-1]["cache_control"]
    body["messages"] += json.loads(json.dumps(conversation(1, results=results)["messages"][1:]).replace("c0_", "c9_"))
    return body


@pytest.mark.parametrize(("results", "expected"), [(9, "evicted"), (10, "lookback"), (40, "lookback")])
def test_a_turn_of_many_blocks_outruns_the_lookback(results: int, expected: str) -> None:
    # Behind the last mark: one block of text and a call each, then a result each; the 20th before the mark is the last
    # that is looked at, the marked one counted.
    later = with_a_turn_of(results)
    found = between(later)
    assert found is not None
    assert found.cause == expected
    if expected == "lookback":
        assert found.blocks == 1 + 2 * results


def test_a_mark_on_the_way_brings_it_within_reach() -> None:
    later = with_a_turn_of(40)
    later["messages"][-3]["content"][-1]["cache_control"] = MARK
    assert cause(later) == "evicted"


def test_too_short_a_prompt_is_said_and_one_without_marks_is_not() -> None:
    short = Usage(uncached_input=900, output=20)
    found = between(conversation(4), kept=short, usage=Usage(uncached_input=950, output=20))
    assert found is not None
    assert (found.cause, found.tokens) == ("too_short", 900)
    plain = json.loads(json.dumps(conversation(3)).replace(', "cache_control": {"type": "ephemeral"}', ""))
    assert not (prompt_of(json.dumps(plain).encode()) or pytest.fail("no prompt")).marks
    assert between(conversation(4), plain, kept=short, usage=Usage(uncached_input=950)) is None


def test_nothing_is_lost_where_it_was_read_or_hardly_any() -> None:
    assert between(conversation(4), usage=Usage(cache_read=20_000, cache_write_5m=900)) is None
    assert between(conversation(4), usage=Usage(cache_read=20_001 - LEAST_TOKENS, cache_write_5m=900)) is None
    found = between(conversation(4), usage=Usage(cache_read=20_000 - LEAST_TOKENS, cache_write_5m=900))
    assert found is not None
    assert found.tokens == LEAST_TOKENS


def test_without_marks_all_whole_steps_should_be_read() -> None:
    earlier = {"model": GPT, "messages": [{"role": "user", "content": "one"}]}
    later = {"model": GPT, "messages": [*earlier["messages"], {"role": "assistant", "content": "two"}]}  # type: ignore[misc]
    kept, read = Usage(uncached_input=20_003), Usage(uncached_input=500, cache_read=19_968)
    assert between(later, earlier, kept=kept, usage=read) is None
    changed = copy.deepcopy(later)
    changed["messages"][0]["content"] = "other"  # type: ignore[index]
    found = between(changed, earlier, kept=kept, usage=Usage(uncached_input=21_000))
    assert found is not None
    assert (found.cause, found.tokens, found.part) == ("message", 19_968, "turn 1")
    assert cause(later, earlier=earlier, kept=kept, usage=Usage(uncached_input=21_000), after_s=1_800) == "expired"


def test_of_a_model_that_is_not_known_only_its_own_figures_count() -> None:
    earlier, later = ({**conversation(n), "model": "own-model"} for n in (3, 4))
    silent = Usage(uncached_input=20_000)
    assert rules_for("own-model") is SAFE
    assert between(later, earlier, kept=silent, usage=silent) is None
    assert cause(later, earlier=earlier) == "evicted"


def test_what_was_erased_is_counted_and_not_explained() -> None:
    found = loss_between(sent(None), sent(conversation(4), NOTHING_READ, 10), rules_for(CLAUDE))
    assert found == Loss(cause="erased", tokens=20_000, waited_s=10)


def test_two_tasks_share_their_beginning() -> None:
    def begins(documents: str = DOCUMENTS, task: str = "other") -> dict[str, Any]:
        body = conversation(1)
        body["messages"] = [{"role": "user", "content": [text(documents, mark=True), text(task, mark=True)]}]
        return body

    big = DOCUMENTS.replace("Use tabs.", "Use tabs. " * 5_000)
    earlier = conversation(3)
    earlier["messages"][0]["content"][0]["text"] = big
    nothing = Usage(cache_write_5m=19_000)
    edited = between(begins(big.replace("parts", "pieces")), earlier, usage=nothing, goes_on=False)
    assert edited is not None
    assert (edited.cause, edited.path, edited.estimated) == ("document", "design.md", True)
    assert 19_000 < edited.tokens < 20_000
    same = {"earlier": earlier, "goes_on": False}
    assert cause(begins(big), usage=nothing, **same) == "evicted"
    assert between(begins(big), earlier, usage=Usage(cache_read=19_000), goes_on=False) is None
    # Where nothing was kept of the other one, by a server without a cache for instance, nothing is missing.
    without = Usage(uncached_input=20_000)
    assert between(begins(big), earlier, kept=without, usage=Usage(uncached_input=19_000), goes_on=False) is None
    own = {"model": "own-model"}
    assert between(begins(big) | own, earlier | own, kept=without, usage=without, goes_on=False) is None
    # Nor where the beginning alone, or nearly, is too short to be kept.
    few = Usage(cache_write_5m=1_200)
    assert between(begins(big), earlier, kept=few, usage=few, goes_on=False) is None
    # A task that is begun later, or with another model, is begun cold: nothing was done wrong.
    assert between(begins(big), earlier, usage=nothing, after_s=301, goes_on=False) is None
    assert between(begins(big) | {"model": "claude-opus-5"}, earlier, usage=nothing, goes_on=False) is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (["a", "b"], ["a", "b"], None),
        (["a", "b"], ["a", "c", "b"], ("c", "added")),
        (["a", "b"], ["b"], ("a", "removed")),
        (["a", "b"], ["a"], ("b", "removed")),
        (["a", "b"], ["b", "a"], ("b", "moved")),
        ([], ["a"], ("a", "added")),
        ([], [], None),
    ],
)
def test_what_became_of_a_document(before: list[str], after: list[str], expected: tuple[str, str] | None) -> None:
    def joined(paths: list[str]) -> str:
        return "\n\n".join(f'<document path="{each}">\ntext of {each}\n</document>' for each in paths)

    assert changed_document(joined(before), joined(after)) == expected


def test_the_money_is_what_was_paid_above_a_read() -> None:
    # 1,000 at one-hour writes, 3,000 at five-minute writes, 1,000 plain, all less a read, per million: in pico-dollars.
    usage = Usage(uncached_input=1_500, cache_write_5m=3_000, cache_write_1h=1_000)
    expected = (1_000 * 4_000_000 + 3_000 * 2_500_000 + 1_000 * 2_000_000) - 5_000 * 100_000
    assert lost_pico(5_000, usage, RATES) == expected
    # Of what was not sent at all nothing was paid.
    assert lost_pico(50_000, Usage(uncached_input=10, cache_read=5), RATES) == 10 * 1_900_000


def test_rates_are_read_as_the_ledger_keeps_them() -> None:
    assert rates_of(json.dumps(RATES.as_dict())) == RATES
    assert [rates_of(each) for each in (None, "", "{", "{}", "[]", '{"input": "x"}')] == [None] * 6


@given(
    st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["tools", "system", "messages", "content", "role", "text", "cache_control", "model"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_give_a_prompt_or_none(body: bytes) -> None:
    prompt = prompt_of(body)
    assert prompt is None or all(each.text for each in prompt.blocks)
    later = Sent(model=CLAUDE, body=body, at_s=1, usage=NOTHING_READ)
    found = loss_between(sent(conversation(3)), later, rules_for(CLAUDE))
    assert found is not None
