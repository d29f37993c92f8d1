"""Write the page of each rule into docs/rules from its definition, and remove pages of rules that are gone.

.venv/bin/python tools/rule_pages.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from bursar.domain.rules.registry import RULES
from bursar.views.rule_pages import index_page, rule_page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "rules"


def pages() -> dict[str, str]:
    """Every page by its name."""
    return {"README.md": index_page(RULES), **{f"{each.code}.md": rule_page(each) for each in RULES}}


def main() -> None:
    """Write what differs."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in FOLDER.iterdir():
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        path = FOLDER / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8", newline="\n")
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
