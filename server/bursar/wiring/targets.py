"""Whom a request may go to: providers by their settings with their keys, and the ways of a route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bursar.domain.errors import BadInput
from bursar.domain.ports import Journal, ModelProvider
from bursar.domain.routes import Role, Route, Target
from bursar.domain.runs import MODEL_CHOSEN, RunRecord
from bursar.runs.world import Way, Ways
from bursar.settings import BUILT_IN, ESTIMATE_MODEL, ProviderEntry, Settings, split_model
from bursar.system.clock import SystemClock
from bursar.system.failpoints import Failpoints
from bursar.system.ids import SystemIds


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Builds providers; ``keys`` are those that the editor keeps, ``journal`` opens the store."""

    environ: Mapping[str, str]
    keys: Mapping[str, str] = field(repr=False)
    clock: SystemClock
    ids: SystemIds
    failpoint: Failpoints
    journal: Callable[[], Journal]

    def provider(
        self, settings: Settings, chosen: str | None = None, *, role: Role = "edit"
    ) -> tuple[ModelProvider, str]:
        """The provider and model to use: what was chosen, the setting, else the default for estimates.

        Raises BadInput for a provider that no setting names.
        """
        route = settings.roles.get(role, settings.route)
        if chosen is None and route is not None:
            first = route.chain[0]
            return self.named(settings, first.provider), first.model
        name, model = split_model(chosen or settings.model or f"anthropic/{ESTIMATE_MODEL}")
        return self.named(settings, name), model

    def ways(self, settings: Settings, chosen: str | None = None, *, role: Role = "edit") -> Ways:
        """Whom a new run may ask: a chosen model alone, else the role's own route, the route that holds for all, or the
        one model of the settings."""
        route = settings.roles.get(role, settings.route)
        if chosen is None and route is not None:
            return self._ways(settings, route)
        return Ways.only(*self.provider(settings, chosen, role=role))

    def ways_of(self, settings: Settings, record: RunRecord) -> Ways:
        """Whom a run that was begun may ask: its route as it is now with the run's own model in it, else that alone.

        A model that the user has chosen for the run is asked alone, too, until the run ends or they choose another.
        """
        # Here and not above: what drives runs is loaded when it is first needed, not when the server starts.
        from bursar.runs.assemble import FirstRequest

        own = Target(provider=record.provider, model=record.model)
        route = settings.routes.get(FirstRequest.from_json(record.first_request).route or "")
        if route is None or any(each.kind == MODEL_CHOSEN for each in self.journal().events(run=record.run)):
            return self.ways(settings, str(own))
        if own not in route.chain:
            route = replace(route, chain=(own, *route.chain))
        return self._ways(settings, route)

    def _ways(self, settings: Settings, route: Route) -> Ways:
        made: dict[str, ModelProvider] = {}

        def way(target: Target) -> Way:
            if target.provider not in made:
                made[target.provider] = self.named(settings, target.provider)
            return Way(provider=made[target.provider], model=target.model)

        return Ways(
            route=route,
            chain=tuple(way(each) for each in route.chain),
            stronger=None if route.stronger is None else way(route.stronger),
            economy=None if route.economy is None else way(route.economy),
        )

    def named(self, settings: Settings, name: str) -> ModelProvider:
        """The provider of this name. Raises BadInput where no setting names it."""
        entry = settings.providers.get(name)
        if entry is None:
            known = ", ".join(sorted(settings.providers))
            raise BadInput(f"no provider is named '{name}': choose one of {known}, or add it to 'providers'")
        from bursar.providers import make_provider

        return make_provider(
            name=name,
            wire=entry.wire,
            base_url=entry.base_url,
            key=self.key_of(entry),
            key_name=entry.key_env,
            clock=self.clock,
            ids=self.ids,
            failpoint=self.failpoint,
        )

    def key_of(self, entry: ProviderEntry) -> Callable[[], str | None]:
        """What gives the entry's key: kept by the editor under its name, else in its variable.

        A key that was kept for a vendor goes to that vendor's host only, not to another that took the name.
        """
        vendor = BUILT_IN.get(entry.name)
        takes_kept = vendor is None or vendor.base_url.rstrip("/") == entry.base_url.rstrip("/")

        def key() -> str | None:
            kept = self.keys.get(entry.name) if takes_kept else None
            return kept or (self.environ.get(entry.key_env) or None if entry.key_env else None)

        return key
