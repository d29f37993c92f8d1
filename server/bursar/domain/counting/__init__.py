"""What a text weighs for a model: our exact count beside what its vendor's own tokenizer probably makes of it."""

from bursar.domain.counting.calibrate import Calibration, CountedRequest, calibration_of
from bursar.domain.counting.estimate import Estimate, estimate_of, estimate_text
from bursar.domain.counting.kinds import TextKind, count_kinds, kind_parts

__all__ = [
    "Calibration",
    "CountedRequest",
    "Estimate",
    "TextKind",
    "calibration_of",
    "count_kinds",
    "estimate_of",
    "estimate_text",
    "kind_parts",
]
