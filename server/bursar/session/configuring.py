"""The user's settings as they hold now; a mistake in them, like anything that goes on being wrong, is told once."""

from __future__ import annotations

from bursar.domain.errors import BadInput
from bursar.session.model import Configured
from bursar.session.money import default_settings
from bursar.session.ports import Adapters, Editor
from bursar.settings import ESTIMATE_MODEL

_SETTINGS = "Settings:"


class Configuring:
    """Takes the settings that the editor holds; where they cannot be read, those hold that come with Bursar."""

    def __init__(self, *, adapters: Adapters, editor: Editor) -> None:
        self._adapters = adapters
        self._editor = editor
        self._told: str | None = None
        self.settings = default_settings()

    def take(self, event: Configured) -> bool:
        """The settings hold from now on; whether files may be something else by them."""
        self._adapters.editor_settings = dict(event.settings)
        before = self.settings
        try:
            self.settings = self._adapters.settings()
            if self.settings != before and (self._told or "").startswith(_SETTINGS):
                self._told = None  # a mistake that is made again is told again
        except BadInput as error:
            self.settings = default_settings()
            self.tell_once(f"{_SETTINGS} {error}. Until then estimates use {ESTIMATE_MODEL}.")
        return self.settings.files != before.files

    def tell_once(self, text: str) -> None:
        """Show a problem, unless it is the one that was shown last."""
        if text != self._told:
            self._told = text
            self._editor.say("error", text)
