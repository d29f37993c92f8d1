"""Transcripts: which files are some, and who says what in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.transcripts import is_transcript, read_transcript

CLAUDE = [
    {"type": "summary", "summary": "A talk", "leafUuid": "1"},
    {"type": "user", "message": {"role": "user", "content": "Read it"}, "uuid": "2"},
    {
        "type": "assistant",
        "message": {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm."},
                {"type": "text", "text": "Yes."},
                {"type": "tool_use", "id": "t", "name": "Read", "input": {"path": "a"}},
            ],
        },
    },
    {
        "type": "user",
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "inside"}]}],
        },
    },
]
CODEX = [
    {"timestamp": "t", "type": "session_meta", "payload": {"id": "1"}},
    {
        "timestamp": "t",
        "type": "response_item",
        "payload": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Do it"}]},
    },
    {
        "timestamp": "t",
        "type": "response_item",
        "payload": {"type": "function_call", "name": "shell", "arguments": '{"a":1}'},
    },
    {"timestamp": "t", "type": "response_item", "payload": {"type": "function_call_output", "output": "done"}},
    {"timestamp": "t", "type": "event_msg", "payload": {"type": "token_count"}},
]
CALLS = [{"function": {"name": "f", "arguments": "{}"}}]
TRAINING = [
    {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]},
    {
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
        ]
    },
]
PLAIN = [{"role": "human", "content": "a"}, {"role": "model", "parts": [{"text": "b"}]}]
MARKDOWN = "# Talk\n\n## User\none\n\n**Assistant:**\ntwo\n```\nUser:\n```\nSystem: no mark\n### 🤖 Assistant\nthree\n"


def lines(records: list[object]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "c.jsonl",
            lines([*CLAUDE]),
            [
                (1, 1, [("user", "Read it")]),
                (
                    2,
                    1,
                    [("thinking", "Hm."), ("assistant", "Yes."), ("assistant", "Read"), ("assistant", '{"path":"a"}')],
                ),
                (3, 1, [("tool", "inside")]),
            ],
        ),
        (
            "c.jsonl",
            lines([*CODEX]),
            [
                (1, 1, [("user", "Do it")]),
                (2, 1, [("assistant", "shell"), ("assistant", '{"a":1}')]),
                (3, 1, [("tool", "done")]),
            ],
        ),
        (
            "c.jsonl",
            lines([*TRAINING]),
            [(0, 2, [("system", "S"), ("user", "U")]), (1, 1, [("assistant", "f"), ("assistant", "{}")])],
        ),
        ("c.jsonl", "\r\n" + lines([*PLAIN]), [(1, 1, [("user", "a")]), (2, 1, [("assistant", "b")])]),
        (
            "c.chat.md",
            MARKDOWN,
            [
                (2, 1, [("user", "one")]),
                (5, 1, [("assistant", "two\n```\nUser:\n```\nSystem: no mark")]),
                (11, 1, [("assistant", "three")]),
            ],
        ),
    ],
    ids=["claude-code", "codex", "training", "plain", "markdown"],
)
def test_a_transcript_is_read(name: str, text: str, said: list[object]) -> None:
    assert is_transcript(name, text)
    found = [
        (each.line, each.messages, [(one.role, one.text) for one in each.said]) for each in read_transcript(name, text)
    ]
    assert found == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        '{"a": 1}\n',
        '[{"role": "user", "content": "x"}]\n',
        '{"role": "user"}\n',
        '{"role": "user", "content": "x"}\n{"a": 1}\n',
        '{"type": "push", "payload": {"ref": "main"}}\n',
        '{"event": "x", "message": "a text"}\n',
        '{"messages": ["a", "b"]}\n',
        '{"messages": []}\n',
        "not json\n",
        "[" * 100_000,
        '{"role": "user", "content": "' + "x" * 1_100_000 + '"}',
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_transcript("x.jsonl", text)


@pytest.mark.parametrize("text", ["", "# Notes\n\nuser stories\n", "```\nUser:\n```\n", "user\n"])
def test_markdown_without_speakers_is_none(text: str) -> None:
    assert not is_transcript("x.chat.md", text)


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.sampled_from(["user", "message", "tool_use", "x"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["role", "content", "messages", "message", "type", "payload", "text", "tool_calls"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ),
        max_size=4,
    )
)
def test_any_records_are_read(records: list[object]) -> None:
    for each in read_transcript("x.jsonl", lines(records)):
        assert each.said
