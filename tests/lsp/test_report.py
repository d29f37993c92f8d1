"""bursar.openReport writes the report and shows it where the client can."""

from __future__ import annotations

import stat
from pathlib import Path

from support.bench import Bench


async def test_the_report_is_written_and_its_place_told(bench: Bench) -> None:
    async with bench.window() as window:
        answer = await window.command("bursar.openReport", show=False)
        path = Path(answer["path"])
        assert (answer["shown"], path) == (False, bench.folder / "home" / "report.html")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "Nothing was spent in this time" in path.read_text(encoding="utf-8")
        assert window.asked("window/showDocument") == window.told("window/showMessage") == []
        assert (await window.command("bursar.openReport"))["shown"]
        (shown,) = window.asked("window/showDocument")
        assert (shown["uri"], shown["external"]) == (path.as_uri(), True)
