"""Answers that are used again: found by the exact request, asked for by one at a time, and told as what they are.

Only requests without tools are looked up: the same request is then worth the same answer, and nothing else was done.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bursar.domain.errors import BadInput
from bursar.domain.money.price import usd_text
from bursar.domain.responses import KeptResponse, response_key
from bursar.domain.routes import Target
from bursar.domain.runs import NewRun, RunRecord
from bursar.runs.assemble import FirstRequest, model_request
from bursar.runs.events import Events
from bursar.runs.fold import request_key
from bursar.runs.world import Way, World

_LOOK_EVERY_S = 0.2


def keys_of(world: World, planned: NewRun) -> list[str]:
    """The request's key at each target that may answer it, in the route's order; none for a request with tools."""
    first = FirstRequest.from_json(planned.first_request)
    if first.tools:
        return []
    return [_key(way, _body(way, first)) for way in world.chain_for(planned.model)]


@asynccontextmanager
async def my_turn(world: World, keys: list[str]) -> AsyncIterator[None]:
    """Nobody else asks for this meanwhile, in any process: who comes second finds the answer of the first."""
    if not keys:
        yield
        return
    store = world.journal.responses
    while store.take_turn(keys[0]) is not None:
        await world.clock.sleep(_LOOK_EVERY_S)
    try:
        yield
    finally:
        store.end_turn(keys[0])


async def reuse(world: World, planned: NewRun, keys: list[str]) -> tuple[str, str, str] | None:
    """The operation, the text and the stop reason of an answer that is kept; told as one that costs nothing now."""
    if not world.responses.on:
        return None
    store, workspace = world.journal.responses, planned.workspace
    found = store.find(keys, workspace=workspace, not_before=world.clock.utc_in(-world.responses.ttl_s))
    if found is None:
        return None
    await store.used(found, workspace=workspace)
    rows = world.journal.requests(run=found.run)
    costs = [each.cost_pico for each in rows]
    saved = sum(each for each in costs if each is not None) if costs and None not in costs else None
    await Events(world, found.run).tell(
        "answer_reused",
        paid_at=rows[-1].at if rows else found.kept_at,
        request_id=rows[-1].request_id if rows else "",
        saved_usd=None if saved is None else usd_text(saved),
    )
    return found.run, found.text, found.stop_reason


def to_keep(world: World, run: RunRecord, text: str, stop_reason: str) -> KeptResponse | None:
    """The answer of an operation under the key of who gave it; None for one that is not the request's whole answer.

    What was asked may have had less room for the answer than the request wants (a budget's), or have gone on from a
    beginning that broke off: that is an answer to it all the same where the model ended it, and not where room did.
    """
    first = FirstRequest.from_json(run.first_request)
    step = next((each for each in world.journal.steps(run.run) if each.key == request_key(1)), None)
    if first.tools or step is None or not world.responses.on:
        return None
    try:
        way = world.way_to(Target(provider=str(step.intent["provider"]), model=str(step.intent["model"])))
    except BadInput:
        return None
    if way is None or step.intent.get("effort", "normal") != "normal":
        return None
    body = _body(way, first)
    if stop_reason == "max_tokens" and hashlib.sha256(body).hexdigest() != step.body_sha256:
        return None
    return KeptResponse(
        key=_key(way, body),
        workspace=run.workspace,
        run=run.run,
        text=text,
        stop_reason=stop_reason,
        max_bytes=world.responses.max_bytes,
    )


def _body(way: Way, first: FirstRequest) -> bytes:
    return way.provider.body(model_request(first, (), model=way.model))


def _key(way: Way, body: bytes) -> str:
    provider = way.provider
    return response_key(
        provider=provider.name, wire=provider.wire, address=provider.address, model=way.model, body=body
    )
