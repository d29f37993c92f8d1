"""Findings as SARIF 2.1.0 (OASIS), the format that code scanning services and editors read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from bursar.commandline.places import Placed, path_from_here
from bursar.domain.rules.registry import BY_CODE
from bursar.session.pages import rule_page_uri
from bursar.views.annotations import Severity
from bursar.views.rule_pages import MADE, rule_page

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BECAME_DEARER = "became-dearer"
FINGERPRINT = "bursarFinding/v1"

_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "information": "note", "hint": "note"}


def sarif_log(found: Sequence[tuple[Placed, str]], problems: Sequence[str]) -> dict[str, Any]:
    """One run of ``bursar check``: its findings, each with the workspace that it is of, and what could not be read.

    A finding's fingerprint is made of its rule, its file and the text of its line, so it stays the same when lines
    come or go above it.
    """
    codes = [*BY_CODE, *sorted({each.finding.code for each, _ in found} - set(BY_CODE))]
    seen: Counter[tuple[str, str, str]] = Counter()
    results = []
    for each, workspace in found:
        key = (each.finding.code, each.path, each.text.strip())
        results.append(_result(each, workspace, codes.index(each.finding.code), _fingerprint(key, seen[key])))
        seen[key] += 1
    driver = {"name": "bursar", "version": version("bursar"), "rules": [_rule(each, found) for each in codes]}
    invocation: dict[str, Any] = {"executionSuccessful": not problems}
    if problems:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": each}} for each in problems]
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "invocations": [invocation],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str, found: Sequence[tuple[Placed, str]]) -> dict[str, Any]:
    known = BY_CODE.get(code)
    if code == BECAME_DEARER:
        return {
            "id": code,
            "name": "BecameDearer",
            "shortDescription": {"text": "A file that became dearer than the baseline allows."},
            "fullDescription": {
                "text": "The tokens of the file and of what it takes in, or what they cost as uncached input of the "
                "model, grew by more than --max-increase since the baseline was written."
            },
            "help": {
                "text": "Each request that carries the file pays the difference.\n\nShorten what grew, or take it as "
                "it is by writing the baseline anew: bursar check FILE... --json >BASELINE"
            },
            "defaultConfiguration": {"level": "error"},
        }
    if known is None:
        # What the parser of specs says: its messages tell all there is to know.
        worst = next(each.finding.severity for each, _ in found if each.finding.code == code)
        words = code.replace("-", " ").capitalize()
        return {
            "id": code,
            "shortDescription": {"text": f"{words}."},
            "help": {"text": "The message says what is wrong with the tasks file and what to write instead."},
            "defaultConfiguration": {"level": _LEVELS[worst]},
        }
    page = rule_page_uri(code)
    return {
        "id": code,
        "name": "".join(each.capitalize() for each in code.split("-")),
        "shortDescription": {"text": f"{known.title}."},
        "fullDescription": {"text": known.finds},
        "help": {"text": f"{known.why}\n\n{known.remedy}", "markdown": rule_page(known).removeprefix(MADE).lstrip()},
        "defaultConfiguration": {"level": _LEVELS[known.severity]},
        **({"helpUri": page} if page else {}),
    }


def _result(each: Placed, workspace: str, rule_index: int, fingerprint: str) -> dict[str, Any]:
    finding = each.finding
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            _location(
                each.path,
                {
                    "startLine": each.line,
                    "startColumn": each.column,
                    "endLine": each.end_line,
                    "endColumn": each.end_column,
                },
            )
        ],
        "partialFingerprints": {FINGERPRINT: fingerprint},
    }
    if finding.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": related.message},
                **_location(path_from_here(workspace, related.path), {"startLine": related.line + 1}),
            }
            for number, related in enumerate(finding.related, start=1)
        ]
    return result


def _location(path: str, region: dict[str, int]) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(path)}, "region": region}}


def _uri(path: str) -> str:
    """A reference relative to where the command was started, or the address of the file where the path is absolute."""
    if Path(path).is_absolute():
        return Path(path).as_uri()
    return quote(PurePath(path).as_posix().encode("utf-8", "surrogateescape"), safe="/")


def _fingerprint(key: tuple[str, str, str], before: int) -> str:
    text = "\0".join((key[0], PurePath(key[1]).as_posix(), key[2], str(before)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
