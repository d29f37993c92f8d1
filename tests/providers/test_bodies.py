"""What is sent: canonical bytes, cache marks on the shared prefix, every kind of block in every format."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.conversation import BrokenToolCall, Message, ModelRequest, Text, ToolCall, ToolResult, ToolSpec
from bursar.providers import make_provider
from bursar.providers.canonical import canonical_bytes, whole_text
from support.fakes import CountingIds

from .support import WIRES, FakeClock


def provider(wire: str, base_url: str = "http://127.0.0.1:1/v1"):
    return make_provider(
        name="acme", wire=wire, base_url=base_url, key=lambda: None, key_name=None, clock=FakeClock(), ids=CountingIds()
    )


TOOL = ToolSpec(
    name="read", description="Read a file", input_schema={"type": "object", "properties": {"b": {}, "a": {}}}
)


def user(*blocks):
    return Message(role="user", blocks=blocks)


def assistant(*blocks):
    return Message(role="assistant", blocks=blocks)


def made(wire: str, *messages: Message, system: str = "Rules.") -> dict:
    value = ModelRequest(model="m", system=system, tools=(TOOL,), messages=messages, max_tokens=100)
    return json.loads(provider(wire).body(value))


TURN = (
    user(Text(text="shared"), Text(text="task")),
    assistant(Text(text="I look"), ToolCall(id="t1", name="read", input={"b": 1, "a": "ä"})),
    user(ToolResult(call_id="t1", content="found", is_error=True)),
)


def test_the_anthropic_body():
    assert made("anthropic", *TURN) == {
        "model": "m",
        "max_tokens": 100,
        "stream": True,
        "system": [{"type": "text", "text": "Rules."}],
        "tools": [{"name": "read", "description": "Read a file", "input_schema": TOOL.input_schema}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "shared", "cache_control": {"type": "ephemeral"}},
                    {"type": "text", "text": "task", "cache_control": {"type": "ephemeral"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look"},
                    {"type": "tool_use", "id": "t1", "name": "read", "input": {"b": 1, "a": "ä"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [{"type": "text", "text": "found"}],
                        "is_error": True,
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
            },
        ],
    }


def test_an_opening_of_one_block_leaves_the_mark_with_the_system():
    body = made("anthropic", user(Text(text="task")))
    assert "cache_control" in body["system"][0]
    assert "cache_control" in body["messages"][0]["content"][0]
    assert marks(body) == 2


def test_the_chat_body():
    assert made("openai-chat", *TURN) == {
        "model": "m",
        "max_tokens": 100,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {"name": "read", "description": "Read a file", "parameters": TOOL.input_schema},
            }
        ],
        "messages": [
            {"role": "system", "content": "Rules."},
            {"role": "user", "content": "shared\ntask"},
            {
                "role": "assistant",
                "content": "I look",
                "tool_calls": [
                    {"id": "t1", "type": "function", "function": {"name": "read", "arguments": '{"a":"ä","b":1}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "error: found"},
        ],
    }


def test_the_responses_body():
    body = made("openai-responses", *TURN)
    key = body.pop("prompt_cache_key")
    assert body == {
        "model": "m",
        "max_output_tokens": 100,
        "stream": True,
        "background": True,
        "store": True,
        "instructions": "Rules.",
        "tools": [
            {
                "type": "function",
                "name": "read",
                "description": "Read a file",
                "parameters": TOOL.input_schema,
                "strict": False,
            }
        ],
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "shared"}, {"type": "input_text", "text": "task"}],
            },
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look"}]},
            {"type": "function_call", "call_id": "t1", "name": "read", "arguments": '{"a":"ä","b":1}'},
            {"type": "function_call_output", "call_id": "t1", "output": "error: found"},
        ],
    }
    assert 0 < len(key) <= 64


def test_the_cache_key_is_the_same_for_what_begins_the_same_and_no_other():
    def key(*messages, **more):
        return made("openai-responses", *messages, **more)["prompt_cache_key"]

    opening = TURN[0]
    assert key(opening) == key(*TURN) == key(user(Text(text="shared"), Text(text="another task")))
    assert len({key(opening), key(user(Text(text="other"))), key(opening, system="Other rules.")}) == 3


def test_a_turn_keeps_its_items_however_it_goes_on():
    longer = [*TURN, assistant(ToolCall(id="t2", name="b c", input={})), user(ToolResult(call_id="t2", content=" "))]
    before, after = made("openai-responses", *TURN)["input"], made("openai-responses", *longer)["input"]
    assert after[: len(before)] == before
    assert [each.get("name", each.get("output")) for each in after[len(before) :]] == ["b_c", "(no output)"]


def test_the_vendors_own_host_gets_the_newer_name_of_the_limit():
    value = ModelRequest(model="m", system="", tools=(), messages=(user(Text(text="x")),), max_tokens=5)
    body = json.loads(provider("openai-chat", "https://api.openai.com/v1").body(value))
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    assert "tools" not in body


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
def test_openai_itself_is_asked_for_the_service_that_the_price_is_of(wire):
    value = ModelRequest(model="m", system="", tools=(), messages=(user(Text(text="x")),), max_tokens=5)
    assert json.loads(provider(wire, "https://api.openai.com/v1").body(value))["service_tier"] == "default"
    assert "service_tier" not in json.loads(provider(wire, "https://example.com/v1").body(value))


VENDOR = "https://api.openai.com/v1"


def at_vendors(wire: str, *messages: Message, model: str = "gpt-6-sol", base_url: str = VENDOR, once: bool = False):
    value = ModelRequest(
        model=model, system="Rules.", tools=(TOOL,), messages=messages or TURN, max_tokens=100, once=once
    )
    made = provider(wire, base_url)
    return made, made.body(value)


def marked(body: bytes) -> list[str]:
    """The texts behind which a prefix is marked as kept."""
    found: list[str] = []

    def look(value):
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            look(each)
        if isinstance(value, dict) and "prompt_cache_breakpoint" in value:
            assert value["prompt_cache_breakpoint"] == {"mode": "explicit"}
            found.append(value["text"])

    look(json.loads(body))
    return found


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
def test_what_runs_share_is_marked_where_a_prefix_is_found_at_marks_alone(wire):
    _, body = at_vendors(wire)
    assert marked(body) == ["shared"]
    assert marked(at_vendors(wire, user(Text(text="all of it")))[1]) == [], "nothing is shared"
    assert marked(at_vendors(wire, once=True)[1]) == []
    assert marked(at_vendors(wire, model="gpt-5")[1]) == [], "any prefix is found"
    assert marked(at_vendors(wire, base_url="https://example.com/v1")[1]) == [], "which may not know the field"


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
def test_the_mark_and_the_key_change_nothing_that_is_read_or_counted(wire):
    with_mark, body = at_vendors(wire)
    without, plain = at_vendors(wire, base_url="https://example.com/v1")
    assert with_mark.prompt_text(body) == without.prompt_text(plain)
    key = json.loads(body)["prompt_cache_key"]
    other = (user(Text(text="shared"), Text(text="another task")),)
    assert key == json.loads(at_vendors(wire, *other)[1])["prompt_cache_key"]
    assert key != json.loads(at_vendors(wire, user(Text(text="x"), Text(text="task")))[1])["prompt_cache_key"]
    assert ("prompt_cache_key" in json.loads(plain)) is (wire == "openai-responses")


@pytest.mark.parametrize("wire", WIRES)
def test_a_broken_call_goes_back_as_a_valid_one_with_its_result(wire):
    broken = BrokenToolCall(id="t1", name="read", raw_input='{"a":', why="cut")
    body = made(wire, user(Text(text="x")), assistant(broken), user(ToolResult(call_id="t1", content="cut")))
    if wire == "openai-responses":
        call, result = body["input"][1:]
        assert call == {"type": "function_call", "call_id": "t1", "name": "read", "arguments": "{}"}
        assert result == {"type": "function_call_output", "call_id": "t1", "output": "cut"}
    elif wire == "anthropic":
        assert body["messages"][1]["content"] == [{"type": "tool_use", "id": "t1", "name": "read", "input": {}}]
    else:
        (call,) = body["messages"][2]["tool_calls"]
        assert call["function"] == {"name": "read", "arguments": "{}"}
        assert body["messages"][2]["content"] is None


def test_anthropic_accepts_what_it_would_refuse_as_it_came():
    call, result = ToolCall(id="a b.c", name="", input={}), ToolResult(call_id="a b.c", content="  ")
    body = made("anthropic", user(Text(text=" ")), assistant(Text(text=""), call), user(Text(text="and"), result))
    contents = [each["content"] for each in body["messages"]]
    assert contents[0][0]["text"] == "(empty)"
    assert contents[1] == [{"type": "tool_use", "id": "a_b_c", "name": "unknown_tool", "input": {}}]
    assert [each["type"] for each in contents[2]] == ["tool_result", "text"]
    assert contents[2][0]["tool_use_id"] == "a_b_c"
    assert contents[2][0]["content"] == [{"type": "text", "text": "(no output)"}]


def without_marks(body: dict) -> dict:
    return json.loads(json.dumps(body), object_hook=lambda o: {k: v for k, v in o.items() if k != "cache_control"})


def marks(body: dict) -> int:
    return json.dumps(body).count("cache_control")


def turn(n: int, calls: int) -> tuple[Message, Message]:
    ids = [f"t{n}_{i}" for i in range(calls)]
    return (
        assistant(*(ToolCall(id=each, name="read", input={}) for each in ids)),
        user(*(ToolResult(call_id=each, content="x") for each in ids)),
    )


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5))
def test_marks_move_and_the_prefix_stays_and_no_turn_is_out_of_reach(sizes):
    messages = [user(Text(text="shared"), Text(text="task"))]
    before = made("anthropic", *messages)
    assert marks(before) == 2
    for number, calls in enumerate(sizes):
        messages += turn(number, calls)
        after = made("anthropic", *messages)
        assert marks(after) <= 4
        assert without_marks(after)["messages"][: len(before["messages"])] == without_marks(before)["messages"]
        # Where the last request ended, the provider has an entry: within 20 blocks before some mark it must be seen.
        blocks = [block for each in after["messages"] for block in each["content"]]
        ended = sum(len(each["content"]) for each in before["messages"]) - 1
        assert any("cache_control" in block and 0 <= at - ended < 20 for at, block in enumerate(blocks))
        before = after


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_the_same_value_gives_the_same_bytes_whatever_the_order_of_its_keys(value):
    def turned(part):
        if isinstance(part, dict):
            return {key: turned(part[key]) for key in reversed(part)}
        return [turned(each) for each in part] if isinstance(part, list) else part

    assert canonical_bytes(value) == canonical_bytes(turned(value))
    assert json.loads(canonical_bytes(value)) == value


def test_canonical_bytes_are_these_bytes():
    assert canonical_bytes({"b": [1, None, True], "a": "ä\n\u2028"}) == '{"a":"ä\\n\u2028","b":[1,null,true]}'.encode()
    assert canonical_bytes(["\ud800x", "\ud83d\ude00"]) == '["\ufffdx","\U0001f600"]'.encode()
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_bytes({"a": float("nan")})


@given(st.text())
def test_text_without_lone_surrogates_stays_as_it_is(text):
    assert whole_text(text) == text


@pytest.mark.parametrize("wire", WIRES)
def test_the_counted_text_is_what_the_model_reads(wire):
    one = provider(wire)
    value = ModelRequest(model="m-name", system="Rules.", tools=(TOOL,), messages=TURN, max_tokens=100)
    text = one.prompt_text(one.body(value))
    for part in ("Rules.", "Read a file", "properties", "shared", "task", "I look", '{"a":"ä","b":1}', "found"):
        assert part in text
    for part in ("m-name", "cache_control", "stream"):
        assert part not in text
    assert one.prompt_text(b"no body") == ""
