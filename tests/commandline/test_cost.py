"""``bursar cost`` as a command: what it prints for people, and bad input, each with one sentence and exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bursar.cli import run_command_line
from support.program import User

from .test_schemas import fits

FIXTURES = Path(__file__).parents[1] / "fixtures" / "responses"
PRICES = FIXTURES / "prices.json"


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    return tmp_path / "answer"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path / "home"))


def message(usage: Any, **more: Any) -> dict[str, Any]:
    whole = {"type": "message", "model": "claude-fix", "content": [{"type": "text", "text": "one"}]}
    return {**whole, "stop_reason": "end_turn", "usage": usage, **more}


def completion(usage: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "one"}, "finish_reason": "stop"}
    return {"object": "chat.completion", "model": "gpt-fix", "choices": [choice], "usage": usage}


def test_buckets_times_prices_for_people(user: User) -> None:
    done = user.do("cost", FIXTURES / "anthropic" / "write-both-lifetimes.json", "--prices", PRICES)
    assert done.code == 0, done.err
    lines = [" ".join(each.split()) for each in done.out.splitlines()]
    assert lines == [
        "claude-fix (anthropic)",
        "uncached input 10 x $ 3 per million = $0.00003",
        "cache read 500 x $ 0.3 per million = $0.00015",
        "cache write, 5 min 1,000 x $ 3.75 per million = $0.00375",
        "cache write, 1 h 3,000 x $ 6 per million = $0.018",
        "output 50 x $ 15 per million = $0.00075",
        "sum 4,560 = $0.02268",
        "price: override prices.json",
        "billed: the answer came to its end, and these are the provider's own figures",
    ]


def test_json_and_standard_input(user: User) -> None:
    said = user.do("cost", "-", "--json", "--prices", PRICES, stdin=json.dumps(completion({"prompt_tokens": 1})))
    assert (said.code, said.out) == (2, "")
    assert "the usage in standard input cannot be: usage.completion_tokens is missing" in said.err
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    said = user.do("cost", "-", "--json", "--prices", PRICES, stdin=json.dumps(completion(usage)))
    fits("cost", said.json())
    assert said.json()["cost_usd"] == "0.000028"


def test_the_card_prices_without_a_file_and_by_the_time(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer.write_text(json.dumps({**completion({"prompt_tokens": 1000000, "completion_tokens": 0}), "model": "o3"}))
    costs = []
    for at in ("2025-01-15T00:00:00Z", "2026-11-01T00:00:00Z"):
        assert run_command_line(["cost", str(answer), "--json", "--at", at]) == 0
        said = json.loads(capsys.readouterr().out)
        costs.append(said["cost_usd"])
        assert said["rate_card"].startswith("genai-prices ")
    assert costs == ["10.00001", "2.000002"] or costs == ["10.00004", "2.000008"]


NUMBERS = {
    "negative": (-5, "is -5, which is negative"),
    "NaN": (float("nan"), "is nan, which is no whole number"),
    "infinite": (float("inf"), "is inf, which is no whole number"),
    "a float": (1.5, "is 1.5, which is no whole number"),
    "a whole float": (7.0, "is 7.0, which is no whole number"),
    "text": ("12", "is '12', which is no whole number"),
    "true": (True, "is True, which is no whole number"),
    "a list": ([1], "is list, which is no whole number"),
    "absurd": (10**10, "is 10000000000, which no answer can have"),
    "gigantic": (10**400, "(401 characters), which no answer can have"),
}


@pytest.mark.parametrize(("value", "said"), NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("usage.input_tokens", lambda value: message({"input_tokens": value, "output_tokens": 1})),
        ("usage.output_tokens", lambda value: message({"input_tokens": 1, "output_tokens": value})),
        (
            "usage.cache_creation.ephemeral_1h_input_tokens",
            lambda value: message(
                {"input_tokens": 1, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": value}}
            ),
        ),
        ("usage.prompt_tokens", lambda value: completion({"prompt_tokens": value, "completion_tokens": 1})),
        (
            "usage.prompt_tokens_details.cached_tokens",
            lambda value: completion(
                {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": value}}
            ),
        ),
    ],
)
def test_impossible_figures_are_named(
    field: str, make: Any, value: Any, said: str, answer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer.write_text(json.dumps(make(value)), encoding="utf-8")
    assert run_command_line(["cost", str(answer), "--json", "--prices", str(PRICES)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert field in shown.err
    assert said in shown.err


WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "words": (b"hello\n", "is no recorded answer: neither JSON nor JSON lines nor server-sent events"),
    "torn JSON": (b'{"type":"message","content":[', "neither JSON nor JSON lines (line 1 is no JSON object)"),
    "not UTF-8": (b'{"type":"message","content":"\xff\xfe"}', "is not UTF-8 (byte 29)"),
    "another thing": (b'{"hello": 1}', "cannot be told: it was compared with anthropic, openai-chat, "),
    "a list": (b"[1, 2]", "cannot be told"),
    "an error": (b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}', "is an error of the"),
    "a stream that is an error": (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n',
        "is an error of the provider and no answer (busy)",
    ),
    "deep": (b"[" * 100_000, "is no recorded answer"),
    "usage that is a list": (json.dumps(message([1])).encode(), ""),
    "details that are text": (
        json.dumps(completion({"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": "x"})).encode(),
        "usage.prompt_tokens_details is 'x', which is no object",
    ),
    "cached above the prompt": (
        json.dumps(
            completion({"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 11}})
        ).encode(),
        "usage.prompt_tokens_details.cached_tokens is 11, above the 10 of usage.prompt_tokens",
    ),
    "thinking above the output": (
        json.dumps(
            completion(
                {"prompt_tokens": 10, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 5}}
            )
        ).encode(),
        "usage.completion_tokens_details.reasoning_tokens is 5, above the 4 of usage.completion_tokens",
    ),
}


@pytest.mark.parametrize(
    ("data", "said"), [each for each in WRONG.values() if each[1]], ids=[k for k in WRONG if WRONG[k][1]]
)
def test_what_is_no_answer(data: bytes, said: str, answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer.write_bytes(data)
    assert run_command_line(["cost", str(answer), "--json", "--prices", str(PRICES)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert str(answer) in shown.err


def test_usage_that_shrinks(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "m", "model": "claude-fix", "usage": {"input_tokens": 3}}},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 40}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}},
        {"type": "message_stop"},
    ]
    answer.write_text("".join(f"data: {json.dumps(each)}\n\n" for each in events))
    assert run_command_line(["cost", str(answer), "--prices", str(PRICES)]) == 2
    assert "usage.output_tokens fell from 40 to 12" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["/none.json"], "/none.json cannot be read (No such file or directory)"),
        (["/"], "/ is no file but a folder, a pipe or a device"),
        (["a\0b"], "cannot be read"),
        (["FILE", "--at", "yesterday"], "--at yesterday is no time: write it with its zone"),
        (["FILE", "--at", "2026-11-21T08:00:00"], "is no time: write it with its zone"),
        (["FILE", "--prices", "/none.json"], "/none.json"),
        (["FILE", "--format", "morse"], "invalid choice: 'morse'"),
    ],
)
def test_wrong_use(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(FIXTURES / "anthropic" / "whole.json") if each == "FILE" else each for each in args]
    assert run_command_line(["cost", *given]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
