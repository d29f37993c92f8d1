"""Reads what a fixture says that should be found in it, written by hand behind its code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bursar.domain.callsites import CallSite

FIXTURES = sorted((Path(__file__).parent / "fixtures").iterdir())
_EXPECT = re.compile(r"@(\d+)(?:-(\d+))? (\S+) ([^/ ]*)/(\S+)(?: limit=(\d+))?( template)?$")
_PROMPT = re.compile(r"(\w*) (\d+)(?:-(\d+))? (\".*\")$")
HOLE = "⟨⟩"


def expected(text: str) -> list[dict[str, Any]]:
    """The calls that a fixture's last comments name; lines are 1-based, ``?`` is nothing that is written."""
    found: list[dict[str, Any]] = []
    for line in text.splitlines():
        if not line.startswith(("# ", "// ")):
            continue
        word, _, rest = line.lstrip("#/ ").partition(": ")
        if word == "expect" and (match := _EXPECT.match(rest)):
            first, last, function, provider, model, limit, template = match.groups()
            found.append(
                {
                    "lines": (int(first), int(last or first)),
                    "function": function,
                    "provider": "" if provider == "?" else provider,
                    "model": None if model in ("?", "-") else model,
                    "limit": None if limit is None else int(limit),
                    "template": template is not None,
                    "prompts": [],
                    "open": [],
                }
            )
        elif word == "prompt" and (match := _PROMPT.match(rest)):
            role, first, last, written = match.groups()
            found[-1]["prompts"].append((role, (int(first), int(last or first)), json.loads(written)))
        elif word == "open":
            found[-1]["open"].append(rest)
        else:
            # A line that is no expectation is a comment of the fixture's own.
            assert word not in ("expect", "prompt", "open"), line
    return found


def shown(site: CallSite) -> dict[str, Any]:
    """A call that was found, in the same words."""
    return {
        "lines": (site.line + 1, site.end_line + 1),
        "function": site.function,
        "provider": site.provider,
        "model": site.model,
        "limit": site.max_output_tokens,
        "template": site.is_template,
        "prompts": [(each.role, (each.line + 1, each.end_line + 1), HOLE.join(each.pieces)) for each in site.prompts],
        "open": list(site.not_literal),
    }
