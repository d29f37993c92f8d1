"""From the protocol's words to the session's: converts and checks, decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lsprotocol import types

from bursar.domain.errors import BadInput
from bursar.domain.text.blocks import Change
from bursar.domain.text.units import PositionEncoding
from bursar.lsp.capabilities import capability
from bursar.lsp.uris import path_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """What the client told of itself when it began: what it can do, and what the user gave it for us."""

    pulls_diagnostics: bool = False
    refreshes_lenses: bool = False
    refreshes_hints: bool = False
    related_information: bool = False
    code_descriptions: bool = False
    diagnostic_tags: bool = False
    reads_markdown: bool = False
    code_action_literals: bool = False
    creates_files: bool = False
    has_configuration: bool = False
    registers_configuration: bool = False
    registers_watchers: bool = False
    shows_progress: bool = False
    shows_documents: bool = False
    applies_versioned_edits: bool = False
    encoding: PositionEncoding = "utf-16"
    process_id: int | None = None
    trusted: bool = False
    keys_fd: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    folders: tuple[str, ...] = ()


def client_facts(params: types.InitializeParams) -> ClientFacts:
    """Read what a client says in ``initialize``; whatever it does not say, it cannot do, and nothing is trusted."""
    can = params.capabilities
    options = params.initialization_options if isinstance(params.initialization_options, dict) else {}
    settings, keys_fd = options.get("settings"), options.get("keysFd")
    uris = [each.uri for each in params.workspace_folders or []]
    if not uris and params.root_uri:
        uris = [params.root_uri]

    def has(name: str) -> bool:
        return capability(can, name, False) is True

    return ClientFacts(
        # Who asks but cannot be told to ask again (Neovim 0.10, 0.11) would never see what is found after it asked.
        pulls_diagnostics=capability(can, "text_document.diagnostic") is not None
        and has("workspace.diagnostics.refresh_support"),
        refreshes_lenses=has("workspace.code_lens.refresh_support"),
        refreshes_hints=has("workspace.inlay_hint.refresh_support"),
        related_information=_shows(can, "related_information"),
        code_descriptions=_shows(can, "code_description_support"),
        diagnostic_tags=_shows(can, "tag_support"),
        reads_markdown=_reads_markdown(can),
        code_action_literals=capability(can, "text_document.code_action.code_action_literal_support") is not None,
        creates_files="create" in (capability(can, "workspace.workspace_edit.resource_operations") or ()),
        has_configuration=has("workspace.configuration"),
        registers_configuration=has("workspace.did_change_configuration.dynamic_registration"),
        registers_watchers=has("workspace.did_change_watched_files.dynamic_registration"),
        shows_progress=has("window.work_done_progress"),
        shows_documents=has("window.show_document.support"),
        applies_versioned_edits=has("workspace.apply_edit") and has("workspace.workspace_edit.document_changes"),
        encoding=position_encoding(can),
        process_id=params.process_id,
        trusted=options.get("trusted") is True,
        keys_fd=keys_fd if isinstance(keys_fd, int) and not isinstance(keys_fd, bool) and keys_fd > 2 else None,
        settings=settings if isinstance(settings, dict) else {},
        folders=tuple(path for each in uris if (path := path_of(each)) is not None),
    )


def position_encoding(can: types.ClientCapabilities) -> PositionEncoding:
    """What positions are counted in: what the client names first besides UTF-16, which every client speaks."""
    offered = can.general.position_encodings if can.general is not None else None
    for each in offered or ():
        if each == "utf-32" or each == "utf-8":
            return "utf-32" if each == "utf-32" else "utf-8"
    return "utf-16"


def changes_of(params: types.DidChangeTextDocumentParams) -> tuple[Change, ...]:
    """The content changes in their order."""
    return tuple(
        Change(
            span=(
                ((each.range.start.line, each.range.start.character), (each.range.end.line, each.range.end.character))
                if isinstance(each, types.TextDocumentContentChangePartial)
                else None
            ),
            text=each.text,
        )
        for each in params.content_changes
    )


def argument(arguments: tuple[Any, ...], **wanted: type) -> list[Any]:
    """The fields of a command's one argument, in the order asked for. Raises BadInput for anything else."""
    given = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], dict) else {}
    for name, kind in wanted.items():
        if not isinstance(given.get(name), kind) or isinstance(given.get(name), bool):
            raise BadInput(
                f"this command takes one object with {', '.join(wanted)}: '{name}' is missing or no {kind.__name__}"
            )
    return [given[name] for name in wanted]


def _reads_markdown(can: types.ClientCapabilities) -> bool:
    """Whether hovers may be Markdown; a client that does not say has always been sent it."""
    formats = capability(can, "text_document.hover.content_format", None)
    return formats is None or types.MarkupKind.Markdown in formats


def _shows(can: types.ClientCapabilities, detail: str) -> bool:
    """Whether the client shows this detail of diagnostics; clients say it at either of two places."""
    pulls = capability(can, f"text_document.diagnostic.{detail}", None)
    pushes = capability(can, f"text_document.publish_diagnostics.{detail}", None)
    return bool(pulls or pushes)
