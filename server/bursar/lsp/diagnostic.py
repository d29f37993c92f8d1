"""Diagnostics for clients that ask, of documents and of files that are not open; pushed to the others; never both."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from lsprotocol import types

from bursar.lsp.desk import Desk
from bursar.lsp.to_lsp import diagnostics
from bursar.session.model import Document
from bursar.session.ports import Adapters
from bursar.views.annotations import Annotations, Finding
from bursar.wiring import workspace_root

if TYPE_CHECKING:
    from bursar.session.workspace_rules import WorkspaceRules


def register_pull(desk: Desk, adapters: Adapters) -> None:
    """Answer a client that asks; called only when it said that it does."""

    options = types.DiagnosticOptions(identifier="bursar", inter_file_dependencies=True, workspace_diagnostics=True)

    @desk.server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)
    def diagnostic(
        params: types.DocumentDiagnosticParams,
    ) -> types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport:
        snapshot = desk.session.snapshot()
        document = snapshot.documents.get(params.text_document.uri)
        findings = () if document is None else desk.session.annotations(document.uri).findings
        id_ = result_id(desk, "" if document is None else document.text, findings)
        if params.previous_result_id == id_:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=id_)
        items = [] if document is None else _converted(desk, document, findings)
        return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=id_)

    @cache
    def rules() -> WorkspaceRules:
        from bursar.session.workspace_rules import WorkspaceRules

        return WorkspaceRules(adapters, workspace_root)

    @desk.server.feature(types.WORKSPACE_DIAGNOSTIC)
    async def workspace_diagnostic(params: types.WorkspaceDiagnosticParams) -> types.WorkspaceDiagnosticReport:
        snapshot, folders = desk.session.snapshot(), desk.session.folders
        opened = [each for each in snapshot.documents.values() if each.kind != "other"]
        found = await asyncio.to_thread(rules().look, folders, opened, snapshot.settings)
        before = {each.uri: each.value for each in params.previous_result_ids}
        items: list[types.WorkspaceFullDocumentDiagnosticReport | types.WorkspaceUnchangedDocumentDiagnosticReport] = []
        for each in found:
            document = each.document
            id_ = result_id(desk, document.text, each.findings)
            was = before.pop(document.uri, None)
            if was == id_:
                unchanged = types.WorkspaceUnchangedDocumentDiagnosticReport(
                    uri=document.uri, version=None, result_id=id_
                )
                items.append(unchanged)
            elif each.findings or was is not None:
                converted = _converted(desk, document, each.findings)
                items.append(_full(document.uri, converted, id_))
        # What was reported and is gone, or is open now and reported with its document.
        items += [_full(uri, [], "") for uri, value in before.items() if value and uri not in snapshot.documents]
        return types.WorkspaceDiagnosticReport(items=items)


def push(desk: Desk) -> None:
    """Tell a client that does not ask about every document that is annotated."""
    snapshot = desk.session.snapshot()
    for document in snapshot.documents.values():
        if document.kind != "other":
            items = _converted(desk, document, desk.session.annotations(document.uri).findings)
            desk.server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri=document.uri, version=document.version, diagnostics=items)
            )


def result_id(desk: Desk, text: str, findings: Iterable[Finding]) -> str:
    """Another word where anything of the answer is another: the findings, or the text that places them."""
    told = repr((desk.facts.encoding, hash(text), tuple(findings)))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _full(uri: str, items: list[types.Diagnostic], id_: str) -> types.WorkspaceFullDocumentDiagnosticReport:
    return types.WorkspaceFullDocumentDiagnosticReport(uri=uri, version=None, items=items, result_id=id_ or None)


def _converted(desk: Desk, document: Document, findings: Iterable[Finding]) -> list[types.Diagnostic]:
    return diagnostics(
        document,
        Annotations(findings=tuple(findings)),
        related=desk.facts.related_information,
        encoding=desk.facts.encoding,
        pages=desk.facts.code_descriptions,
        tags=desk.facts.diagnostic_tags,
    )
