"""No path of any tool leads out of the workspace, to what is no plain file, or to what is protected."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bursar.domain.ports import EditPlan, FileText, NeedsYes, ToolRefused
from bursar.workspace import LocalFiles, opening

from .support import CANARY, Bench, names

Tool = Callable[[LocalFiles, str], object]
TOOLS: dict[str, Tool] = {
    "list": lambda files, path: files.list(path),
    "read": lambda files, path: files.read(path),
    "search": lambda files, path: files.search("canary", path=path),
    "edit": lambda files, path: files.plan_edit(path, old=CANARY, new="x"),
    "write": lambda files, path: files.plan_write(path, text="x"),
    "read_bytes": lambda files, path: files.read_bytes(path),
}
each_tool = pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)


@pytest.fixture(params=["openat2", "by name"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds with the kernel's help and without it."""
    if request.param == "by name":
        monkeypatch.setattr(opening, "_openat2", lambda *_: None)


def _refused(found: object) -> str:
    assert isinstance(found, ToolRefused), found
    assert "canary-7c1f" not in found.message
    return found.message


BAD_NAMES = [
    "../outside/canary.txt", "../../x", "a/../../outside/canary.txt", "a/../../../x", "..", "sub/..", "/etc/passwd",
    "//etc/passwd", "~/.ssh/id_rsa", "file:///%2e%2e/%2e%2e/x", "file://host/x", "FILE:///etc/passwd", "http://a.example/x",
    "a\0b", "a\nb",
    "x" * 300, "d/" * 3000 + "x", "", "  ", "C:\\x", "c:/x", "..\\outside\\canary.txt", "\\\\host\\share", "\ud800",
    "a\u2028b",
]  # fmt: skip


@each_tool
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_relative_path_is_refused_with_a_sentence(bench: Bench, tool: Tool, name: str) -> None:
    message = _refused(tool(bench.files(), name))
    assert message.endswith(".") and len(message) < 500
    assert "\n" not in message


@each_tool
@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_out_of_the_workspace_is_refused(bench: Bench, tool: Tool, absolute: bool) -> None:
    target = bench.canary if absolute else Path("../outside/canary.txt")
    (bench.root / "link").symlink_to(target)
    (bench.root / "folder").symlink_to(bench.outside)
    (bench.root / "chain0").symlink_to(bench.canary)
    for n in range(30):
        (bench.root / f"chain{n + 1}").symlink_to(f"chain{n}")
    for name in ("link", "folder/canary.txt", "folder/new.txt", "folder", "chain30"):
        _refused(tool(bench.files(), name))
    assert bench.canary.read_text() == CANARY
    assert names(bench.outside) == ["canary.txt"]


@each_tool
def test_a_chain_of_links_without_end_is_refused(bench: Bench, tool: Tool) -> None:
    (bench.root / "a").symlink_to("b")
    (bench.root / "b").symlink_to("a")
    _refused(tool(bench.files(), "a"))


@each_tool
def test_a_sibling_with_a_longer_name_is_outside(bench: Bench, tool: Tool) -> None:
    evil = bench.root.with_name("ws-evil")
    evil.mkdir()
    (evil / "f").write_text(CANARY)
    (bench.root / "link").symlink_to(evil / "f")
    _refused(tool(bench.files(), "link"))
    _refused(tool(bench.files(), "../ws-evil/f"))


@each_tool
def test_a_hard_link_is_refused(bench: Bench, tool: Tool) -> None:
    os.link(bench.canary, bench.root / "hard")
    found = tool(bench.files(), "hard")
    if tool is TOOLS["list"]:
        assert "is a file" in _refused(found)
    else:
        assert "hard link" in _refused(found)
    assert (
        bench.files().search("canary")
        == "No line matches.\n(1 files were not searched: no UTF-8 text, too large, or not plain)"
    )


@each_tool
def test_what_is_no_file_is_refused_and_never_waited_for(bench: Bench, tool: Tool) -> None:
    os.mkfifo(bench.root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bench.root / "s"))
        (bench.root / "zero").symlink_to("/dev/zero")
        for name in ("pipe", "s", "zero"):
            _refused(tool(bench.files(), name))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
@each_tool
def test_a_device_is_refused(bench: Bench, tool: Tool) -> None:
    try:
        os.mknod(bench.root / "null", 0o666 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("devices cannot be made here")
    _refused(tool(bench.files(), "null"))


@pytest.mark.parametrize("tool", [TOOLS["read"], TOOLS["edit"], TOOLS["write"], TOOLS["read_bytes"]])
def test_a_folder_is_no_file(bench: Bench, tool: Tool) -> None:
    (bench.root / "d").mkdir()
    assert "folder" in _refused(tool(bench.files(), "d"))
    assert "folder" in _refused(tool(bench.files(), "."))


def test_a_link_inside_is_read_and_never_written_through(bench: Bench) -> None:
    bench.put("src/a.py", "x = 1\n")
    (bench.root / "a.py").symlink_to("src/a.py")
    (bench.root / "lib").symlink_to(bench.root / "src")
    files = bench.files()
    for name in ("a.py", "lib/a.py"):
        found = files.read(name)
        assert isinstance(found, FileText) and found.path == "src/a.py"
    assert "is a link" in _refused(files.plan_edit("a.py", old="1", new="2"))
    assert "is a link" in _refused(files.plan_write("a.py", text="y"))
    plan = files.plan_edit("lib/a.py", old="1", new="2")
    assert isinstance(plan, EditPlan) and plan.path == "src/a.py"


def test_a_link_to_what_is_protected_is_protected(bench: Bench) -> None:
    bench.put(".vscode/settings.json", "{}")
    bench.put(".env", "A=1")
    bench.put("plain.txt", "b")
    (bench.root / "conf").symlink_to(".vscode")
    (bench.root / "notes").symlink_to(".env")
    (bench.root / ".env.local").symlink_to("plain.txt")
    files = bench.files()
    for found in (
        files.read("notes"),
        files.read("conf/settings.json"),
        files.plan_edit("conf/settings.json", old="{}", new="[]"),
        files.plan_write("conf/tasks.json", text="{}"),
        files.read(".env.local"),
    ):
        assert isinstance(found, NeedsYes), found
    assert isinstance(files.read_bytes("notes"), ToolRefused)


PROTECTED_CHANGES = [
    ".vscode/settings.json", ".VSCODE/Settings.json", "x.code-workspace", ".vscode/tasks.json", ".claude/settings.json",
    ".mcp.json", ".git/config", ".git/hooks/pre-commit", "sub/.git", ".gitattributes", "package.json", "AGENTS.md",
    ".env", "conftest.py", "Makefile", ".kiro/specs/a/tasks.md", ".github/workflows/x.yml",
]  # fmt: skip


@pytest.mark.parametrize("path", PROTECTED_CHANGES)
def test_changing_what_is_protected_needs_a_yes_also_where_there_is_nothing_yet(bench: Bench, path: str) -> None:
    files = bench.files()
    found = files.plan_write(path, text='{"chat.tools.autoApprove": true}')
    assert isinstance(found, NeedsYes) and found.path == path and found.why
    assert names(bench.root) == []
    allowed = files.plan_write(path, text="{}", allowed=frozenset({found.path}))
    assert isinstance(allowed, EditPlan)
    assert files.apply(allowed) is None
    assert (bench.root / path).read_text() == "{}"
    assert isinstance(files.plan_edit(path, old="{}", new="[]"), NeedsYes)


def test_what_is_protected_is_read_and_listed_with_a_yes_only(bench: Bench) -> None:
    bench.put(".env", "A=canary\n")
    bench.put("keys/server.pem", "canary")
    bench.put(".ssh/config", "canary")
    bench.put("readme.txt", "canary\n")
    files = bench.files()
    found = files.read(".env")
    assert isinstance(found, NeedsYes) and found.path == ".env"
    allowed = files.read(".env", allowed=frozenset({".env"}))
    assert isinstance(allowed, FileText) and allowed.text == "A=canary\n"
    assert isinstance(files.list(".ssh"), NeedsYes)
    listed = files.list(".")
    assert listed == ".env (protected)\n.ssh/ (protected)\nkeys/\nreadme.txt\t7 bytes"
    assert files.list("keys") == "server.pem (protected)"
    assert files.search("canary") == "readme.txt:1: canary\n(3 protected files or folders were not searched)"
    assert isinstance(files.search("canary", path=".env"), ToolRefused)
    assert files.read_bytes(".env") == ToolRefused(message=".env is protected: it may hold keys or passwords.")


def test_steering_specs_and_build_files_are_free_to_read(bench: Bench) -> None:
    files = bench.files()
    for path in (".kiro/specs/a/tasks.md", ".kiro/steering/tech.md", "AGENTS.md", "pyproject.toml", "conftest.py"):
        bench.put(path, "text\n")
        assert isinstance(files.read(path), FileText)
        assert files.read_bytes(path) == b"text\n"


@pytest.mark.parametrize("name", ["CON", "con.txt", "ab:c", "x.", "x ", "dir /x", "a?b", "NUL.tar.gz", "lpt1/x"])
def test_a_new_file_has_a_name_that_every_system_can_have(bench: Bench, name: str) -> None:
    assert "every system" in _refused(bench.files().plan_write(name, text="x"))


def test_a_folder_swapped_for_a_link_after_planning_leads_nowhere(bench: Bench) -> None:
    bench.put("src/canary.txt", CANARY)
    files = bench.files()
    plan = files.plan_edit("src/canary.txt", old="canary-7c1f", new="gone")
    assert isinstance(plan, EditPlan)
    (bench.root / "src").rename(bench.root / "old")
    (bench.root / "src").symlink_to(bench.outside)
    _refused(files.apply(plan))
    assert files.probe(plan) == "conflict"
    (bench.root / "src").unlink()
    bench.put(".vscode/canary.txt", CANARY)
    (bench.root / "src").symlink_to(".vscode")
    _refused(files.apply(plan))
    assert bench.canary.read_text() == CANARY == (bench.root / ".vscode/canary.txt").read_text()


def test_a_folder_swapped_between_the_look_and_the_opening_leads_nowhere(bench: Bench) -> None:
    """The real race: what was resolved is opened by its real path, and nothing in that may be a link."""
    bench.put("src/x", "fine")
    (bench.root / "src").rename(bench.root / "old")
    (bench.root / "src").symlink_to(bench.outside)
    with pytest.raises(OSError):
        opening.read_plain(bench.root, "src/canary.txt", 100)
    with pytest.raises(OSError), opening.folder_beneath(bench.root, "src"):
        pass
    with pytest.raises(OSError):
        opening.make_folders(bench.root, "src/new")
    assert names(bench.outside) == ["canary.txt"]


def test_the_programs_own_folder_is_closed_to_every_tool(bench: Bench) -> None:
    """Also where the workspace holds it (a home folder with a spec in it), through a link, and after a yes."""
    state = bench.root / ".local/share/bursar"
    bench.put(".local/share/bursar/settings.json", '{"canary": 1}\n')
    (bench.root / "link").symlink_to(state)
    files = LocalFiles(bench.root, buffers=None, failpoint=lambda _: None, off_limits=state)
    for folder in (".local/share/bursar", "link"):
        path = f"{folder}/settings.json"
        yes = frozenset({".local/share/bursar/settings.json", path})
        for told in (
            files.list(folder, allowed=yes),
            files.read(path, allowed=yes),
            files.plan_edit(path, old="1", new="2", allowed=yes),
            files.plan_write(path, text="{}", allowed=yes),
            files.plan_write(f"{folder}/new.json", text="{}", allowed=yes),
            files.read_bytes(path),
        ):
            assert isinstance(told, ToolRefused)
            assert "canary" not in told.message
    found = files.search("canary")
    assert isinstance(found, str) and "settings.json" not in found
    forged = EditPlan(
        path="link/settings.json",
        sha256_before=hashlib.sha256(b'{"canary": 1}\n').hexdigest(),
        sha256_after=hashlib.sha256(b"{}").hexdigest(),
        text_after="{}",
        in_editor=False,
    )
    assert isinstance(files.apply(forged), ToolRefused)
    assert (state / "settings.json").read_text() == '{"canary": 1}\n'
