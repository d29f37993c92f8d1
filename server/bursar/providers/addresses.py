"""Where a provider is: only addresses to which a key may go."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from bursar.domain.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A base URL that was checked, its host and port for messages, and whether it is on this machine."""

    base_url: str
    host: str
    is_loopback: bool


def checked_address(base_url: str, *, name: str) -> Address:
    """The address of a provider; raises BadInput for one that a key must not go to, or that is none."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput(f"base_url of the provider {name} is not an address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadInput(f"base_url of the provider {name} must be https://host/..., or http:// on this machine")
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            f"base_url of the provider {name} holds a user name or password: take it out and name a key with key_env"
        )
    if parts.query or parts.fragment:
        raise BadInput(f"base_url of the provider {name} must end with its path, without '?' and '#'")
    if any(not "!" <= each <= "~" for each in base_url):
        raise BadInput(f"base_url of the provider {name} has characters that an address cannot have")
    is_loopback = _is_loopback(host)
    if parts.scheme == "http" and not is_loopback:
        raise BadInput(
            f"base_url of the provider {name} is http:// on another machine ({host}): "
            "a key would go there readable by everybody between; use https://"
        )
    where = f"[{host}]" if ":" in host else host
    return Address(
        base_url=base_url.rstrip("/"),
        host=where if port is None else f"{where}:{port}",
        is_loopback=is_loopback,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
