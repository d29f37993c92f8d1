"""A provider server for the demo and for tests, with faults, a prompt cache and a bill of its own.

It imports nothing else of this project: what it bills is the independent figure that ours is compared with.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bursar.simulator.clock import Clock
    from bursar.simulator.scenario import Scenario, ScenarioError, default_scenario, load_scenario, parse_scenario
    from bursar.simulator.server import serve

__all__ = ["Clock", "Scenario", "ScenarioError", "default_scenario", "load_scenario", "parse_scenario", "serve"]
_PLACES = {"Clock": "clock", "serve": "server"}


def __getattr__(name: str) -> Any:
    # Every command's parser knows this room's arguments, and must not pay for its server.
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'scenario')}"), name)
