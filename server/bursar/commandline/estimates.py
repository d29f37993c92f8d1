"""A vendor's figure beside our count, as every command has it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bursar.domain.counting import Calibration, estimate_text
from bursar.domain.ports import TokenCounter
from bursar.session.estimating import calibration_for, known_calibration, model_for_estimates
from bursar.wiring import App


def chosen_calibration(app: App, chosen: str | None) -> Calibration | None:
    """What is known of the model that the user names, else of that of the settings, where that may be nothing.

    Raises BadInput where nothing is known of the one that was named.
    """
    settings = app.settings()
    if chosen is not None:
        return known_calibration(app, settings, chosen)
    return calibration_for(app, settings, model_for_estimates(settings))


def estimate_json(text: str, calibration: Calibration | None, counter: TokenCounter) -> dict[str, Any] | None:
    """The estimate of a text, null where nothing is known of how the model counts."""
    return None if calibration is None else asdict(estimate_text(text, calibration, counter))
