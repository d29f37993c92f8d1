"""Opens the real VS Code workbench on a copy of the example workspace, with the simulated provider (``make editor``).

Prints the workbench's address and stays until Ctrl-C; then everything that it started is ended.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bursar.demo import MODEL, SPEC, scenario_path, workspace_path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from e2e.workbench import NODE, build_extension, end_group, install_extension, serve_workbench, use_settings


def main() -> int:
    """Parse the command line and open; 2 where the workbench is not installed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workspace", type=Path, default=workspace_path(), help="what to copy and open")
    parser.add_argument("--scenario", type=Path, default=scenario_path(), help="what the simulated provider answers")
    parser.add_argument("--port", type=int, default=0, help="port of the workbench (default: any free one)")
    chosen = parser.parse_args()
    if not NODE.exists():
        sys.stderr.write("The workbench is not installed: run `make editor-env`.\n")
        return 2
    # A termination ends what was started just as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="bursar-editor-", ignore_cleanup_errors=True) as folder:
        try:
            open_editor(Path(folder), chosen.workspace, chosen.scenario, chosen.port)
        except KeyboardInterrupt:
            sys.stdout.write("\nEnded.\n")
    return 0


def open_editor(folder: Path, workspace: Path, scenario: Path, port: int) -> None:
    """Serve a workbench on a copy of a workspace, with its state below ``folder``, until interrupted."""
    copy = folder / "workspace"
    shutil.copytree(workspace, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    install_extension(build_extension(folder), folder / "extensions")
    with (
        simulator(folder, scenario) as url,
        serve_workbench(
            workspace=copy,
            folder=folder,
            extensions=folder / "extensions",
            environment={"BURSAR_HOME": str(folder / "home")},
            settings=use_settings(url, MODEL),
            port=port,
        ) as (process, address),
    ):
        sys.stdout.write(
            f"Open {address}\n"
            f"Then {SPEC}/tasks.md, and press Run over an open task. No key is needed; nothing is spent.\n"
            f"The provider's bill is {folder / 'bill.json'}. Ctrl-C ends it all.\n"
        )
        sys.stdout.flush()
        process.wait()
        sys.stderr.write(f"The workbench ended by itself; {folder / 'workbench.log'} says why.\n")


@contextmanager
def simulator(folder: Path, scenario: Path) -> Iterator[str]:
    """A running ``bursar simulate``: its address."""
    files = ["--scenario", scenario, "--bill", folder / "bill.json", "--log", folder / "log.jsonl"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "bursar", "simulate", *map(str, files)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise SystemExit("bursar simulate did not start; its words are above")
        yield str(json.loads(line)["url"])
    finally:
        end_group(process)


if __name__ == "__main__":
    sys.exit(main())
