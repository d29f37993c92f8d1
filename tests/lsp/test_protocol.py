"""The server as a peer: order, framing, positions, what clients can and cannot do, keys, settings."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from support import plain_text
from support.bench import Bench
from support.lsp_client import VSCODE, WAIT_S, Client, LspError, editor

LINE, TITLE = 13, "Look up the base price in `parcel/rates.py`"
CANARY = "sk-canary-7f3a9c"


@pytest.fixture
async def raw(bench: Bench) -> Any:
    """A server that was not initialized."""
    async with editor(bench.environ) as client:
        yield client


async def test_what_comes_before_initialize_and_after_shutdown_is_refused(raw: Client, bench: Bench) -> None:
    with pytest.raises(LspError) as early:
        await raw.request("bursar/runs", {})
    assert early.value.code == -32002
    raw.notify("textDocument/didOpen", {"textDocument": {}})
    await raw.initialize(bench.workspace)
    await raw.request("shutdown")
    with pytest.raises(LspError) as late:
        await raw.request("bursar/runs", {})
    assert late.value.code == -32600
    raw.notify("exit")
    assert await asyncio.wait_for(raw.process.wait(), WAIT_S) == 0


async def test_a_request_that_makes_no_sense_is_answered_and_ends_nothing(raw: Client, bench: Bench) -> None:
    await raw.initialize(bench.workspace)
    for method, params, code in (
        ("textDocument/codeLens", {"textDocument": 7}, -32602),
        ("no/such", {}, -32601),
        ("workspace/executeCommand", {"command": "bursar.nothing", "arguments": []}, -32602),
        ("bursar/documentTokens", {"textDocument": {"uri": "file:///not/open"}}, -32803),
        ("bursar/documentTokens", None, -32803),
    ):
        with pytest.raises(LspError) as refused:
            await raw.request(method, params)
        assert refused.value.code == code, method
    assert raw.process.stdin is not None
    raw.process.stdin.write(b"Content-Length: 3\r\n\r\n{]}")
    raw.send([])
    assert (await raw.request("bursar/runs", {})) == {"runs": []}
    assert [each["code"] for each in raw.unanswerable] == [-32700, -32600]


async def test_header_names_are_read_in_any_case(raw: Client, bench: Bench) -> None:
    raw._n = 1
    answer = raw._waiting[1] = asyncio.get_running_loop().create_future()
    params = {"processId": None, "rootUri": None, "capabilities": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    raw.send(message, header="content-length ")
    assert "capabilities" in await asyncio.wait_for(answer, WAIT_S)


@pytest.mark.parametrize(
    ("offered", "encoding"),
    [(["utf-16"], "utf-16"), (["utf-8", "utf-16", "utf-32"], "utf-8"), (["utf-16", "utf-32", "utf-8"], "utf-32")],
)
async def test_positions_are_counted_as_agreed_and_lines_end_as_the_protocol_says(
    bench: Bench, offered: list[str], encoding: str
) -> None:
    async with bench.window(capabilities={**VSCODE, "general": {"positionEncodings": offered}}) as window:
        assert window.capabilities["positionEncoding"] == encoding
        path = bench.tasks
        text = "# Plan\r\n\r\n- [ ] 1. A \u2028 \x0c 🦀🦀 task\r\n- [ ] 2. Other\r\n"
        path.write_bytes(text.encode())
        uri = window.open(path)
        line = "- [ ] 1. A \u2028 \x0c 🦀"
        start, end = plain_text.units(line, encoding), plain_text.units(line + "🦀", encoding)
        window.type(uri, "X", span=((2, start), (2, end)))
        assert window.texts[uri] == text.replace("🦀🦀", "🦀X")
        lenses = await window.until_asked(lambda: window.lenses(uri), lambda found: "first" in str(found))
        assert [each["command"]["arguments"][0]["title"] for each in lenses] == ["A \u2028 \x0c 🦀X task", "Other"]
        assert [each["range"]["start"]["line"] for each in lenses] == [2, 3]
        assert await window.hints(uri, 2, 2) == [], "a small part says its size when it is asked"
        assert await window.command("bursar.toggleSmallHints") == {"shown": True}
        (hint,) = await window.hints(uri, 2, 2)
        assert hint["position"] == {"line": 2, "character": plain_text.units(line + "X task", encoding)}


async def test_a_change_that_cannot_be_read_is_told_and_the_text_kept(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        counted = await window.request("bursar/documentTokens", {"textDocument": {"uri": uri}})
        nowhere = {"start": {"line": "?", "character": 0}, "end": {"line": 0, "character": 0}}
        backwards = {"start": {"line": 3, "character": 0}, "end": {"line": 0, "character": 0}}
        for span in (nowhere, backwards):
            changes = [{"range": span, "text": "lost"}]
            window.notify(
                "textDocument/didChange", {"textDocument": {"uri": uri, "version": 9}, "contentChanges": changes}
            )
        assert await window.request("bursar/documentTokens", {"textDocument": {"uri": uri}}) == counted
        (told,) = [each["message"] for each in window.told("window/showMessage") if "fits no text" in each["message"]]
        assert "tasks.md" in told
        window.type(uri, "<|endoftext|>")
        counted = await window.request("bursar/documentTokens", {"textDocument": {"uri": uri}})
        assert (counted["version"], counted["tokens"]) == (2, 7), "as text, and not as one token"


async def test_a_client_that_pulls_is_not_pushed_to_and_one_that_can_nothing_is_asked_nothing(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        await window.until_over(run)
        assert window.told("textDocument/publishDiagnostics") == []
    # A client that asks when a text changes and cannot be told to ask again: the findings come after it has asked.
    async with bench.window(capabilities={"textDocument": {"diagnostic": {}}}) as asks_once:
        assert "diagnosticProvider" not in asks_once.capabilities
        asks_once.open(bench.tasks)
        await asks_once.until(
            lambda: [e for e in asks_once.told("textDocument/publishDiagnostics") if e["diagnostics"]]
        )
    async with bench.window(capabilities={}) as plain:
        assert "diagnosticProvider" not in plain.capabilities
        assert plain.capabilities["positionEncoding"] == "utf-16"
        uri = plain.open(bench.tasks)

        def pushed() -> list[Any]:
            return [each for each in plain.told("textDocument/publishDiagnostics") if each["diagnostics"]]

        (found, *_) = await plain.until(pushed)
        assert found["uri"] == uri
        assert "relatedInformation" not in found["diagnostics"][0]
        assert plain.requests == []
        run = (await plain.command("bursar.runTask", uri=uri, line=18, title=await _title(plain, uri, 18)))["run"]
        await plain.until(lambda: plain.told("bursar/meter")[-1]["running"] == [] and len(bench.log) > 4)
        assert plain.requests == []
        assert plain.told("$/progress") == []


async def _title(window: Client, uri: str, line: int) -> str:
    lenses = await window.lenses(uri)
    return next(each["command"]["arguments"][0]["title"] for each in lenses if each["range"]["start"]["line"] == line)


async def test_a_command_that_was_begun_goes_on_when_it_is_cancelled(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        await window.lenses(uri)
        asking = asyncio.create_task(window.command("bursar.runTask", uri=uri, line=LINE, title=TITLE))
        await window.until(lambda: window.asked("window/workDoneProgress/create"))
        window.notify("$/cancelRequest", {"id": window._n})
        answered = (await asyncio.gather(asking, return_exceptions=True))[0]
        assert answered.code == -32800 if isinstance(answered, LspError) else answered["run"]
        await window.until(lambda: [each for each in window.told("bursar/runChanged") if each["state"] == "finished"])
        assert len(bench.bill["requests"]) >= 3


async def test_keys_come_over_a_pipe_and_go_to_the_provider_alone(bench: Bench) -> None:
    providers = {"sim": {"wire": "anthropic", "base_url": bench.url, "key_env": "NOT_SET_HERE"}}
    async with bench.window(environ={"BURSAR_PROVIDERS": json.dumps(providers)}) as without:
        uri = without.open(bench.tasks)
        with pytest.raises(LspError, match="NOT_SET_HERE"):
            await without.press(uri, LINE, "Run")
    environ = {**bench.environ, "BURSAR_PROVIDERS": json.dumps(providers)}
    async with editor(environ, keys={"sim": CANARY}) as window:
        await window.initialize(bench.workspace, keysFd=window.keys_fd)
        uri = window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"
        told = json.dumps([window.notifications, window.requests])
        await window.quit()
    assert CANARY not in told
    for path in bench.folder.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


async def test_settings_come_from_the_editor_and_bad_ones_are_said(bench: Bench) -> None:
    environ = {"BURSAR_MODEL": "", "BURSAR_PROVIDERS": ""}
    good = {
        "model": "sim/claude-sonnet-5-5",
        "providers": {"sim": {"wire": "anthropic", "base_url": bench.url}},
        "budget": {"run": "0.25usd", "day": "2usd"},
        "diagnostics": {"requestCost": False},
    }
    async with bench.window(environ=environ, configuration={"bursar": good}) as window:
        uri = window.open(bench.tasks)
        await window.until_asked(lambda: window.titles(uri), lambda found: "at most $0.25" in str(found))
        await window.until(lambda: window.told("bursar/meter")[-1]["limit_usd"] == "2")
        run = (await window.press(uri, LINE, "Run"))["run"]
        await window.until_over(run)
        window.reload(uri)
        await window.until_asked(lambda: window.titles(uri), lambda found: "requests" in str(found))
        assert await window.findings(uri) == []
        window.configuration = {"bursar": {**good, "budget": {"run": "much"}}}
        window.notify("workspace/didChangeConfiguration", {"settings": None})
        told = await window.until(lambda: window.told("window/showMessage"))
        assert "'much' is not an amount" in told[0]["message"]
        await window.until_asked(lambda: window.titles(uri), lambda found: "at most $1.00" in str(found))
        with pytest.raises(LspError, match="'much' is not an amount"):
            await window.press(uri, 18, "Run")
        await window.command("bursar.setBudget", scope="day", amount="3usd")
        await window.until(lambda: window.told("bursar/meter")[-1]["limit_usd"] == "3")
        window.configuration = {"bursar": good}
        window.notify("workspace/didChangeConfiguration", {"settings": None})
        await window.until_asked(lambda: window.titles(uri), lambda found: "at most $0.25" in str(found))
        back = await window.command("bursar.setBudget", scope="day", unset=True)
        assert back == {"scope": "day", "amount": "2usd"}
        await window.until(lambda: window.told("bursar/meter")[-1]["limit_usd"] == "2")
        set_ = await window.command("bursar.setBudget", scope="run", amount="3req")
        assert set_ == {"scope": "run", "amount": "3req"}
        with pytest.raises(LspError, match="'rnu'"):
            await window.command("bursar.setBudget", scope="rnu", amount="3req")


async def test_documents_beside_a_spec_have_hints_and_others_have_nothing(bench: Bench) -> None:
    async with bench.window() as window:
        beside = window.open(bench.tasks.with_name("requirements.md"))
        hints = await window.until_asked(lambda: window.hints(beside), bool)
        assert len(await window.hints(beside, 0, 0)) <= 1 < len(hints)
        assert await window.lenses(beside) == []
        steering = window.open(bench.workspace / ".kiro/steering/tech.md")
        assert await window.until_asked(lambda: window.hints(steering), bool)
        (bench.workspace / "notes.md").write_text("# Notes\n\nThese are for people, and no agent reads them.\n")
        notes = window.open(bench.workspace / "notes.md")
        assert (await window.hints(notes), await window.lenses(notes)) == ([], [])
        counted = await window.request("bursar/documentTokens", {"textDocument": {"uri": notes}})
        assert counted["tokens"] > 10
        assert counted["version"] == 1
