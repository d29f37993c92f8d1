"""textDocument/diagnostic for clients that pull, textDocument/publishDiagnostics for the others; never both."""

from __future__ import annotations

from lsprotocol import types

from bursar.lsp.desk import Desk
from bursar.lsp.to_lsp import diagnostics
from bursar.session.analysis import annotations_of


def register_pull(desk: Desk) -> None:
    """Answer a client that asks; called only when it said that it does."""

    options = types.DiagnosticOptions(identifier="bursar", inter_file_dependencies=False, workspace_diagnostics=False)

    @desk.server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)
    def diagnostic(params: types.DocumentDiagnosticParams) -> types.RelatedFullDocumentDiagnosticReport:
        return types.RelatedFullDocumentDiagnosticReport(items=_items(desk, params.text_document.uri))


def push(desk: Desk) -> None:
    """Tell a client that does not ask about every document that is annotated."""
    for document in desk.session.snapshot().documents.values():
        if document.kind != "other":
            desk.server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(
                    uri=document.uri, version=document.version, diagnostics=_items(desk, document.uri)
                )
            )


def _items(desk: Desk, uri: str) -> list[types.Diagnostic]:
    snapshot = desk.session.snapshot()
    document = snapshot.documents.get(uri)
    if document is None:
        return []
    return diagnostics(
        document,
        annotations_of(snapshot, uri),
        related=desk.facts.related_information,
        encoding=desk.facts.encoding,
        pages=desk.facts.code_descriptions,
        tags=desk.facts.diagnostic_tags,
    )
