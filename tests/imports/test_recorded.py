"""Recorded sessions as they are read: what carries what, and the token model fitted to what was billed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.errors import BadInput
from bursar.imports.recorded import read_sessions


def record(requests: int, *, characters: int, tokens: int, base: int = 9_000, **more: Any) -> dict[str, Any]:
    """A session whose every request adds a result of so many characters, billed as so many tokens."""
    turns: list[dict[str, Any]] = [{"role": "user", "kind": "user", "text": "", "req": 0, "t": 0.0}]
    for number in range(requests):
        call = {
            "role": "assistant",
            "kind": "tool_call",
            "text": "",
            "req": number,
            "t": 60.0 * number + 5,
            "tool": "r",
        }
        result = {"role": "tool", "kind": "tool_result", "text": "x" * characters, "req": number + 1, "tool": "r"}
        turns += [call, result]
    usage = [{"req": n, "input": 7, "cache_write": base - 7, "cache_read": tokens * n} for n in range(requests)]
    return {"id": "one", "source": "here", "requests": requests, "turns": turns, "usage": usage, "model": "m", **more}


def read_one(tmp_path: Path, *records: dict[str, Any]) -> Any:
    path = tmp_path / "sessions.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in records), encoding="utf-8")
    return read_sessions(path)[0]


def test_an_answer_is_carried_by_the_request_after_it(tmp_path: Path) -> None:
    session = read_one(tmp_path, record(2, characters=10, tokens=4))
    assert [(each.kind, each.request) for each in session.turns] == [
        ("user", 0),
        ("tool_call", 1),
        ("tool_result", 1),
        ("tool_call", 2),
        ("tool_result", 2),
    ]
    assert [each.at_s for each in session.requests] == [5.0, 65.0]
    assert session.gap_s(1) == 60.0
    assert [len(each) for each in session.by_request()] == [1, 2]


def test_tokens_are_fitted_to_what_was_billed(tmp_path: Path) -> None:
    """2,500 characters are 1,000 tokens: 0.4 each, so a result is 1,000 and the 6 around it."""
    session = read_one(tmp_path, record(12, characters=2_500, tokens=1_000))
    assert session.tokens_per_character == pytest.approx(0.4)
    assert session.base_tokens == 9_000
    assert {each.tokens for each in session.turns if each.kind == "tool_result"} == {1_006}
    assert {each.tokens for each in session.turns if each.kind == "tool_call"} == {6}
    assert session.window_tokens == 200_000


@pytest.mark.parametrize(
    ("requests", "characters", "tokens"),
    [(9, 2_500, 1_000), (12, 1_500, 600), (12, 2_500, 400), (12, 2_500, 1_600), (12, 2_500, 70_000)],
    ids=["few requests", "little text", "too few tokens", "too many", "steps that are no growth"],
)
def test_otherwise_a_character_is_what_it_usually_is(
    tmp_path: Path, requests: int, characters: int, tokens: int
) -> None:
    session = read_one(tmp_path, record(requests, characters=characters, tokens=tokens))
    assert session.tokens_per_character == 0.30


def test_without_a_bill(tmp_path: Path) -> None:
    session = read_one(tmp_path, record(12, characters=2_500, tokens=1_000) | {"usage": []})
    assert (session.tokens_per_character, session.base_tokens, session.window_tokens) == (0.30, 3_000, 200_000)


@pytest.mark.parametrize(("model", "window"), [("claude-opus-4-6", 1_000_000), ("gpt-5.5", 400_000)])
def test_a_session_that_passed_the_usual_window_had_a_larger_one(tmp_path: Path, model: str, window: int) -> None:
    session = read_one(tmp_path, record(12, characters=40_000, tokens=17_000, model=model))
    assert session.window_tokens == window


def test_gzipped_and_plain_are_the_same(tmp_path: Path) -> None:
    plain = read_one(tmp_path, record(2, characters=10, tokens=4))
    packed = tmp_path / "sessions.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "sessions.jsonl").read_bytes()))
    assert read_sessions(packed) == [plain]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no session in it"),
        (b"{}\n", "line 1, is no recorded session (KeyError: 'requests')"),
        (b'{"requests": 0}\n', "it has no requests"),
        (b"[1]\n", "line 1, is no recorded session"),
        (b'\n{"requests": 1\n', "line 2, is no recorded session"),
        (gzip.compress(b"{}" * 99)[:-9], "is a damaged gzip file"),
        (b"\x1f\x8bnonsense", "cannot be read"),
    ],
)
def test_what_is_no_session_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(BadInput) as told:
        read_sessions(path)
    assert said in str(told.value)
