"""How the model that requests would go to counts, from what its provider reported so far."""

from __future__ import annotations

from bursar.domain.counting import Calibration, calibration_of
from bursar.domain.counting.calibrate import FEWEST
from bursar.domain.counting.families import FAMILIES, exact_encoding
from bursar.domain.errors import BadInput, StorageError
from bursar.session.money import default_settings
from bursar.session.ports import Adapters
from bursar.settings import ESTIMATE_MODEL, Settings

_LOOKED_AT_REQUESTS = 1_000


def model_for_estimates(adapters: Adapters, settings: Settings) -> str:
    """PROVIDER/MODEL that requests would go to; where that cannot be told, the default for estimates."""
    try:
        provider, model = adapters.provider(settings)
    except BadInput:
        provider, model = adapters.provider(default_settings(), f"anthropic/{ESTIMATE_MODEL}")
    return f"{provider.name}/{model}"


def calibration_for(adapters: Adapters, model: str) -> Calibration | None:
    """What is known of how a model counts; None where nothing is. Reads the journal, so beside the loop.

    Where the store cannot be read it is what is published.
    """
    if exact_encoding(model) is not None:
        return calibration_of(model)
    try:
        requests = adapters.journal().counted_requests(_LOOKED_AT_REQUESTS)
    except StorageError:
        requests = []
    return calibration_of(model, requests)


def known_calibration(adapters: Adapters, model: str) -> Calibration:
    """The same for a model that the user names. Raises BadInput where nothing is known of it."""
    found = calibration_for(adapters, model)
    if found is None:
        families = ", ".join(each.name for each in FAMILIES)
        raise BadInput(
            f"nothing is known of how '{model}' counts: it is of none of the families {families}, and fewer than "
            f"{FEWEST} requests to it are recorded. Name another model, or ask this one a few times with 'bursar run'"
        )
    return found
