"""textDocument/codeAction: what can be done about a finding, and with the file that it is in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lsprotocol import types

from bursar.domain.errors import BadInput
from bursar.lsp.commands import guarded
from bursar.lsp.desk import Desk
from bursar.lsp.fixes import code_action
from bursar.lsp.from_lsp import argument
from bursar.session.actions import fixes_at
from bursar.session.ports import Adapters

KINDS = ("quickfix", "refactor")


def register(desk: Desk, adapters: Adapters) -> None:
    """Answer with the actions on a range of the newest text; nothing to a client that would take them for commands."""
    desk.server.command("bursar.estimateWith")(guarded(desk, _estimate_with(desk, adapters)))
    options = types.CodeActionOptions(code_action_kinds=[*KINDS])

    @desk.server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    def code_actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        snapshot, facts = desk.session.snapshot(), desk.facts
        document = snapshot.documents.get(params.text_document.uri)
        if document is None or not facts.code_action_literals:
            return []
        asked = params.context.trigger_kind != types.CodeActionTriggerKind.Automatic
        lines = params.range.start.line, params.range.end.line
        known, findings = snapshot.analyses.get(document.uri), desk.session.annotations(document.uri).findings
        found = fixes_at(document, known, findings, *lines, texts=adapters.instruction_texts, asked=asked)
        versioned = facts.applies_versioned_edits
        return [
            code_action(document, finding, fix, versioned=versioned, encoding=facts.encoding)
            for finding, fix in found
            if _is_wanted(fix.kind, params.context.only) and (not fix.new_files or (facts.creates_files and versioned))
        ]


def _estimate_with(desk: Desk, adapters: Adapters) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def estimate_with(*arguments: Any) -> dict[str, Any]:
        # Only who asks for it waits for what estimates are made with.
        from bursar.session import other_model

        (uri,) = argument(arguments, uri=str)
        snapshot = desk.session.snapshot()
        document = snapshot.documents.get(uri)
        if document is None:
            raise BadInput(f"{uri} is not open: open it first")
        model = argument(arguments, model=str)[0] if "model" in arguments[0] else None
        if model is None:
            model = await desk.editor.choose("Estimate with which model?", other_model.other_models(snapshot.settings))
        if model is None:
            return {"uri": uri, "model": None}
        found = await other_model.estimate_with(adapters, snapshot.settings, document, model)
        desk.editor.say("info", found["message"])
        return found

    return estimate_with


def _is_wanted(kind: str, only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Whether the client asks for this kind: a kind that is asked for means those below it, too."""
    return not only or any(f"{kind}.".startswith(f"{_word(each)}.") or _word(each) == "" for each in only)


def _word(kind: types.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, types.CodeActionKind) else kind
