"""``bursar count``: the exact figure, the vendor's beside it, and clear words for what cannot be counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiktoken
from jsonschema import Draft202012Validator

from bursar.cli import run_command_line
from bursar.commandline.schema import load_schema
from bursar.simulator import tokens as simulated
from bursar.tokens.encodings import RECIPES, read_tokens
from support.program import CLAUDE, Done, User, simulator

TEXT = "# Style\n\nSay what happened, to what, and what to do next. <|endoftext|> is text. 今天天气很好。\n" * 40


def oracle(text: str, encoding: str = "o200k_base") -> int:
    """tiktoken's own count of the whole text, without Bursar's blocks."""
    ranks = {token: rank for rank, token in enumerate(read_tokens(encoding))}
    engine = tiktoken.Encoding("t", pat_str=RECIPES[encoding].pattern, mergeable_ranks=ranks, special_tokens={})
    return len(engine.encode_ordinary(text))


def counted(done: Done, code: int = 0) -> list[dict[str, object]]:
    assert done.code == code, done.err
    value = done.json()
    Draft202012Validator(load_schema("count")).validate(value)
    return list(value["files"])


@pytest.fixture
def note(user: User) -> Path:
    path = user.cwd / "note.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_the_count_is_exact_and_the_vendors_figure_stands_beside_it(user: User, note: Path) -> None:
    (found,) = counted(user.do("count", "note.md", "--json"))
    assert (found["path"], found["tokens"], found["encoding"]) == ("note.md", oracle(TEXT), "o200k_base")
    estimate = found["estimate"]
    assert isinstance(estimate, dict)
    assert estimate["model"] == "anthropic/claude-sonnet-5-5"
    assert estimate["low"] < oracle(TEXT) * 1.4 < estimate["high"]
    assert estimate["provenance"].startswith("range published for Claude 4.7 and later, not measured here (")


def test_another_encoding_and_a_model_of_openai(user: User, note: Path) -> None:
    (found,) = counted(user.do("count", "note.md", "--json", "--encoding", "cl100k_base", "--model", "gpt-5"))
    assert (found["tokens"], found["encoding"]) == (oracle(TEXT, "cl100k_base"), "cl100k_base")
    exact = oracle(TEXT)
    estimate = found["estimate"]
    assert isinstance(estimate, dict)
    assert (estimate["tokens"], estimate["low"], estimate["high"]) == (exact, exact, exact)
    (older,) = counted(user.do("count", "note.md", "--json", "--model", "openai/gpt-4-turbo"))
    estimate = older["estimate"]
    assert isinstance(estimate, dict)
    assert (older["tokens"], estimate["tokens"]) == (exact, oracle(TEXT, "cl100k_base"))


def test_standard_input_and_many_files_for_people(user: User, note: Path) -> None:
    done = user.do("count", "note.md", "-", stdin="hello\n")
    assert done.code == 0
    first, second = done.out.splitlines()
    assert first.startswith(f"note.md: {oracle(TEXT):,} tokens (o200k_base) · about ")
    assert second.startswith("-: 2 tokens (o200k_base) · about 3 for anthropic/claude-sonnet-5-5 (")
    assert done.err.startswith("bursar: anthropic/claude-sonnet-5-5: range published for Claude 4.7 and later")
    assert user.do("count", "note.md", "--model", "gpt-5").out.endswith(f"(o200k_base) · {oracle(TEXT):,} for gpt-5\n")


def test_the_good_ones_are_told_where_others_are_bad(user: User, note: Path) -> None:
    (user.cwd / "png").write_bytes(b"\x89PNG\r\n\x00\x01")
    (user.cwd / "nul").write_bytes(b"a\x00b")
    (user.cwd / "latin").write_bytes(b"caf\xe9")
    (user.cwd / "folder").mkdir()
    (user.cwd / "loop").symlink_to(user.cwd / "loop")
    bad = ("png", "nul", "latin", "missing", "folder", "loop")
    done = user.do("count", "note.md", *bad, "note.md", "--json")
    assert [each["path"] for each in counted(done, code=2)] == ["note.md", "note.md"]
    assert done.err.splitlines() == [
        "bursar: png is a binary file (a zero byte at offset 6): give a text file in UTF-8",
        "bursar: nul is a binary file (a zero byte at offset 1): give a text file in UTF-8",
        "bursar: latin is not UTF-8: byte 0xe9 at offset 3 cannot be read; save it as UTF-8 and try again",
        "bursar: missing cannot be read (No such file or directory): give the path of a text file",
        "bursar: folder is no file but a folder, a pipe or a device: give the path of a text file",
        "bursar: loop cannot be read (Too many levels of symbolic links): give the path of a text file",
    ]


def test_odd_texts_are_counted(user: User) -> None:
    odd = {
        "empty": "",
        "lone-cr": "one\rtwo\r\rthree\r\n\x0c\u2028",
        "one-letter": "a" * 1_000_000,
        "blanks": " " * 1_100_000,
        "bom": "hello\n",
    }
    for name, text in odd.items():
        (user.cwd / name).write_bytes((b"\xef\xbb\xbf" if name == "bom" else b"") + text.encode())
    found = {str(each["path"]): each for each in counted(user.do("count", *odd, "--json"))}
    # tiktoken itself panics on that many blanks; it makes one token of up to some hundred of them.
    blanks = found["blanks"].pop("tokens")
    assert isinstance(blanks, int)
    assert 5_000 < blanks < 100_000
    for name in ("empty", "lone-cr", "one-letter", "bom"):
        assert found[name]["tokens"] == oracle(odd[name]), name
    for each in found.values():
        estimate = each["estimate"]
        assert isinstance(estimate, dict)
        assert estimate["low"] <= estimate["tokens"] <= estimate["high"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--encoding", "p50k_base"],
            "there is no encoding 'p50k_base' here; the known ones are cl100k_base, o200k_base",
        ),
        (
            ["--model", "acme/mystery-1"],
            "nothing is known of how 'acme/mystery-1' counts: it is of none of the families",
        ),
        (["--model", ""], "nothing is known of how '' counts"),
        (["-", "-"], "standard input (-) can be read once: name it once"),
    ],
    ids=["encoding", "model", "no-model", "stdin-twice"],
)
def test_a_wrong_call_counts_nothing(
    note: Path,
    tmp_path: Path,
    args: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path / "home"))
    assert run_command_line(["count", str(note), *args]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"bursar: {said}")


def test_a_model_of_ones_own_has_no_figure_until_requests_tell(user: User, note: Path) -> None:
    user.home.mkdir(exist_ok=True)
    (user.home / "settings.json").write_text(
        '{"providers": {"here": {"wire": "ollama", "base_url": "http://127.0.0.1:9", "price": "free"}}, '
        '"model": "here/mystery-1"}'
    )
    (found,) = counted(user.do("count", "note.md", "--json"))
    assert (found["tokens"], found["estimate"]) == (oracle(TEXT), None)


def test_a_name_that_is_no_utf8_is_told(user: User) -> None:
    name = b"caf\xe9.md"
    (user.cwd / os.fsdecode(name)).write_bytes(b"hello")
    done = subprocess.run(
        [sys.executable, "-m", "bursar", "count", name, "--json"],
        cwd=user.cwd,
        env=user._environ({}),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b'"tokens": 1' in done.stdout


PRICES = {"input": "2", "output": "10", "cache_read": "0.1", "cache_write_5m": "2.5", "cache_write_1h": "4"}
LOOKS = [
    *({"name": "list_files", "input": {"path": each}} for each in (".", ".kiro", ".kiro/specs", ".kiro/specs/demo")),
    *({"name": "read_file", "input": {"path": each}} for each in (".kiro/specs/demo/tasks.md", "note.md")),
]
SEVEN_REQUESTS = {
    "models": {CLAUDE: {"wire": "anthropic", "prices": PRICES, "input_token_ratio": 3}},
    "replies": [
        *({"when": {"tool_results": n}, "tool_calls": [look]} for n, look in enumerate(LOOKS)),
        {"when": {}, "tool_calls": [{"name": "finish", "input": {"summary": "Done."}}]},
    ],
}


def test_what_was_reported_for_ones_own_requests_is_learnt_from(user: User, note: Path, tmp_path: Path) -> None:
    before = counted(user.do("count", "note.md", "--json"))[0]["estimate"]
    with simulator(tmp_path / "sim", SEVEN_REQUESTS) as sim:
        ran = user.uses(sim.url).do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert ran.code == 0, ran.err
        asked = len(sim.bill())
    (found,) = counted(user.do("count", "note.md", "--json"))
    estimate = found["estimate"]
    assert isinstance(before, dict)
    assert isinstance(estimate, dict)
    assert estimate["model"] == f"sim/{CLAUDE}"
    assert estimate["provenance"].startswith(f"calibrated on {asked} requests, ")
    assert "few: the range is widened with what is published" in estimate["provenance"]
    # Published is half as much again; this provider counts three times its own tokens, which are about ours.
    assert before["high"] < estimate["tokens"]
    assert estimate["low"] < 3 * simulated.count(TEXT) < estimate["high"]
    erased = user.do("erase", "--all")
    assert erased.code == 0
    assert counted(user.do("count", "note.md", "--json"))[0]["estimate"] == estimate
    # The vendor of a model with this name never answered.
    (vendors,) = counted(user.do("count", "note.md", "--json", "--model", f"anthropic/{CLAUDE}"))
    assert isinstance(vendors["estimate"], dict)
    assert "not measured here" in vendors["estimate"]["provenance"]
    assert {**vendors["estimate"], "model": before["model"]} == before


def test_a_simulator_that_bore_a_vendors_name_teaches_nothing_of_the_vendor(
    user: User, note: Path, tmp_path: Path
) -> None:
    model = f"anthropic/{CLAUDE}"
    with simulator(tmp_path / "sim", SEVEN_REQUESTS) as sim:
        named = {"anthropic": {"wire": "anthropic", "base_url": sim.url, "price": "card", "key_env": "SIM_KEY"}}
        user.environ.update(BURSAR_PROVIDERS=json.dumps(named), BURSAR_MODEL=model, SIM_KEY="any")
        ran = user.do("run", ".kiro/specs/demo", "--task", "1", "--json")
        assert ran.code == 0, ran.err
    (simulated_here,) = counted(user.do("count", "note.md", "--json"))
    user.environ.pop("BURSAR_PROVIDERS")
    (vendors,) = counted(user.do("count", "note.md", "--json"))
    for found, said in ((simulated_here, "calibrated on "), (vendors, "range published for ")):
        assert isinstance(found["estimate"], dict)
        assert found["estimate"]["model"] == model
        assert found["estimate"]["provenance"].startswith(said)
