"""The project's own methods: bursar/documentTokens, bursar/runs and bursar/trustChanged."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bursar.domain.errors import BadInput
from bursar.lsp.desk import Desk
from bursar.lsp.protocol import failed
from bursar.lsp.to_lsp import run_json
from bursar.session.model import ENCODING, Trusted


def register(desk: Desk) -> None:
    """Answer them."""
    server, session = desk.server, desk.session

    @server.feature("bursar/documentTokens")
    async def document_tokens(params: Any) -> dict[str, Any]:
        uri = _field(_field(params, "textDocument"), "uri")
        document = session.snapshot().documents.get(str(uri))
        if document is None:
            raise failed(BadInput(f"{uri} is not open: open it first"))
        tokens = await session.analyst.tokens(document)
        estimate = await session.analyst.estimates.of(document.blocks)
        return {
            "version": document.version,
            "tokens": tokens,
            "encoding": ENCODING,
            "estimate": None if estimate is None else asdict(estimate),
        }

    @server.feature("bursar/runs")
    def runs(params: Any) -> dict[str, Any]:
        now = session.snapshot()
        steps = session.steps()
        return {
            "runs": [
                {**run_json(each, mine=each.record.run in now.mine, here=now.here), "steps": steps[each.record.run]}
                for each in session.summaries()
            ]
        }

    @server.feature("bursar/trustChanged")
    def trust_changed(params: Any) -> None:
        session.apply(Trusted(trusted=_field(params, "trusted") is True))


def _field(value: Any, name: str) -> Any:
    """A field of parameters of no declared type, which arrive as mappings or as objects."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)
