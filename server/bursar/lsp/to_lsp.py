"""From annotations to the protocol's words: converts, decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lsprotocol import types

from bursar.domain.moments import Here, in_local_time
from bursar.domain.money.price import usd, usd_text
from bursar.domain.runs import RunSummary
from bursar.domain.text.blocks import TextBlocks
from bursar.domain.text.units import PositionEncoding, units_before
from bursar.session.model import BufferEdit, Document, RunChange, UsageUpdate
from bursar.views.annotations import Annotations, Card, Finding, Meter
from bursar.views.runs_list import run_label

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}
_TAGS = {"unnecessary": types.DiagnosticTag.Unnecessary, "deprecated": types.DiagnosticTag.Deprecated}


def code_lenses(annotations: Annotations) -> list[types.CodeLens]:
    """The lenses; one that only tells has a command without a name, which editors show as plain text."""
    return [
        types.CodeLens(
            range=_range(each.line, 0, 0),
            command=types.Command(
                title=each.title,
                command=each.command or "",
                arguments=list(each.arguments),
                tooltip=each.tooltip or None,
            ),
        )
        for each in annotations.lenses
    ]


def inlay_hints(
    document: Document, annotations: Annotations, within: types.Range, encoding: PositionEncoding
) -> list[types.InlayHint]:
    """The hints on the lines of a range."""
    return [
        types.InlayHint(
            position=place(document.blocks, each.line, each.character, encoding),
            label=each.label,
            tooltip=each.tooltip,
            padding_left=True,
        )
        for each in annotations.hints
        if within.start.line <= each.line <= within.end.line
    ]


def diagnostics(
    document: Document,
    annotations: Annotations,
    *,
    related: bool,
    encoding: PositionEncoding,
    pages: bool = True,
    tags: bool = True,
) -> list[types.Diagnostic]:
    """The findings; with what belongs to them, the address of their page and tags where the editor shows these."""
    return [
        diagnostic_of(document, each, encoding, related=related, pages=pages, tags=tags)
        for each in annotations.findings
    ]


def diagnostic_of(
    document: Document,
    each: Finding,
    encoding: PositionEncoding,
    *,
    related: bool = False,
    pages: bool = False,
    tags: bool = False,
) -> types.Diagnostic:
    """One finding, plain unless more is asked for."""
    return types.Diagnostic(
        range=types.Range(
            start=place(document.blocks, each.line, each.character, encoding),
            end=place(document.blocks, each.last_line, each.end_character, encoding),
        ),
        message=each.message,
        severity=_SEVERITIES[each.severity],
        code=each.code,
        code_description=types.CodeDescription(href=each.href) if pages and each.href else None,
        source="bursar",
        tags=([_TAGS[tag] for tag in each.tags] or None) if tags else None,
        related_information=_related(document, each) if related and each.related else None,
    )


def hover(document: Document, card: Card, *, markdown: bool, encoding: PositionEncoding) -> types.Hover:
    """A hover over the card's characters, or its whole lines; as plain text where the client reads no Markdown."""
    start, end = types.Position(line=card.line, character=0), types.Position(line=card.end_line, character=0)
    if card.character is not None and card.end_character is not None:
        start = place(document.blocks, card.line, card.character, encoding)
        end = place(document.blocks, card.line, card.end_character, encoding)
    kind = types.MarkupKind.Markdown if markdown else types.MarkupKind.PlainText
    text = card.markdown if markdown else card.markdown.replace("**", "").replace("`", "").replace("\\", "")
    return types.Hover(contents=types.MarkupContent(kind=kind, value=text), range=types.Range(start=start, end=end))


def workspace_edit(edit: BufferEdit, encoding: PositionEncoding) -> types.WorkspaceEdit:
    """One versioned edit of one document."""
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(
                text_document=types.OptionalVersionedTextDocumentIdentifier(uri=edit.uri, version=edit.version),
                edits=[
                    types.TextEdit(
                        range=types.Range(
                            start=place(edit.blocks, *edit.start, encoding),
                            end=place(edit.blocks, *edit.end, encoding),
                        ),
                        new_text=edit.new_text,
                    )
                ],
            )
        ]
    )


def meter_json(meter: Meter) -> dict[str, Any]:
    """The payload of ``bursar/meter``."""
    return {
        "text": meter.text,
        "tooltip": meter.tooltip,
        "level": meter.level,
        "spent_usd": meter.spent_usd,
        "limit_usd": meter.limit_usd,
        "resets_at": meter.resets_at,
        "running": list(meter.running),
    }


def run_json(summary: RunSummary, *, mine: bool, here: Here) -> dict[str, Any]:
    """One run in the answer of ``bursar/runs``."""
    record = summary.record
    return {
        "run": record.run,
        "workspace": record.workspace,
        "spec": record.spec,
        "uri": file_uri(str(Path(record.workspace) / record.spec)),
        "line": record.task_line,
        "task": record.task_address,
        "title": record.task_title,
        "state": record.state,
        "reason": record.reason,
        "detail": None if record.detail is None else in_local_time(record.detail, here),
        "resume_at": record.resume_at,
        "label": run_label(summary),
        "mine": mine,
        "elsewhere": record.owner_alive and not mine,
        "steps_done": summary.steps_done,
        "cost_usd": usd_text(summary.cost_pico),
        "held_usd": usd_text(summary.held_pico),
        "in_doubt": [{"step": each.key, "what": each.intent.get("input")} for each in summary.in_doubt],
    }


def run_change_json(change: RunChange) -> dict[str, Any]:
    """The payload of ``bursar/runChanged``."""
    return {"run": change.run, "state": change.state, "reason": change.reason, "label": change.label}


def usage_json(update: UsageUpdate) -> dict[str, Any]:
    """The payload of ``bursar/usageUpdate``: the Agent Client Protocol's words, in which an amount is a number."""
    cost = {"amount": float(usd(update.cost_pico)), "currency": "USD"}
    return {"run": update.run, "used": update.used, "size": update.size, "cost": cost}


def place(blocks: TextBlocks, line: int, char: int, encoding: PositionEncoding) -> types.Position:
    """A place of a text in the encoding agreed."""
    return types.Position(line=line, character=units_before(blocks.line(line), char, encoding))


def file_uri(path: str) -> str:
    """The URI of an absolute path."""
    return Path(path).as_uri()


def _related(document: Document, finding: Finding) -> list[types.DiagnosticRelatedInformation]:
    root = Path(document.workspace)
    return [
        types.DiagnosticRelatedInformation(
            location=types.Location(
                uri=document.uri if each.path == document.spec else file_uri(str(root / each.path)),
                range=_range(each.line, 0, 0),
            ),
            message=each.message,
        )
        for each in finding.related
    ]


def _range(line: int, start: int, end: int) -> types.Range:
    return types.Range(start=types.Position(line=line, character=start), end=types.Position(line=line, character=end))
