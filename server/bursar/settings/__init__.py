"""What the user has set, from the state folder, the environment and the editor; never from the workspace."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bursar.domain.errors import BadInput
from bursar.domain.instructions.kinds import DEFAULT_FILES, FileGlobs
from bursar.domain.money.alerts import AlertLimits, alert_limits
from bursar.domain.money.budget import BUDGET_KINDS, Amount, BudgetKind, budget_amount
from bursar.domain.responses import ResponseLimits
from bursar.domain.routes import ROLES, LocalOnly, Role, Route
from bursar.domain.rules.codes import Severity
from bursar.settings.checks import object_in, refuse_others
from bursar.settings.diagnostics import diagnostics_from, levels_in, silenced_in
from bursar.settings.entries import BUILT_IN, ESTIMATE_MODEL, ProviderEntry

__all__ = ("BUILT_IN", "ESTIMATE_MODEL", "ProviderEntry", "Settings", "load_settings", "split_model")

_DEFAULT_BUDGETS: Mapping[BudgetKind, str] = {"run": "1usd", "day": "5usd"}
_ALERT_EXAMPLES = {"cost_day": "'5usd'", "error_share": "'20%'", "p95_s": "'60'"}
_KEYS = (
    "providers",
    "model",
    "routes",
    "route",
    "roles",
    "local_only",
    "budget",
    "prices",
    "diagnostics",
    "test_command",
    "alerts",
    "hints",
    "files",
    "context",
    "response_cache",
)
HINT_MIN_TOKENS = 200
KeepWarmSetting: TypeAlias = Literal["ask", "on", "off"]
_KEEP_WARM: tuple[KeepWarmSetting, ...] = ("ask", "on", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The user's settings, checked. ``model`` is NAME/MODEL, or None where nothing was chosen.

    ``budgets`` has no entry where there is no limit.
    ``route`` is the chosen one of ``routes``; None where none is, or where a model was chosen nearer to the user.
    ``local_only`` holds whatever model is asked: it is everything that any place of the settings keeps here.
    """

    providers: Mapping[str, ProviderEntry]
    model: str | None
    budgets: Mapping[BudgetKind, Amount]
    prices: Path | None
    silenced: frozenset[str] = field(default=frozenset())
    levels: Mapping[str, Severity] = field(default_factory=dict)
    """The severity of each finding, by its code, that the user shows at another one than its own."""
    test_command: tuple[str, ...] = ()
    """What runs the tests of a requirement; their files stand for ``{files}``, or come last."""
    routes: Mapping[str, Route] = field(default_factory=dict)
    route: Route | None = None
    local_only: LocalOnly = field(default_factory=LocalOnly)
    alerts: AlertLimits = field(default_factory=AlertLimits)
    hint_min_tokens: int = HINT_MIN_TOKENS
    """From how many tokens up a part of a file says its size."""
    files: FileGlobs = DEFAULT_FILES
    responses: ResponseLimits = field(default_factory=ResponseLimits)
    roles: Mapping[Role, Route] = field(default_factory=dict)
    """Whom each role asks that has a route of its own; empty where a model was chosen nearer to the user."""
    trims: bool = True
    compacts: bool = True
    """Whether runs cut results where that probably saves more than it loses."""
    maps: bool = False
    """Whether a run's first request carries a map of the files that its task probably needs."""
    keep_warm: KeepWarmSetting = "off"
    """Whether a run's prompt is kept in the provider's cache while it waits for the user."""
    budget_places: Mapping[str, str] = field(default_factory=dict)
    """Where each budget of these was set: a file, the editor's setting, or nowhere."""


def load_settings(home: Path, environ: Mapping[str, str], editor: Mapping[str, Any] | None = None) -> Settings:
    """Read and check all settings; the environment wins over the editor, the editor over the file.

    Raises BadInput that names the place, the key and what it should be.
    """
    raw: dict[str, Any] = {}
    path = home / "settings.json"
    if path.exists():
        raw = object_in(_read(path), str(path))
        refuse_others(raw, _KEYS, str(path))
    places = {key: str(path) for key in raw}
    nearness = dict.fromkeys(raw, 0)
    route_in_file = raw.get("route")
    for key, value in (editor or {}).items():
        if value not in (None, "", {}):
            raw[key] = _with_editor(key, raw.get(key), value)
            places[key] = f"the editor's setting bursar.{key}"
            nearness[key] = 1
    if environ.get("BURSAR_PROVIDERS"):
        raw["providers"] = object_in(_parse(environ["BURSAR_PROVIDERS"], "BURSAR_PROVIDERS"), "BURSAR_PROVIDERS")
        places["providers"] = "BURSAR_PROVIDERS"
    if environ.get("BURSAR_MODEL"):
        raw["model"] = environ["BURSAR_MODEL"]
        places["model"] = "BURSAR_MODEL"
        nearness["model"] = 2
    checked = _Checked(raw, places)
    providers = {**BUILT_IN, **checked.providers()}
    routes = checked.routes(providers)
    named = checked.route(routes)
    model = checked.text("model")
    local_only = checked.localrefuse_others() | (named.local_only if named else LocalOnly())
    if isinstance(route_in_file, str) and route_in_file in routes:
        # The editor may choose another route; what the one in the file keeps here stays here.
        local_only |= routes[route_in_file].local_only
    roles = checked.roles(providers, routes)
    for each in roles.values():
        local_only |= each.local_only
    return Settings(
        providers=providers,
        model=model,
        routes=routes,
        route=None if model and nearness["model"] > nearness.get("route", 0) else named,
        roles={} if model and nearness["model"] > nearness.get("roles", 0) else roles,
        local_only=local_only,
        budgets=checked.budgets(),
        prices=Path(text).expanduser() if (text := checked.text("prices")) else None,
        silenced=checked.silenced(),
        levels=checked.levels(),
        test_command=checked.command("test_command"),
        alerts=checked.alerts(),
        hint_min_tokens=checked.hint_min_tokens(),
        files=checked.files(),
        trims=checked.of_context("trim", True),
        compacts=checked.of_context("compact", True),
        maps=checked.of_context("repository_map", False),
        responses=checked.responses(),
        keep_warm=checked.keep_warm(),
        budget_places={each: _budget_place(each, raw, editor, path) for each in BUDGET_KINDS},
    )


def _budget_place(kind: str, raw: Mapping[str, Any], editor: Mapping[str, Any] | None, path: Path) -> str:
    """Where this budget was set; ``raw`` is what the file and the editor say together, and is checked."""
    of_editor = (editor or {}).get("budget")
    if isinstance(of_editor, dict) and kind in of_editor:
        return f"the editor's setting bursar.budget.{kind}"
    return f"budget.{kind} in {path}" if kind in raw.get("budget", {}) else "Bursar's default"


def split_model(chosen: str) -> tuple[str, str]:
    """NAME/MODEL as its two parts. Raises BadInput for anything else."""
    name, slash, model = chosen.partition("/")
    if not (name and slash and model):
        raise BadInput(
            f"the model '{chosen}' names no provider: write NAME/MODEL, for example anthropic/{ESTIMATE_MODEL}"
        )
    return name, model


class _Checked:
    def __init__(self, raw: Mapping[str, Any], places: Mapping[str, str]) -> None:
        self._raw = raw
        self._places = places

    def text(self, key: str) -> str | None:
        value = self._raw.get(key)
        if value is not None and not isinstance(value, str):
            raise BadInput(f"{self._places[key]}: '{key}' must be a string")
        return value

    def providers(self) -> dict[str, ProviderEntry]:
        given = self._raw.get("providers", {})
        if not given and isinstance(given, dict):
            return {}
        from bursar.settings.providers import providers_from

        return providers_from(given, f"{self._places.get('providers', 'settings')}: providers")

    def routes(self, known: Mapping[str, ProviderEntry]) -> dict[str, Route]:
        given = self._raw.get("routes")
        if given is None:
            return {}
        from bursar.settings.routes import route_from

        place = f"{self._places['routes']}: routes"
        return {
            name: route_from(name, value, f"{place}.{name}", known) for name, value in object_in(given, place).items()
        }

    def route(self, routes: Mapping[str, Route]) -> Route | None:
        name = self.text("route")
        if not name:
            return None
        if name not in routes:
            listed = f"choose one of {', '.join(sorted(routes))}" if routes else "there are none"
            raise BadInput(f"{self._places['route']}: no route is named '{name}': {listed}, or add it to 'routes'")
        return routes[name]

    def roles(self, known: Mapping[str, ProviderEntry], routes: Mapping[str, Route]) -> dict[Role, Route]:
        """The route of each role: one by its name, or the one model that stands there."""
        given = self._raw.get("roles")
        if given is None:
            return {}
        from bursar.settings.routes import role_route

        place = f"{self._places['roles']}: roles"
        found = object_in(given, place)
        for key in found:
            if key not in ROLES:
                raise BadInput(f"{place}: '{key}' is no role: the roles are {', '.join(ROLES)}")
        return {role: role_route(found[role], f"{place}.{role}", known, routes) for role in ROLES if role in found}

    def localrefuse_others(self) -> LocalOnly:
        given = self._raw.get("local_only")
        if given is None:
            return LocalOnly()
        from bursar.settings.routes import local_only_from

        return local_only_from(given, f"{self._places['local_only']}: local_only")

    def budgets(self) -> dict[BudgetKind, Amount]:
        place = self._places.get("budget", "settings")
        given = object_in(self._raw.get("budget", {}), f"{place}: budget")
        for key in given:
            _scope(key, f"{place}: budget")
        found = {kind: self._budget(kind, given, place) for kind in BUDGET_KINDS}
        return {kind: amount for kind, amount in found.items() if amount is not None}

    def _budget(self, kind: BudgetKind, given: Mapping[str, Any], place: str) -> Amount | None:
        text = given.get(kind, _DEFAULT_BUDGETS.get(kind, "off"))
        if text in ("", "off"):
            return None
        if not isinstance(text, str):
            raise BadInput(f"{place}: budget.{kind} must be a string such as '5usd'")
        try:
            return budget_amount(text)
        except BadInput as error:
            raise BadInput(f"{place}: budget.{kind}: {error}") from error

    def command(self, key: str) -> tuple[str, ...]:
        text = self.text(key)
        try:
            return tuple(shlex.split(text or ""))
        except ValueError as error:
            raise BadInput(f"{self._places[key]}: '{key}' is no list of arguments ({error}): quote it right") from error

    def alerts(self) -> AlertLimits:
        place = f"{self._places.get('alerts', 'settings')}: alerts"
        given = object_in(self._raw.get("alerts", {}), place)
        refuse_others(given, tuple(_ALERT_EXAMPLES), place)
        for name, text in given.items():
            if not isinstance(text, str):
                raise BadInput(f"{place}.{name} must be a string such as {_ALERT_EXAMPLES[name]}")
        try:
            return alert_limits(**given)
        except BadInput as error:
            raise BadInput(f"{place.removesuffix('alerts')}{error}") from error

    def hint_min_tokens(self) -> int:
        from bursar.settings.shown import hint_min_tokens_from

        return hint_min_tokens_from(self._raw.get("hints", {}), f"{self._places.get('hints', 'settings')}: hints")

    def files(self) -> FileGlobs:
        from bursar.settings.shown import files_from

        return files_from(self._raw.get("files", {}), f"{self._places.get('files', 'settings')}: files")

    def of_context(self, key: str, usual: bool) -> bool:
        place = f"{self._places.get('context', 'settings')}: context"
        given = object_in(self._raw.get("context", {}), place)
        refuse_others(given, ("trim", "compact", "repository_map", "keep_warm"), place)
        value = given.get(key, usual)
        if not isinstance(value, bool):
            raise BadInput(f"{place}.{key} must be true or false")
        return value

    def responses(self) -> ResponseLimits:
        given = self._raw.get("response_cache")
        if given is None:
            return ResponseLimits()
        from bursar.settings.responses import response_limits

        return response_limits(given, f"{self._places['response_cache']}: response_cache")

    def keep_warm(self) -> KeepWarmSetting:
        value = self._raw.get("context", {}).get("keep_warm", "off") or "off"
        for each in _KEEP_WARM:
            if value == each:
                return each
        place = f"{self._places.get('context', 'settings')}: context"
        raise BadInput(f"{place}.keep_warm must be 'ask', 'on' or 'off'")

    def silenced(self) -> frozenset[str]:
        return silenced_in(self._diagnostics())

    def levels(self) -> dict[str, Severity]:
        return levels_in(self._diagnostics())

    def _diagnostics(self) -> Mapping[str, Any]:
        return diagnostics_from(
            self._raw.get("diagnostics", {}), f"{self._places.get('diagnostics', 'settings')}: diagnostics"
        )


def _with_editor(key: str, below: Any, above: Any) -> Any:
    """The editor's value of a setting over the file's; what the file keeps on this machine stays."""
    if key in ("local_only", "routes"):
        from bursar.settings.routes import with_local_only, with_routes

        return with_local_only(below, above) if key == "local_only" else with_routes(below, above)
    if key == "diagnostics" and isinstance(above, dict):
        # An editor sends every setting; only what was chosen there counts for more than the file.
        above = {code: level for code, level in above.items() if level != "default"}
    return {**below, **above} if isinstance(below, dict) and isinstance(above, dict) else above


def _read(path: Path) -> Any:
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}): mend or remove it") from error


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadInput(f"{place} is not JSON ({error}): mend or remove it") from error


def _scope(name: str, place: str) -> None:
    from bursar.domain.money.scopes import scope_kind

    try:
        scope_kind(name)
    except BadInput as error:
        raise BadInput(f"{place}: {error}") from error
