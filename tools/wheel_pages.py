"""A hook of the build: the pages of the rules go into the wheel; a checkout that is installed as it stands has them."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelPages(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling for each wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the pages to a wheel that holds the program."""
        if version != "editable":
            build_data["force_include"]["docs/rules"] = "bursar/pages/rules"
