"""Source code as a port: where a program asks a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bursar.domain.callsites import CallSite, CodeLanguage


class CallSites(Protocol):
    """Finds calls of models in source code."""

    def find(self, text: str, language: CodeLanguage, /) -> tuple[CallSite, ...]:
        """The calls in a text, in its order; nothing where it imports none of the libraries. Never raises on any text.

        Text that is half typed or broken is read as far as it goes. Slow for a large text: call it beside the loop.
        """
