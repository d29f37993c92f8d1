"""Counts the end-to-end tests, says the count as the session's last line, and builds the extension once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .need import is_required, missing_for_workbench, require_e2e
from .workbench import build_extension, install_extension

_outcomes: dict[str, str] = {}


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our extension installed; skips, or fails where editors are required, if a part is missing."""
    require_e2e(missing_for_workbench())
    folder = tmp_path_factory.mktemp("extension")
    install_extension(build_extension(folder), folder / "extensions")
    return folder / "extensions"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Where editors are required a skipped end-to-end test is a failed one, whatever skipped it."""
    report: pytest.TestReport = yield  # type: ignore[misc]
    if item.get_closest_marker("e2e"):
        was_skipped = report.skipped
        if report.skipped and is_required() and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"skipped under BURSAR_REQUIRE_E2E=1: {report.longrepr}"
        if report.when == "call" and not was_skipped:
            _outcomes[item.nodeid] = "run"
        elif was_skipped or report.failed:
            # One that failed before its own code began has not run.
            _outcomes.setdefault(item.nodeid, "skipped")
    return report  # type: ignore[return-value]


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """The session's last line."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _outcomes:
        done = list(_outcomes.values())
        reporter.write_line(f"e2e: {done.count('run')} run, {done.count('skipped')} skipped")
