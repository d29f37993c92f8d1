"""From fixes to the protocol's code actions: converts, decides nothing."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types

from bursar.domain.text.units import PositionEncoding
from bursar.lsp.to_lsp import diagnostic_of, file_uri, place
from bursar.session.model import Document
from bursar.views.annotations import Finding, Fix


def code_action(
    document: Document, finding: Finding | None, fix: Fix, *, versioned: bool, encoding: PositionEncoding
) -> types.CodeAction:
    """One action: an edit of this version of the document, new files, or a command."""
    command = None
    if fix.command is not None:
        command = types.Command(title=fix.title, command=fix.command, arguments=list(fix.arguments))
    return types.CodeAction(
        title=fix.title,
        kind=types.CodeActionKind(fix.kind),
        diagnostics=None if finding is None else [diagnostic_of(document, finding, encoding)],
        edit=_fix_edit(document, fix, versioned=versioned, encoding=encoding) if fix.changes or fix.new_files else None,
        command=command,
    )


def _fix_edit(document: Document, fix: Fix, *, versioned: bool, encoding: PositionEncoding) -> types.WorkspaceEdit:
    edits = [
        types.TextEdit(
            range=types.Range(
                start=place(document.blocks, each.line, each.character, encoding),
                end=place(document.blocks, each.end_line, each.end_character, encoding),
            ),
            new_text=each.new_text,
        )
        for each in fix.changes
    ]
    if not versioned:
        return types.WorkspaceEdit(changes={document.uri: edits})
    made: list[types.CreateFile | types.TextDocumentEdit] = []
    for each in fix.new_files:
        uri = file_uri(str(Path(document.workspace) / each.path))
        start = types.Range(start=types.Position(line=0, character=0), end=types.Position(line=0, character=0))
        made.append(types.CreateFile(uri=uri, options=types.CreateFileOptions(overwrite=False, ignore_if_exists=False)))
        made.append(_edit_of(uri, None, [types.TextEdit(range=start, new_text=each.text)]))
    return types.WorkspaceEdit(document_changes=[*made, _edit_of(document.uri, document.version, edits)])


def _edit_of(uri: str, version: int | None, edits: list[types.TextEdit]) -> types.TextDocumentEdit:
    named = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
    return types.TextDocumentEdit(text_document=named, edits=list(edits))
