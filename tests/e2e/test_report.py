"""The report in a real browser: it asks for nothing, complains of nothing, and fits every screen in both tastes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.history import a_month, past
from support.program import User

from .need import TOOLS, chromium, require_e2e
from .workbench import Browser

pytestmark = pytest.mark.e2e

HOSTILE = """ <img src=http://127.0.0.1:9/x onerror=alert(1)><script>alert(2)</script>"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
TOO_WIDE = """[...document.querySelectorAll("body *")].filter((each) => {
  const box = each.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
}).map((each) => each.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = chromium()
    require_e2e("no chromium: run `make deps`" if found is None else None)
    require_e2e(None if (TOOLS / ".installed").exists() else "build/editor is missing: run `make editor-env`")
    assert found is not None
    running = Browser(tmp_path_factory.mktemp("browser") / "profile", found)
    yield running
    running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some days up to yesterday, with names that would load and run something if they were markup."""
    folder = tmp_path_factory.mktemp("report")
    user = User(home=folder / "home", cwd=folder)
    days = 12
    with past(user.home) as written:
        a_month(written, days=days, first=datetime.now(UTC).date() - timedelta(days=days), hostile=HOSTILE)
    out = folder / "report.html"
    assert user.do("report", "--out", out).code == 0
    return out


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("dark", [False, True])
def test_it_asks_for_nothing_and_fits(browser: Browser, report: Path, width: int, dark: bool) -> None:
    seen = browser("openPage", url=report.as_uri(), width=width, dark=dark)
    assert seen == {"asked": [report.as_uri()], "complaints": []}
    assert browser("evaluate", expression="document.images.length + document.scripts.length") == 0
    assert browser("evaluate", expression=TOO_WIDE) == []
    red, green, blue = browser("evaluate", expression=f"{BACKGROUND}.match(/\\d+/g).map(Number)")
    assert (max(red, green, blue) < 60) == dark
    assert "<script>alert(2)</script>" in browser("evaluate", expression="document.body.innerText")
    if "BURSAR_PICTURES" in os.environ:
        name = f"report-{width}-{'dark' if dark else 'light'}.png"
        browser("screenshot", path=str(Path(os.environ["BURSAR_PICTURES"]) / name), whole=True)


def test_on_paper_it_is_light_and_whole(browser: Browser, report: Path) -> None:
    browser("openPage", url=report.as_uri(), width=800, dark=True, print=True)
    assert browser("evaluate", expression=BACKGROUND) == "rgb(255, 255, 255)"
    assert browser("evaluate", expression=TOO_WIDE) == []


def test_control_a_page_that_loads_something_is_noticed(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<p style="width: 3000px">wide</p><img src="http://127.0.0.1:9/x.png">', encoding="utf-8")
    seen = browser("openPage", url=page.as_uri())
    assert "http://127.0.0.1:9/x.png" in seen["asked"]
    assert seen["complaints"]
    assert browser("evaluate", expression=TOO_WIDE)
