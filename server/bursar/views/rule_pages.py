"""The page of a rule, from its definition: what it finds, why that costs, examples, how to silence it."""

from __future__ import annotations

from collections.abc import Sequence

from bursar.domain.rules.lines import MOST_CHARACTERS
from bursar.domain.rules.rule import Example, Rule

MADE = "<!-- Made by tools/rule_pages.py from the rule's definition; changes go there. -->"
_LEVELS = '"off"`, `"hint"`, `"information"`, `"warning"` or `"error"'


def rule_page(rule: Rule) -> str:
    """The Markdown page of one rule."""
    return "\n".join(
        [
            MADE,
            "",
            f"# `{rule.code}`: {rule.title}",
            "",
            f"Shown as: {rule.severity}. {_scope(rule)}",
            "",
            "## What it finds",
            "",
            rule.finds,
            "",
            "## Why it matters",
            "",
            rule.why,
            "",
            "## What to do",
            "",
            rule.remedy,
            "",
            "## An example that is found",
            "",
            *_example(rule.bad),
            "## An example that is not",
            "",
            *_example(rule.good),
            "## How to silence it",
            "",
            "In `settings.json` in Bursar's folder, or in VS Code under `bursar.diagnostics`:",
            "",
            "```json",
            f'{{"diagnostics": {{"{rule.code}": "off"}}}}',
            "```",
            "",
            f"The level is one of `{_LEVELS}`.",
            "",
            "## How often it is right",
            "",
            _precision(rule),
            "",
        ]
    )


def index_page(rules: Sequence[Rule]) -> str:
    """The page that lists all rules."""
    rows = [f"| [`{each.code}`]({each.code}.md) | {each.title} | {each.severity} |" for each in rules]
    return "\n".join(
        [
            MADE,
            "",
            "# Rules",
            "",
            "What Bursar finds in files that agents read, and on tasks. Each can be silenced or shown at another level "
            'with the setting `diagnostics`, such as `{"diagnostics": {"verbose-text": "off"}}`. A file of more than '
            f"{MOST_CHARACTERS:,} characters is not looked at.",
            "",
            "| code | what | shown as |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _scope(rule: Rule) -> str:
    if rule.check is None:
        return "It is found on a task of a `tasks.md`, from what runs cost and budgets leave."
    if rule.scope == "workspace":
        return "It looks at other files of the workspace, too."
    return "It looks at one file."


def _example(example: Example) -> list[str]:
    lines = []
    for path, text in example.files:
        fence = "````" if "```" in text else "```"
        body = _cut(text).removesuffix("\n")
        lines += [f"`{path}`:", "", f"{fence}text", *_shown(body).split("\n"), fence, ""]
    if example.situation:
        lines += [example.situation, ""]
    return lines


def _cut(text: str, most_lines: int = 24) -> str:
    lines = text.split("\n")
    if len(lines) <= most_lines:
        return text
    left = len(lines) - most_lines
    return "\n".join([*lines[: most_lines - 6], f"(.. {left + 1} more lines like these ..)", *lines[-5:]])


def _shown(text: str) -> str:
    """Characters that nobody sees by their numbers; joiners of emoji stay."""
    return text.replace("\u200b", "<U+200B>")


def _precision(rule: Rule) -> str:
    reading = rule.reading
    if not reading.read:
        return reading.note or "It has found nothing in the files that it was tried on, so there was nothing to read."
    sentence = f"Of {reading.read} findings that were read on {reading.on}, {reading.right} were right."
    return f"{sentence} {reading.note}" if reading.note else sentence
