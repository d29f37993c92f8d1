"""Where the pages of the rules are: in the wheel beside the program, or in the checkout that it runs from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "pages" / "rules", _PACKAGE.parent.parent / "docs" / "rules")


@lru_cache(maxsize=256)
def rule_page_uri(code: str) -> str:
    """The address of a rule's page, which opens without a network; empty where the page was not installed."""
    found = (folder / f"{code}.md" for folder in _FOLDERS)
    return next((each.as_uri() for each in found if each.is_file()), "")
