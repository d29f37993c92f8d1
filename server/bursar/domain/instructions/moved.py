"""The parts and references of a file after an edit, until it is read again."""

from __future__ import annotations

from dataclasses import replace

from bursar.domain.instructions.file import Part, Reference
from bursar.domain.text.changed import TextChange


def moved_part(part: Part, change: TextChange) -> Part | None:
    """The part where it is now; None where its first line was changed together with others."""
    line = change.line(part.line)
    if line is None:
        return None
    return replace(part, line=line, end_line=max(change.end_line(part.end_line), line + 1))


def moved_reference(reference: Reference, change: TextChange) -> Reference | None:
    """The reference where it is now; None where its line was changed."""
    line = change.line(reference.line)
    if line is None or change.touches(reference.line, reference.line):
        return None
    return replace(reference, line=line)
