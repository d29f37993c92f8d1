"""The providers in the settings, checked by pydantic: loaded only where there are any."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bursar.domain.errors import BadInput
from bursar.domain.wires import WIRES
from bursar.settings.checks import object_in
from bursar.settings.entries import BUILT_IN, ProviderEntry


def providers_from(given: Any, place: str) -> dict[str, ProviderEntry]:
    """The entries by their names. Raises BadInput that names the place, and for a key that would go to another host."""
    found = {}
    for name, entry in object_in(given, place).items():
        try:
            found[name] = _entry(name, object_in(entry, f"{place}.{name}"))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadInput(f"{place}.{name}.{where}: {first['msg']}") from error
    return found


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    wire: str
    base_url: str
    key_env: str | None = None
    price: Literal["card", "free"] = "card"

    @field_validator("wire")
    @classmethod
    def _known(cls, wire: str) -> str:
        if wire not in WIRES:
            raise ValueError(f"must be one of {', '.join(WIRES)}")
        return wire


def _entry(name: str, entry: dict[str, Any]) -> ProviderEntry:
    checked = _Entry.model_validate(entry)
    built_in = BUILT_IN.get(name)
    if (
        built_in is not None
        and checked.base_url.rstrip("/") != built_in.base_url.rstrip("/")
        and checked.key_env in (None, built_in.key_env)
    ):
        raise BadInput(
            f"providers.{name} has another host than the vendor's: give it a 'key_env' of its own, "
            f"so that the key in {built_in.key_env} is not sent there"
        )
    owner = next((each for each in BUILT_IN.values() if each.key_env == checked.key_env), None)
    if owner is not None and _host(checked.base_url) != _host(owner.base_url):
        raise BadInput(
            f"providers.{name} names {owner.key_env}, the key of {owner.name}, and has another host: "
            "give it a 'key_env' of its own, so that this key is not sent there"
        )
    return ProviderEntry(
        name=name, wire=checked.wire, base_url=checked.base_url, key_env=checked.key_env, price=checked.price
    )


def _host(base_url: str) -> str | None:
    try:
        return urlsplit(base_url).hostname
    except ValueError:
        return None
