"""``bursar check`` for CI: folders, SARIF, GitHub's workflow commands, and what cannot be read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from jsonschema import Draft202012Validator

from bursar.commandline.places import Placed
from bursar.commandline.sarif import FINGERPRINT
from bursar.commandline.schema import load_schema
from bursar.commandline.workflow import workflow_command
from bursar.views.annotations import Finding
from support.program import User

SECRET = "AKIA" + "Q7" * 8
STYLE = "# Style 🦀\n\nIn order to release, run `make release`.\n\nSee #[[file:missing/guide.md]].\n"
KEYS = f"# Keys\n\n🦀 Use the key {SECRET} for uploads.\n"


@pytest.fixture
def tree(user: User) -> Path:
    """A workspace with two files that have findings, one that has none, and what is no agent's."""
    root = user.cwd
    (root / ".git").mkdir()
    steering = root / ".kiro" / "steering"
    steering.mkdir(parents=True)
    (steering / "a style, 100%.md").write_text(STYLE, encoding="utf-8")
    (root / "AGENTS.md").write_text(KEYS, encoding="utf-8")
    (root / "docs").mkdir()
    (root / "docs" / "notes.md").write_text(STYLE, encoding="utf-8")
    (root / "node_modules" / "x").mkdir(parents=True)
    (root / "node_modules" / "x" / "AGENTS.md").write_text(KEYS, encoding="utf-8")
    return root


def musts_of_sarif(log: Any) -> list[dict[str, Any]]:
    """What SARIF 2.1.0 demands of the parts that are used here, by the sections of its text; the results."""
    assert log["version"] == "2.1.0"  # 3.13.2
    assert urlsplit(log["$schema"]).scheme == "https"
    assert log["runs"]  # 3.13.4
    results = []
    for run in log["runs"]:
        driver = run["tool"]["driver"]  # 3.14.6, 3.18.2
        assert driver["name"]  # 3.19.8
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")  # 3.14.17
        ids = [each["id"] for each in driver["rules"]]  # 3.49.3
        assert len(ids) == len(set(ids))
        for each in driver["rules"]:
            for text in ("shortDescription", "fullDescription", "help"):
                assert text not in each or each[text]["text"]  # 3.12.3
            assert each["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")  # 3.50.3
            assert "helpUri" not in each or urlsplit(each["helpUri"]).scheme  # 3.49.12: an absolute URI
        for each in run["invocations"]:
            assert isinstance(each["executionSuccessful"], bool)  # 3.20.14
        for each in run["results"]:
            assert each["message"]["text"]  # 3.27.11
            assert each["level"] in ("none", "note", "warning", "error")  # 3.27.10
            assert ids[each["ruleIndex"]] == each["ruleId"]  # 3.27.6
            assert each["partialFingerprints"]  # 3.27.17
            for place in [*each["locations"], *each.get("relatedLocations", [])]:
                physical = place["physicalLocation"]  # 3.28.3
                uri = physical["artifactLocation"]["uri"]  # 3.4.3: a valid URI reference
                assert re.fullmatch(r"(?:[A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})+|file:///.*", uri), uri
                region = physical["region"]
                assert region["startLine"] >= 1  # 3.30.5
                begins = (region["startLine"], region.get("startColumn", 1))
                ends = (region.get("endLine", begins[0]), region.get("endColumn", 10**9))
                assert begins[1] >= 1  # 3.30.6
                assert ends >= begins  # 3.30.7, 3.30.8
            related = [place["id"] for place in each.get("relatedLocations", [])]
            assert len(related) == len(set(related))  # 3.28.2
        results += run["results"]
    return results


def test_a_folder_is_its_files_that_an_agent_reads(user: User, tree: Path) -> None:
    done = user.do("check", ".", "--json")
    assert done.code == 1, done.err
    Draft202012Validator(load_schema("check")).validate(done.json())
    paths = [each["path"] for each in done.json()["files"]]
    assert paths == [".kiro/specs/demo/tasks.md", ".kiro/steering/a style, 100%.md", "AGENTS.md"]
    named = user.do("check", *paths, "--json")
    assert (named.code, named.json()) == (done.code, done.json())
    for path in (".cursor/rules/ts.mdc", ".cursor/mcp.json", ".claude/chat.jsonl"):
        (user.cwd / path).parent.mkdir(parents=True, exist_ok=True)
        (user.cwd / path).write_text('{"role": "user", "content": "Hello"}\n', "utf-8")
    (user.cwd / "CLAUDE.md").symlink_to("AGENTS.md")
    more = [each["path"] for each in user.do("check", ".", "--json").json()["files"]]
    assert more == [".cursor/rules/ts.mdc", *paths]
    nothing = user.do("check", "docs", "--json")
    assert (nothing.code, nothing.json()) == (0, {"files": []})
    assert nothing.err == "bursar: docs has no file that an agent reads.\n"


def test_sarif_says_what_the_json_says(user: User, tree: Path) -> None:
    told = user.do("check", ".", "--json").json()["files"]
    done = user.do("check", ".", "--sarif")
    assert done.code == 1
    log = done.json()
    results = musts_of_sarif(log)
    expected = [
        (
            file["path"],
            each["code"],
            {"error": "error", "warning": "warning", "information": "note", "hint": "note"}[each["severity"]],
            each["message"],
            (each["line"] + 1, each["character"] + 1, each["end_line"] + 1, each["end_character"] + 1),
        )
        for file in told
        for each in file["diagnostics"]
    ]
    assert {each[1] for each in expected} >= {"secret-in-prompt", "missing-reference", "verbose-text"}
    found = []
    for each in results:
        physical = each["locations"][0]["physicalLocation"]
        region = tuple(physical["region"][key] for key in ("startLine", "startColumn", "endLine", "endColumn"))
        path = unquote(physical["artifactLocation"]["uri"])
        found.append((path, each["ruleId"], each["level"], each["message"]["text"], region))
    assert found == expected
    rules = {each["id"]: each for each in log["runs"][0]["tool"]["driver"]["rules"]}
    page = rules["secret-in-prompt"]["helpUri"]
    assert Path(unquote(urlsplit(page).path)).read_text(encoding="utf-8").count("`secret-in-prompt`")
    assert rules["secret-in-prompt"]["help"]["markdown"].startswith("# `secret-in-prompt`: ")
    assert SECRET not in done.out


def test_a_fingerprint_outlives_lines_above_and_tells_equal_lines_apart(user: User, tree: Path) -> None:
    path = tree / "AGENTS.md"
    line = "In order to release, run `make release`.\n"
    path.write_text(f"# Rules\n\n{line}\n- {line}\n{line}", encoding="utf-8")

    def prints() -> list[str]:
        results = musts_of_sarif(user.do("check", "AGENTS.md", "--sarif").json())
        return [each["partialFingerprints"][FINGERPRINT] for each in results if each["ruleId"] == "verbose-text"]

    before = prints()
    assert len(set(before)) == len(before) == 3
    path.write_text(f"# Rules\n\nOne more.\n\n\n{line}\n- {line}\n{line}", encoding="utf-8")
    assert prints() == before
    path.write_text(f"# Rules\n\n- {line}\n", encoding="utf-8")
    assert prints() == [before[1]]


def test_github_gets_one_command_for_each_diagnostic(user: User, tree: Path) -> None:
    told = user.do("check", ".", "--json").json()["files"]
    done = user.do("check", ".", "--github")
    assert done.code == 1
    lines = done.out.splitlines()
    assert len(lines) == sum(len(file["diagnostics"]) for file in told)
    (style,) = [each for each in lines if "missing-reference" in each]
    assert style.startswith("::warning file=.kiro/steering/a style%2C 100%25.md,line=5,endLine=5,")
    assert ",title=bursar%3A missing-reference," in style
    (key,) = [each for each in lines if "secret-in-prompt" in each]
    # The crab is two UTF-16 units, and the last column is that of the last character.
    start = KEYS.splitlines()[2].index("AKIA") + 2
    assert f",col={start},endColumn={start + len(SECRET) - 1}::" in key
    assert SECRET not in done.out


def test_a_workflow_command_stays_one_line_and_one_command() -> None:
    finding = Finding(
        line=0, character=0, end_character=0, severity="error", code="x", message="100%\r\n::set-env name=A::b, c: d"
    )
    hostile = Placed(path="a\n::error::b,c:d%.md", finding=finding, line=1, column=1, end_line=2, end_column=1, text="")
    assert workflow_command(hostile) == (
        "::error file=a%0A%3A%3Aerror%3A%3Ab%2Cc%3Ad%25.md,line=1,endLine=2,title=bursar%3A x"
        "::100%25%0D%0A::set-env name=A::b, c: d"
    )


def test_what_cannot_be_read_is_told_beside_the_others(user: User, tree: Path) -> None:
    (tree / "broken.md").write_bytes(b"caf\xe9")
    (tree / "GEMINI.md").write_bytes(b"\x00")
    done = user.do("check", "AGENTS.md", "broken.md", "missing.md", "--sarif")
    assert done.code == 2
    results = musts_of_sarif(done.json())
    assert {unquote(each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]) for each in results} == {
        "AGENTS.md"
    }
    (invocation,) = done.json()["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    said = [each["message"]["text"] for each in invocation["toolExecutionNotifications"]]
    assert [each.partition(" ")[0].rstrip(":") for each in said] == ["broken.md", "missing.md"]
    assert done.err.splitlines() == [f"bursar: {each}" for each in said]
    below = user.do("check", ".", "--json")
    assert below.code == 1, "what is met in a folder is passed over"
    assert below.err.startswith("bursar: passed over: GEMINI.md")
    assert user.do("check", "missing.md").code == 2


@pytest.mark.parametrize("forms", [("--json", "--sarif"), ("--sarif", "--github"), ("--json", "--github")])
def test_one_form_at_a_time(user: User, tree: Path, forms: tuple[str, str]) -> None:
    done = user.do("check", "AGENTS.md", *forms)
    assert (done.code, done.out) == (2, "")
    assert done.err == "bursar: --json, --sarif and --github are three forms of the same: give one of them\n"


def test_the_model_that_is_named_is_estimated(user: User, tree: Path) -> None:
    (found,) = user.do("check", "AGENTS.md", "--json", "--model", "gpt-5").json()["files"]
    assert found["estimate"]["low"] == found["estimate"]["high"] == found["tokens"]
    wrong = user.do("check", "AGENTS.md", "--json", "--model", "acme/mystery-1")
    assert (wrong.code, wrong.out) == (2, "")


def test_a_baseline_goes_with_every_form(user: User, tree: Path) -> None:
    (tree / "base.json").write_text(user.do("check", ".kiro/steering", "--json").out, encoding="utf-8")
    (tree / ".kiro" / "steering" / "a style, 100%.md").write_text(STYLE * 3, encoding="utf-8")
    done = user.do("check", ".kiro/steering", "--sarif", "--baseline", "base.json")
    assert done.code == 1
    assert "became dearer by more than 10%" in done.err
    log = json.loads(done.out)
    (grown,) = (each for each in musts_of_sarif(log) if each["ruleId"] == "became-dearer")
    assert grown["level"] == "error"
    assert grown["message"]["text"].startswith("This file became dearer by more than 10%: ")
    assert "tokens more" in grown["message"]["text"]
    (place,) = grown["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == ".kiro/steering/a%20style%2C%20100%25.md"
    assert place["physicalLocation"]["region"]["startLine"] == 1
    rule = log["runs"][0]["tool"]["driver"]["rules"][grown["ruleIndex"]]
    assert (rule["id"], rule["defaultConfiguration"]) == ("became-dearer", {"level": "error"})
    commands = user.do("check", ".kiro/steering", "--github", "--baseline", "base.json").out.splitlines()
    (told,) = (each for each in commands if "became-dearer" in each)
    assert told.startswith("::error file=.kiro/steering/a style%2C 100%25.md,line=1,endLine=1,")
    assert told.endswith(grown["message"]["text"].replace("%", "%25"))
    allowed = user.do("check", ".kiro/steering", "--github", "--baseline", "base.json", "--max-increase", "900%")
    assert "became-dearer" not in allowed.out


def test_a_key_in_a_literal_prompt_and_in_a_transcript_is_told_at_its_place(user: User) -> None:
    key = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    (user.cwd / "app.py").write_text(
        f'import openai\n\nopenai.OpenAI().responses.create(model="gpt-5", input="Use {key}")\n', "utf-8"
    )
    (user.cwd / "chat.jsonl").write_text(json.dumps({"role": "user", "content": f"Use {key}"}) + "\n", "utf-8")
    done = user.do("check", "app.py", "chat.jsonl", "--github")
    assert done.code == 1
    assert [each.partition(",title=")[0] for each in done.out.splitlines()] == [
        "::error file=app.py,line=3,endLine=3",
        "::error file=chat.jsonl,line=1,endLine=1",
    ]
    assert key not in done.out
    assert user.do("check", "app.py", "--json").json()["files"][0]["diagnostics"][0]["character"] == 59
