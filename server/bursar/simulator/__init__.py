"""A provider server for the demo and for tests, with faults, a prompt cache and a bill of its own.

It imports nothing else of this project: what it bills is the independent figure that ours is compared with.
"""

from bursar.simulator.clock import Clock
from bursar.simulator.scenario import Scenario, ScenarioError, default_scenario, load_scenario, parse_scenario
from bursar.simulator.server import serve

__all__ = ["Clock", "Scenario", "ScenarioError", "default_scenario", "load_scenario", "parse_scenario", "serve"]
