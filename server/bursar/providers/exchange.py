"""One plain HTTP request and its whole answer: no stream, no retry, no redirect, no proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bursar.domain.errors import ProviderError, Unreachable
from bursar.domain.ports import Clock
from bursar.providers.attempt import MAX_ERROR_BYTES, Deadlines, OpenTransport, tls
from bursar.providers.failures import Sender, clean, cut, of_redirect, of_status, retry_after_s, said_in
from bursar.providers.sse import MAX_TOTAL_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """A whole answer with status 200."""

    text: str
    request_id: str | None


async def exchange(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    sender: Sender,
    clock: Clock,
    deadlines: Deadlines,
    model: str,
    transport: OpenTransport | None = None,
) -> Got | ProviderError:
    """The answer, or the failure as a value; AnswerCut where the request may have been taken."""
    import httpx

    request_id: str | None = None
    status: int | None = None
    try:
        async with (
            asyncio.timeout(deadlines.connect_s + deadlines.progress_s),
            httpx.AsyncClient(
                verify=tls(),
                trust_env=False,
                transport=None if transport is None else transport(),
                follow_redirects=False,
                timeout=httpx.Timeout(None, connect=deadlines.connect_s),
                limits=httpx.Limits(max_keepalive_connections=0),
            ) as client,
            client.stream(
                method,
                url,
                content=body,
                headers={
                    "accept-encoding": "identity",
                    "user-agent": "bursar",
                    **({} if body is None else {"content-type": "application/json"}),
                    **headers,
                },
            ) as response,
        ):
            status, request_id = response.status_code, clean(response.headers.get("request-id", ""), sender=sender)
            found = bytearray()
            async for chunk in response.aiter_raw():
                found += chunk
                if len(found) > (MAX_TOTAL_BYTES if status == 200 else MAX_ERROR_BYTES):
                    break
            text = bytes(found).decode("utf-8", "replace")
            if status == 200:
                if len(found) > MAX_TOTAL_BYTES:
                    return _cut("sent more than can be read", sender, request_id, status)
                return Got(text=text, request_id=request_id or None)
            if 300 <= status < 400:
                target = response.headers.get("location", "")
                return of_redirect(status, target, sender=sender, request_id=request_id)
            return of_status(
                status,
                said_in(text, sender=sender),
                sender=sender,
                request_id=request_id,
                retry_after_s=retry_after_s(
                    seconds=response.headers.get_list("retry-after"),
                    milliseconds=response.headers.get_list("retry-after-ms"),
                    clock=clock,
                ),
                model=model,
            )
    except TimeoutError:
        return _cut("did not answer in time", sender, request_id, status)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        return Unreachable(
            f"the provider {sender.name} at {sender.host} cannot be reached "
            f"({clean(str(error), sender=sender) or type(error).__name__}): check the network"
        )
    except httpx.HTTPError as error:
        said = clean(str(error), sender=sender) or type(error).__name__
        return _cut(f"broke off ({said})", sender, request_id, status)


def _cut(what: str, sender: Sender, request_id: str | None, status: int | None) -> ProviderError:
    return cut(f"the provider {sender.name} {what}", chars=0, request_id=request_id, status=status)
