"""Paths that are not read, or not changed, without the user's yes; matched in any case and at any depth."""

from __future__ import annotations

import re
import unicodedata

_KEYS = "it may hold keys or passwords"
_EDITOR = "it decides what the editor runs"
_VCS = "it decides what version control runs"
_AGENT = "it gives orders or permissions to agents"
_BUILD = "it is run by builds and tests"
_CI = "it is run on other machines"
_SHELL = "a shell runs it"
_STATE = "it is Bursar's own"
_INSTALLED = "it is an installed program"

_READ_FOLDERS = {
    ".git": _VCS,
    ".ssh": _KEYS,
    ".gnupg": _KEYS,
    ".aws": _KEYS,
    ".azure": _KEYS,
    ".kube": _KEYS,
    ".docker": _KEYS,
    ".gcloud": _KEYS,
    ".bursar": _STATE,
    ".vscode": _EDITOR,
    ".idea": _EDITOR,
    ".devcontainer": _EDITOR,
    ".husky": _VCS,
    ".cursor": _AGENT,
    ".claude": _AGENT,
    ".gemini": _AGENT,
    ".codex": _AGENT,
    ".windsurf": _AGENT,
    ".continue": _AGENT,
}
_READ_NAMES = {
    ".netrc": _KEYS,
    "_netrc": _KEYS,
    ".npmrc": _KEYS,
    ".pypirc": _KEYS,
    "pip.conf": _KEYS,
    "pip.ini": _KEYS,
    ".pgpass": _KEYS,
    ".my.cnf": _KEYS,
    ".htpasswd": _KEYS,
    ".git-credentials": _KEYS,
    ".dockercfg": _KEYS,
    ".boto": _KEYS,
    ".s3cfg": _KEYS,
    "credentials": _KEYS,
    "credentials.json": _KEYS,
    "secrets.json": _KEYS,
    "secrets.yaml": _KEYS,
    "secrets.yml": _KEYS,
    "secrets.toml": _KEYS,
    "terraform.tfstate": _KEYS,
    ".gitattributes": _VCS,
    ".gitmodules": _VCS,
    ".gitlab-ci.yml": _CI,
    ".mcp.json": _AGENT,
    "mcp.json": _AGENT,
    "sitecustomize.py": _BUILD,
    "usercustomize.py": _BUILD,
    ".pre-commit-config.yaml": _BUILD,
    ".bashrc": _SHELL,
    ".bash_profile": _SHELL,
    ".bash_login": _SHELL,
    ".bash_logout": _SHELL,
    ".bash_aliases": _SHELL,
    ".profile": _SHELL,
    ".zshrc": _SHELL,
    ".zshenv": _SHELL,
    ".zprofile": _SHELL,
    ".zlogin": _SHELL,
    ".zlogout": _SHELL,
    ".kshrc": _SHELL,
    ".cshrc": _SHELL,
    ".tcshrc": _SHELL,
    ".inputrc": _SHELL,
}
_READ_STARTS = {
    ".env": _KEYS,
    ".yarnrc": _KEYS,
    "id_rsa": _KEYS,
    "id_dsa": _KEYS,
    "id_ecdsa": _KEYS,
    "id_ed25519": _KEYS,
    ".roo": _AGENT,
    ".clinerules": _AGENT,
}
_READ_ENDS = {
    ".pem": _KEYS,
    ".key": _KEYS,
    ".p12": _KEYS,
    ".pfx": _KEYS,
    ".jks": _KEYS,
    ".keystore": _KEYS,
    ".kdbx": _KEYS,
    ".ppk": _KEYS,
    ".tfvars": _KEYS,
    ".env": _KEYS,
    ".pth": _BUILD,
    ".code-workspace": _EDITOR,
}
_READ_TREES = {
    ".github/workflows": _CI,
    ".github/actions": _CI,
    ".kiro/hooks": _AGENT,
    ".kiro/settings": _AGENT,
    ".config/fish": _SHELL,
    ".config/gh": _KEYS,
    ".config/gcloud": _KEYS,
}


def _without_agents(reasons: dict[str, str]) -> dict[str, str]:
    return {name: why for name, why in reasons.items() if why is not _AGENT}


_LOOK_FOLDERS, _LOOK_NAMES, _LOOK_STARTS, _LOOK_TREES = map(
    _without_agents, (_READ_FOLDERS, _READ_NAMES, _READ_STARTS, _READ_TREES)
)

_WRITE_FOLDERS = {
    ".kiro": _AGENT,
    ".specify": _AGENT,
    ".venv": _INSTALLED,
    "venv": _INSTALLED,
    "node_modules": _INSTALLED,
    ".circleci": _CI,
}
_WRITE_NAMES = {
    "conftest.py": _BUILD,
    "setup.py": _BUILD,
    "setup.cfg": _BUILD,
    "pyproject.toml": _BUILD,
    "pytest.ini": _BUILD,
    "tox.ini": _BUILD,
    "noxfile.py": _BUILD,
    "package.json": _BUILD,
    "makefile": _BUILD,
    "gnumakefile": _BUILD,
    "justfile": _BUILD,
    ".justfile": _BUILD,
    "agents.md": _AGENT,
    "agents.override.md": _AGENT,
    "claude.md": _AGENT,
    "claude.local.md": _AGENT,
    "gemini.md": _AGENT,
    ".cursorrules": _AGENT,
    ".windsurfrules": _AGENT,
    "azure-pipelines.yml": _CI,
    "jenkinsfile": _CI,
}
_WRITE_TREES = {
    ".github/copilot-instructions.md": _AGENT,
    ".github/instructions": _AGENT,
    ".github/prompts": _AGENT,
    ".github/agents": _AGENT,
    ".github/chatmodes": _AGENT,
}

_SHORT_NAMES = re.compile(r"(?:git|env|ssh|vscod|kiro|claud|cursor|netrc|npmrc)[a-z0-9]{0,6}~[0-9]+")


def protected_for_read(path: str) -> str | None:
    """Why reading this path (relative, forward slashes) needs the user's yes; None when it does not."""
    return _why(path, folders=_READ_FOLDERS, names=_READ_NAMES, trees=_READ_TREES)


def protected_for_write(path: str) -> str | None:
    """Why creating or changing this path needs the user's yes; None when not. What reading needs, it needs."""
    return protected_for_read(path) or _why(
        path, folders=_WRITE_FOLDERS, names=_WRITE_NAMES, trees=_WRITE_TREES, shapes=False
    )


def protected_for_look(path: str) -> str | None:
    """Why not even the user's own checks read this path by themselves; None for what is only an agent's.

    What agents are told is what such a check is for, and nothing of it is sent anywhere by it.
    """
    return _why(path, folders=_LOOK_FOLDERS, names=_LOOK_NAMES, trees=_LOOK_TREES, starts=_LOOK_STARTS)


def _why(
    path: str,
    *,
    folders: dict[str, str],
    names: dict[str, str],
    trees: dict[str, str],
    shapes: bool = True,
    starts: dict[str, str] = _READ_STARTS,
) -> str | None:
    parts = [part for each in path.replace("\\", "/").split("/") if (part := _plain(each)) not in ("", ".")]
    for part in parts:
        # Any depth, and a file of the folder's name too: '.git' may be a file that points elsewhere.
        why = folders.get(part) or (_by_shape(part, starts) if shapes else None)
        if why is not None:
            return why
    if parts and parts[-1] in names:
        return names[parts[-1]]
    joined = "/" + "/".join(parts) + "/"
    return next((why for tree, why in trees.items() if f"/{tree}/" in joined), None)


def _by_shape(part: str, starts: dict[str, str]) -> str | None:
    for start, why in starts.items():
        if part.startswith(start) and not (start.startswith("id_") and part.endswith(".pub")):
            return why
    for end, why in _READ_ENDS.items():
        if part.endswith(end):
            return why
    return _KEYS if _SHORT_NAMES.fullmatch(part) else None


def _plain(part: str) -> str:
    """The name as the loosest file system compares it: no case, nothing invisible, no stream, no last dots."""
    folded = unicodedata.normalize("NFKC", part).casefold()
    seen = "".join(each for each in folded if unicodedata.category(each) not in ("Cf", "Cc", "Mn"))
    return seen.partition(":")[0].rstrip(" .")
