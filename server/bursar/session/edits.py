"""The editor's changes of documents: applied as a whole or not at all, and never in the wrong place."""

from __future__ import annotations

from pathlib import Path

from bursar.domain.text.blocks import Change, NoPlace, TextBlocks
from bursar.session.model import Changed, Document, Edited
from bursar.session.ports import Editor


class Edits:
    """Knows which documents are out of step with the editor: a change of theirs fitted no text."""

    def __init__(self, editor: Editor) -> None:
        self._editor = editor
        self._out_of_step: set[str] = set()

    def in_step(self, uri: str) -> None:
        """The document was opened or closed: nothing is known to be missing."""
        self._out_of_step.discard(uri)

    def applied(self, document: Document, event: Changed | Edited) -> TextBlocks | None:
        """The text after the change; None where it stays as it was, and so must the version.

        A document that is out of step takes no ranges, which would land in the wrong place, until it is changed as a
        whole or opened again.
        """
        encoding = "utf-16" if isinstance(event, Changed) else event.encoding
        changes = (Change(span=None, text=event.text),) if isinstance(event, Changed) else event.changes
        whole = max((number for number, each in enumerate(changes) if each.span is None), default=None)
        if whole is not None:
            changes = changes[whole:]
            self._out_of_step.discard(document.uri)
        elif document.uri in self._out_of_step:
            return None
        blocks = document.blocks
        try:
            for each in changes:
                blocks = blocks.changed(each, encoding)
        except NoPlace as error:
            self.lost(document, str(error))
            return None
        return blocks

    def lost(self, document: Document, why: str) -> None:
        """A change is not in the text: said once, with what to do."""
        if document.uri in self._out_of_step:
            return
        self._out_of_step.add(document.uri)
        name = Path(document.path or document.uri).name
        self._editor.say(
            "warning",
            f"The editor sent a change of {name} that fits no text ({why}). Bursar keeps the text from before it, and "
            "its figures are those of that text: close the file and open it again.",
        )
