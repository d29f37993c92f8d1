"""What the client says it can do, as far as anybody here asks: the rest is dropped before types are made of it."""

from __future__ import annotations

import re
from typing import Any

# All that is kept. Who wants to know more of the client adds a line here, or is told so by ``capability``.
KEPT = (
    "workspace.apply_edit",
    "workspace.workspace_edit.document_changes",
    "workspace.workspace_edit.resource_operations",
    "workspace.code_lens.refresh_support",
    "workspace.inlay_hint.refresh_support",
    "workspace.diagnostics.refresh_support",
    "workspace.configuration",
    "workspace.did_change_configuration.dynamic_registration",
    "workspace.did_change_watched_files.dynamic_registration",
    "workspace.file_operations",
    "text_document.synchronization.will_save",
    "text_document.synchronization.will_save_wait_until",
    "text_document.diagnostic",
    "text_document.hover.content_format",
    "text_document.code_action.code_action_literal_support",
    "text_document.publish_diagnostics",
    "text_document.rename.prepare_support",
    "window.work_done_progress",
    "window.show_document.support",
    "general.position_encodings",
)


def slim(capabilities: Any) -> Any:
    """The capabilities, as they came, without what is not kept."""
    return _slim(capabilities, _TREE)


def capability(can: object, path: str, default: Any = None) -> Any:
    """What the client said at this path; the default where it said nothing. Raises LookupError for what is not kept."""
    parts = path.split(".")
    tree: Any = _TREE
    for part in map(_camel, parts):
        if tree is not None and part not in tree:
            raise LookupError(f"{path} of the client's capabilities is not kept: add it to KEPT in {__name__}")
        tree = tree and tree[part]
    found: Any = can
    for part in parts:
        found = getattr(found, part, None)
    return default if found is None else found


def _slim(value: Any, tree: dict[str, Any] | None) -> Any:
    if tree is None or not isinstance(value, dict):
        return value
    return {key: _slim(each, tree[key]) for key, each in value.items() if key in tree}


def _camel(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def _tree() -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in KEPT:
        *above, last = map(_camel, path.split("."))
        at = tree
        for part in above:
            at = at.setdefault(part, {})
        at[last] = None
    return tree


_TREE = _tree()
