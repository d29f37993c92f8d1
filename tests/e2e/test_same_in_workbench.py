"""The workbench draws on the same files what ``bursar check --json`` prints, and what can be pressed there works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .same_files import SAME_FILES, STEERING, write_same_files
from .simulated import simulated
from .test_same_everywhere import checked
from .workbench import Browser, picture, run_workbench, use_settings

pytestmark = pytest.mark.e2e

ROW = re.compile(r"(?P<message>.*)bursar(?P<code>[a-z-]+)\[Ln (?P<line>\d+), Col (?P<column>\d+)\]")
LEVELS = {"Error": "error", "Warning": "warning", "Info": "information"}
MODEL = "claude-sonnet-5-5"


def test_the_workbench_draws_what_check_prints_and_does_what_is_pressed(extensions: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_same_files(source)
    with (
        simulated(tmp_path) as sim,
        run_workbench(
            source=source,
            folder=tmp_path,
            extensions=extensions,
            environment={"BURSAR_HOME": str(tmp_path / "home")},
            settings=use_settings(sim.url, MODEL),
        ) as bench,
    ):
        environ = {
            "BURSAR_HOME": str(tmp_path / "checking"),
            "BURSAR_MODEL": f"sim/{MODEL}",
            "BURSAR_PROVIDERS": json.dumps({"sim": {"wire": "anthropic", "base_url": sim.url}}),
        }
        wanted = checked(bench.workspace, environ)
        see = bench.browser
        bench.open(STEERING)
        for name in SAME_FILES:
            see("openFile", name=Path(name).name)
            drawn(see, bench.workspace / name, wanted[name])
            see("screenshot", path=str(picture(f"same-{Path(name).stem}")))
        for name in SAME_FILES:
            see("openFile", name=Path(name).name)
            in_the_problems_panel(see, name, wanted[name]["diagnostics"])
        see("openFile", name=Path(STEERING).name)
        see("screenshot", path=str(picture("steering")))
        see("press", key="Control+j")

        checking = tmp_path / "checking" / "settings.json"
        checking.write_text(json.dumps({"hints": {"min_tokens": 0}}))
        small = checked(bench.workspace, environ)
        assert len(small[STEERING]["hints"]) > len(wanted[STEERING]["hints"]) + 2
        see("palette", command="Bursar: Show or Hide Small Sizes")
        drawn(see, bench.workspace / STEERING, small[STEERING])
        see("palette", command="Bursar: Show or Hide Small Sizes")
        drawn(see, bench.workspace / STEERING, wanted[STEERING])

        the_table_adds_up(see("table", text="inclusion: always"))
        see("screenshot", path=str(picture("table")))
        pressed(see, bench.workspace / STEERING)
        checking.unlink()
        mended = checked(bench.workspace, environ)[STEERING]
        assert len(mended["diagnostics"]) == len(wanted[STEERING]["diagnostics"]) - 1
        # What was on the screen before is not what is to be there now, so that looks can also say no.
        assert mended["hints"] != wanted[STEERING]["hints"] and mended["lenses"] != wanted[STEERING]["lenses"]
        drawn(see, bench.workspace / STEERING, mended)
        in_the_problems_panel(see, STEERING, mended["diagnostics"])
        assert see("trouble")["outside"] == []


def until(see: Browser, look: Callable[[], Any], wanted: Any) -> None:
    """Look until what is seen is what is wanted; the page's own clock paces the looks, and the last one is told."""
    seen = look()
    for _ in range(300):
        if seen == wanted:
            return
        see("evaluate", expression="new Promise(done => setTimeout(done, 200))")
        seen = look()
    assert seen == wanted


def drawn(see: Browser, path: Path, wanted: dict[str, Any]) -> None:
    """Wait until hints and lenses stand in the text where they are wanted, and nothing else does.

    Lines are wrapped, and what separates a hint from its text is a space of some width.
    """
    lines = path.read_text("utf-8").split("\n")
    for hint in reversed(wanted["hints"]):
        text = lines[hint["line"]].encode("utf-16-le")
        at = 2 * hint["character"]
        lines[hint["line"]] = b"".join((text[:at], hint["label"].encode("utf-16-le"), text[at:])).decode("utf-16-le")
    bare = ["".join(each.split()) for each in lines]
    titles = [("".join(each["title"].split()), bare[each["line"]]) for each in wanted["lenses"]]

    def look() -> tuple[str, list[tuple[str, str]]]:
        shown = "".join("".join(each.split()) for each in see("lines"))
        over = [("".join(each["text"].split()), "".join(each["above"].split())) for each in see("lenses")]
        # A lens stands over the first of the lines into which its line is wrapped.
        whole = {above: line for _, line in titles for _, above in over if above and line.startswith(above)}
        return shown, [(title, whole.get(above, above)) for title, above in over]

    see("press", key="Control+Home")
    until(see, look, ("".join(bare), titles))


def in_the_problems_panel(see: Browser, name: str, wanted: list[dict[str, Any]]) -> None:
    """Its rows under a file are the findings; those of the lowest level are a dotted line in the text only."""
    expected = sorted(
        (each["line"] + 1, each["character"] + 1, each["severity"], each["code"], each["message"])
        for each in wanted
        if each["severity"] != "hint"
    )
    hints = sum(each["severity"] == "hint" for each in wanted)
    dots = "document.querySelectorAll('.view-overlays .squiggly-hint').length"

    def look() -> tuple[list[tuple[int, int, str, str, str]], int]:
        rows, inside = [], False
        for row in see("problems"):
            if row["level"] == 1:
                inside = row["text"].startswith(Path(name).name + Path(name).parent.as_posix())
            elif row["level"] == 2 and inside:
                found = ROW.fullmatch(row["text"])
                assert found is not None, row
                level = LEVELS[row["label"].partition(":")[0]]
                rows.append((int(found["line"]), int(found["column"]), level, found["code"], found["message"]))
        return sorted(rows), see("evaluate", expression=dots)

    until(see, look, (expected, hints))


def the_table_adds_up(rows: list[list[str]]) -> None:
    """The card for the file: a row for each section and each file that it takes in, and their sum."""
    assert rows[0] == [STEERING, "tokens", "cached", "written to the cache"]
    tokens = {row[0]: int(row[1].replace(",", "")) for row in rows[1:]}
    together = tokens.pop("together")
    assert {"Money", "Rooms", "Release", "docs/style.md"} <= set(tokens)
    assert sum(tokens.values()) == together
    assert all(cell.startswith("$") for row in rows[1:] for cell in row[2:])


def pressed(see: Browser, path: Path) -> None:
    """What the light bulb offers over a key is pressed: the key is gone from text and panel, and nothing else is."""
    before = path.read_text("utf-8")
    offered = see("lightBulb", text="matter of course", choose="Replace it by [REDACTED]")
    assert offered == ["Replace it by [REDACTED]", 'Write "to"']
    see("waitText", selector=".view-line", text="`[REDACTED]` is used")
    see("press", key="Control+s")
    until(see, lambda: path.read_text("utf-8"), re.sub(r"ghp_\w+", "[REDACTED]", before))
    until(see, lambda: "secret-in-prompt" in "".join(each["text"] for each in see("problems")), False)
    see("press", key="Control+j")
    see("openFile", name=path.name)
