"""The editor's truth is the buffer: what is unsaved is read from it, and changed only there and with a yes."""

from __future__ import annotations

import json
from typing import Any

from support.bench import Bench, MakeBench

LINE = 13
SOURCE = "parcel/zones.py"


def model(*turns: list[dict[str, Any]]) -> dict[str, Any]:
    """A scripted model: these tool calls, then the end. Each turn's place is the number of results before it."""
    replies, results = [], 0
    for calls in [*turns, [{"name": "finish", "input": {"summary": "Done."}}]]:
        replies.append({"when": {"tool_results": results}, "text": "Going on.", "tool_calls": calls})
        results += len(calls)
    return {"replies": replies}


def edit(old: str, new: str) -> dict[str, Any]:
    return {"name": "edit_file", "input": {"path": SOURCE, "old": old, "new": new}}


READ = {"name": "read_file", "input": {"path": SOURCE}}


async def test_a_tick_in_a_dirty_tasks_file_is_an_edit_and_pending_until_it_is_saved(bench: Bench) -> None:
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        window.type(uri, "A note of mine, not saved\n\n", span=((0, 0), (0, 0)))
        disk = bench.tasks.read_bytes()
        run = (await window.press(uri, LINE + 2, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"

        assert bench.tasks.read_bytes() == disk
        assert window.texts[uri] == "A note of mine, not saved\n\n" + disk.decode().replace("- [ ] 2.1", "- [x] 2.1", 1)
        (change,) = window.asked("workspace/applyEdit")
        (edited,) = change["edit"]["documentChanges"]
        assert edited["textDocument"]["version"] == 2
        (one,) = edited["edits"]
        assert one["newText"] == "x"
        assert one["range"]["end"]["character"] - one["range"]["start"]["character"] == 1
        titles = await window.until_asked(
            lambda: window.titles(uri), lambda found: "not saved yet" in str(found.get(LINE + 2))
        )
        assert titles[LINE + 2][0].startswith("Done, not saved yet · $")

        window.save(uri)
        titles = await window.until_asked(
            lambda: window.titles(uri), lambda found: "not saved yet" not in str(found[LINE + 2])
        )
        assert titles[LINE + 2][0].startswith("$")


async def test_a_tick_that_the_editor_refused_is_made_by_the_next_window(bench: Bench) -> None:
    async with bench.window() as window:
        window.applies_edits = False
        uri = window.open(bench.tasks)
        window.type(uri, "\n", span=((0, 0), (0, 0)))
        run = (await window.press(uri, LINE + 1, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"
        assert "- [x] 2.1" not in window.texts[uri]
        await window.quit()
    async with bench.window() as window:
        uri = window.open(bench.tasks)
        await window.until_asked(
            lambda: window.titles(uri), lambda found: str(found.get(LINE)).startswith("['Done, not saved yet")
        )
        await window.until(lambda: b"- [x] 2.1" in bench.tasks.read_bytes())
        window.reload(uri)
        titles = await window.until_asked(lambda: window.titles(uri), lambda found: "['$" in str(found.get(LINE)))
        assert "requests" in titles[LINE][0]
    assert len({each["sha256_of_body"] for each in bench.log}) == len(bench.log)


async def test_an_unsaved_source_file_is_read_from_the_editor_and_edited_there_after_a_yes(benches: MakeBench) -> None:
    scenario = model([READ], [edit("UNSAVED = 1", "UNSAVED = 2")])
    async with benches(scenario) as bench, bench.window() as window:
        window.answer = lambda params: "Yes"
        path = bench.workspace / SOURCE
        disk = path.read_bytes()
        source, uri = window.open(path), window.open(bench.tasks)
        window.type(source, "UNSAVED = 1  # 🦀\n", span=((0, 0), (0, 0)))
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"
        (asked,) = window.asked("window/showMessageRequest")
        assert "unsaved changes" in asked["message"]
        assert window.texts[source] == "UNSAVED = 2  # 🦀\n" + disk.decode()
        assert path.read_bytes() == disk
        assert "UNSAVED = 1" in json.dumps(bench.log[1]["body"])


async def test_a_no_leaves_the_unsaved_source_file_alone(benches: MakeBench) -> None:
    async with benches(model([READ], [edit("UNSAVED = 1", "UNSAVED = 2")])) as bench, bench.window() as window:
        path = bench.workspace / SOURCE
        disk = path.read_bytes()
        source, uri = window.open(path), window.open(bench.tasks)
        window.type(source, "UNSAVED = 1\n", span=((0, 0), (0, 0)))
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"
        assert window.asked("workspace/applyEdit") == []
        assert window.texts[source].startswith("UNSAVED = 1\n")
        assert path.read_bytes() == disk
        assert "did not allow" in json.dumps(bench.log[-1]["body"])


async def test_a_clean_open_file_is_written_to_the_disk_twice_without_a_question(benches: MakeBench) -> None:
    """The editor reloads late: between the two edits its text is neither the one nor the other."""
    head = "from enum import Enum"
    scenario = model([edit(head, f"# one\n{head}")], [edit("# one\n", "# one\n# two\n")], [READ])
    async with benches(scenario) as bench, bench.window() as window:
        path = bench.workspace / SOURCE
        assert head in path.read_text()
        source, uri = window.open(path), window.open(bench.tasks)
        run = (await window.press(uri, LINE, "Run"))["run"]
        assert (await window.until_over(run))["state"] == "finished"
        window.reload(source)
        assert window.asked("window/showMessageRequest") == []
        assert window.asked("workspace/applyEdit") == []
        assert f"# one\n# two\n{head}" in path.read_text()
        assert "# two" in json.dumps(bench.log[-1]["body"])
