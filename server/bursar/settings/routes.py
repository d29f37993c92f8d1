"""The routes in the settings: which targets may be asked, and what stays on this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, StrictBool, StrictStr, ValidationError

from bursar.domain.errors import BadInput
from bursar.domain.routes import Effort, LocalOnly, Route, Target, target_of

_STRICT = ConfigDict(extra="forbid")
_Model = TypeVar("_Model", bound=BaseModel)


class _LocalOnly(BaseModel):
    model_config = _STRICT
    paths: list[StrictStr] = []
    tasks: list[StrictStr] = []


class _Route(BaseModel):
    model_config = _STRICT
    chain: list[StrictStr]
    balance: StrictBool = False
    stronger: StrictStr | None = None
    economy: StrictStr | None = None
    effort: Effort = "normal"
    local_only: _LocalOnly = _LocalOnly()


def local_only_from(value: Any, place: str) -> LocalOnly:
    """What the settings keep on this machine. Raises BadInput that names the place and the key."""
    return _local_only(_checked(_LocalOnly, value, place), place)


def route_from(name: str, value: Any, place: str, known: Collection[str]) -> Route:
    """One route, each of its targets at one of the ``known`` providers. Raises BadInput that names place and key."""
    given = _checked(_Route, value, place)
    if not given.chain:
        raise BadInput(f"{place}.chain is empty: name at least one PROVIDER/MODEL")
    chain = tuple(_target(each, f"{place}.chain", known) for each in given.chain)
    for each in chain:
        if chain.count(each) > 1:
            raise BadInput(f"{place}.chain names {each} twice: name each target once, in the order to ask them")
    return Route(
        name=name,
        chain=chain,
        balance=given.balance,
        stronger=None if given.stronger is None else _target(given.stronger, f"{place}.stronger", known),
        economy=None if given.economy is None else _target(given.economy, f"{place}.economy", known),
        effort=given.effort,
        local_only=_local_only(given.local_only, f"{place}.local_only"),
    )


def role_route(value: Any, place: str, known: Collection[str], routes: Mapping[str, Route]) -> Route:
    """The route that a role names: one of ``routes``, or a PROVIDER/MODEL of its own. Raises BadInput."""
    if not isinstance(value, str) or not value:
        raise BadInput(f"{place} must be the name of a route or PROVIDER/MODEL")
    if value in routes:
        return routes[value]
    if "/" not in value:
        listed = f"choose one of {', '.join(sorted(routes))}" if routes else "there are none in 'routes'"
        raise BadInput(f"{place}: no route is named '{value}': {listed}, or write PROVIDER/MODEL")
    return Route(chain=(_target(value, place, known),))


def with_local_only(below: Any, above: Any) -> Any:
    """Two values of ``local_only`` as one that keeps what both keep; one that is none is left to be refused."""
    if below is None or not isinstance(above, Mapping):
        return above
    if not isinstance(below, Mapping):
        return below
    both = {**above, **below}
    for key in ("paths", "tasks"):
        parts = [each.get(key, []) for each in (below, above)]
        wrong = [each for each in parts if not isinstance(each, list)]
        both[key] = wrong[0] if wrong else [*parts[0], *parts[1]]
    return both


def with_routes(below: Any, above: Any) -> Any:
    """Two values of ``routes``: a name in both is what stands above, and keeps here what either keeps here."""
    if below is None or not isinstance(above, Mapping):
        return above
    if not isinstance(below, Mapping):
        return below
    both = {**below, **above}
    for name, route in above.items():
        kept = below.get(name)
        if isinstance(kept, Mapping) and isinstance(route, Mapping) and "local_only" in kept:
            both[name] = {**route, "local_only": with_local_only(kept["local_only"], route.get("local_only", {}))}
    return both


def _local_only(given: _LocalOnly, place: str) -> LocalOnly:
    for key, patterns in (("paths", given.paths), ("tasks", given.tasks)):
        for each in patterns:
            if not each.strip(" /"):
                raise BadInput(f"{place}.{key} holds an empty pattern: take it out, or write ** for everything")
    return LocalOnly(paths=tuple(given.paths), tasks=tuple(given.tasks))


def _target(text: str, place: str, known: Collection[str]) -> Target:
    try:
        target = target_of(text)
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from error
    if target.provider not in known:
        listed = ", ".join(sorted(known))
        raise BadInput(
            f"{place}: no provider is named '{target.provider}': choose one of {listed}, or add it to 'providers'"
        )
    return target


def _checked(kind: type[_Model], value: Any, place: str) -> _Model:
    if not isinstance(value, dict):
        raise BadInput(f"{place} must be a JSON object")
    for key in value:
        if key not in kind.model_fields:
            raise BadInput(f"{place}: '{key}' is not a setting; the settings are {', '.join(kind.model_fields)}")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{place}.{where}: {first['msg']}") from error
