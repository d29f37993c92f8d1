"""From what the rules found to what an editor shows: the user's levels, pages, and places that follow an edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from bursar.domain.rules.codes import CODES, Severity
from bursar.domain.rules.rule import Fix as RuleFix
from bursar.domain.rules.rule import Found
from bursar.domain.text.changed import TextChange
from bursar.views.annotations import Change, Finding, Fix, NewFile, Related


def rule_findings(found: Iterable[Found]) -> tuple[Finding, ...]:
    """The findings at their rules' own severities."""
    return tuple(_finding(each) for each in found)


def shown_findings(
    findings: Iterable[Finding],
    *,
    silenced: frozenset[str],
    levels: Mapping[str, Severity],
    page: Callable[[str], str],
) -> tuple[Finding, ...]:
    """Findings at the user's levels, without the silenced ones, each with the address of its page."""
    return tuple(
        replace(
            each,
            severity=levels.get(each.code, each.severity),
            href=each.href or (page(each.code) if each.code in CODES else ""),
        )
        for each in findings
        if each.code not in silenced
    )


def moved(found: Iterable[Found], change: TextChange) -> tuple[Found, ...]:
    """What was found in an older text, where its lines are now; what was edited itself is left out.

    A finding keeps no fixes: these are for the text that was looked at.
    """
    return tuple(
        replace(each, line=line, end_line=line + each.end_line - each.line, fixes=())
        for each in found
        if not change.touches(each.line, each.end_line) and (line := change.line(each.line)) is not None
    )


def _finding(each: Found) -> Finding:
    # Here and not above: the rules are loaded when the first text is looked at, not when the server starts.
    from bursar.domain.rules.registry import BY_CODE

    return Finding(
        line=each.line,
        character=each.character,
        end_line=each.end_line,
        end_character=each.end_character,
        severity=BY_CODE[each.code].severity,
        code=each.code,
        message=each.message,
        related=tuple(Related(path=at.path, line=at.line, message=at.message) for at in each.related),
        tags=("unnecessary",) if each.unnecessary else (),
        fixes=tuple(map(shown_fix, each.fixes)),
    )


def shown_fix(fix: RuleFix) -> Fix:
    """A fix of a rule as it is offered."""
    return Fix(
        title=fix.title,
        kind=fix.kind,
        changes=tuple(
            Change(
                path=each.path,
                line=each.line,
                character=each.character,
                end_line=each.end_line,
                end_character=each.end_character,
                new_text=each.new_text,
            )
            for each in fix.edits
        ),
        new_files=tuple(NewFile(path=each.path, text=each.text) for each in fix.creates),
    )
