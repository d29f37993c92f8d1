"""What can be done at a place of a document: the fixes of its findings, and what concerns the whole file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bursar.domain.ports import InstructionTexts
from bursar.session.analysis import file_of
from bursar.session.model import Analysis, Document
from bursar.views.annotations import Finding, Fix
from bursar.views.rule_findings import shown_fix

_SPLIT_FROM_TOKENS = 1_500
_WITHOUT_MODELS = frozenset({"tasks", "chat", "code"})

Texts = Callable[[Path], InstructionTexts]


def fixes_at(
    document: Document,
    known: Analysis | None,
    findings: Sequence[Finding],
    first: int,
    last: int,
    *,
    texts: Texts,
    asked: bool,
) -> list[tuple[Finding | None, Fix]]:
    """The fixes on these lines, each with its finding; when the user asked for actions, those for the file, too."""
    if document.kind == "other":
        return []
    at = [each for each in findings if each.line <= last and each.last_line >= first]
    found: list[tuple[Finding | None, Fix]] = [(each, fix) for each in at for fix in each.fixes]
    if not asked or known is None or known.version != document.version:
        return found
    titles = {fix.title for _, fix in found}
    if known.tokens >= _SPLIT_FROM_TOKENS:
        found += [(None, fix) for fix in _splits(document, texts) if fix.title not in titles]
    if document.kind not in _WITHOUT_MODELS:
        estimate = Fix(
            title="Estimate with another model",
            kind="refactor",
            command="bursar.estimateWith",
            arguments=({"uri": document.uri},),
        )
        found.append((None, estimate))
    return found


def _splits(document: Document, texts: Texts) -> list[Fix]:
    # Here and not above: the rules are loaded when the first text is looked at, not when the server starts.
    from bursar.domain.rules.sizes import outermost
    from bursar.domain.rules.splitting import split_fix

    file = file_of(document)
    return [shown_fix(each) for each in split_fix(file, outermost(file), texts(Path(document.workspace)).exists)]
