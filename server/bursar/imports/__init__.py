"""What other agents spent, from their own logs on this machine: read only when the user asks for it."""

from __future__ import annotations

from bursar.imports.aider import Aider
from bursar.imports.claude_code import ClaudeCode
from bursar.imports.cline import Cline
from bursar.imports.codex import Codex
from bursar.imports.opencode import OpenCode
from bursar.imports.reading import LogFormat

__all__ = ["FORMATS"]

_ROO = "rooveterinaryinc.roo-cline"
_CLINES = (Cline("cline", "saoudrizwan.claude-dev", others=(_ROO,)), Cline("roo-code", _ROO))

FORMATS: dict[str, LogFormat] = {each.agent: each for each in (ClaudeCode(), Codex(), OpenCode(), *_CLINES, Aider())}
