"""The protected list, in any case, at any depth, for reading and for changing."""

from __future__ import annotations

import pytest

from bursar.domain.safety.paths import protected_for_read, protected_for_write

SECRET = [
    ".env", ".env.local", ".ENV", "a/b/.envrc", "config/prod.env", "id_rsa", "keys/id_ed25519", "server.pem",
    "tls/Server.KEY", ".netrc", ".npmrc", ".yarnrc.yml", ".pypirc", "pip.conf",
    ".ssh/config", "x/.SSH/known_hosts", ".aws/credentials",
    ".git/config", ".git", "sub/.git/hooks/pre-commit", ".gitattributes", ".gitmodules", ".vscode/settings.json",
    ".VSCODE/Settings.json", "x.code-workspace", ".vscode/tasks.json", ".idea/x.xml", ".husky/pre-commit",
    ".github/workflows/ci.yml", ".gitlab-ci.yml", ".devcontainer/devcontainer.json", ".mcp.json", "sub/mcp.json",
    ".claude/settings.json", ".cursor/rules/a.mdc", ".gemini/x", ".codex/x", ".roo/rules", ".roomodes", ".clinerules",
    ".kiro/hooks/a.json", ".kiro/settings/mcp.json", "lib/x.pth", "sitecustomize.py", ".pre-commit-config.yaml",
    ".bashrc", ".zshrc", ".profile", ".bursar/settings.json", "cert.p12",
]  # fmt: skip
CHANGE_ONLY = [
    "AGENTS.md", "agents.MD", "sub/CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md", ".kiro/steering/tech.md",
    ".kiro/specs/a/tasks.md", ".specify/memory/constitution.md",
    "pyproject.toml", "package.json", "Makefile", "justfile", "conftest.py",
    "tests/conftest.py", "setup.py", ".venv/bin/pytest", "node_modules/x/index.js",
]  # fmt: skip
FREE = [
    "README.md", "src/app.py", "tests/test_app.py", "specs/001-a/tasks.md", "environment.md", "docs/env.md", "keys.py",
    "package-lock.json", "makefile.md", ".gitignore", "git/config", "id_rsa.pub", "monkey", "src/credentials/model.py",
]  # fmt: skip


@pytest.mark.parametrize("path", SECRET)
def test_reading_and_changing_need_a_yes(path: str) -> None:
    assert protected_for_read(path)
    assert protected_for_write(path)


@pytest.mark.parametrize("path", CHANGE_ONLY)
def test_reading_is_free_and_changing_needs_a_yes(path: str) -> None:
    assert protected_for_read(path) is None
    assert protected_for_write(path)


@pytest.mark.parametrize("path", FREE)
def test_the_rest_is_free(path: str) -> None:
    assert protected_for_read(path) is None
    assert protected_for_write(path) is None


@pytest.mark.parametrize(
    "path",
    [
        ".git./config",
        ".git /config",
        ".g\u200cit/config",
        "\uff0egit/config",
        ".git\\config",
        "./.git//config",
        ".git::$INDEX_ALLOCATION/config",
        "GIT~1/config",
        ".env::$DATA",
        ".vscode\u00ad/settings.json",
    ],
)
def test_other_spellings_of_a_protected_name_are_protected(path: str) -> None:
    assert protected_for_read(path)
