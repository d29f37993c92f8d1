"""What a text weighs for a model: our exact count beside what its vendor's own tokenizer probably makes of it."""

from bursar.domain.counting.calibrate import Calibration, CountedRequest, calibration_of
from bursar.domain.counting.estimate import Estimate, estimate_blocks, estimate_of, estimate_text
from bursar.domain.counting.kinds import TextKind, are_kinds_counted, count_kinds, kinds_in, passage_kind

__all__ = [
    "Calibration",
    "CountedRequest",
    "Estimate",
    "TextKind",
    "are_kinds_counted",
    "calibration_of",
    "count_kinds",
    "estimate_blocks",
    "estimate_of",
    "estimate_text",
    "kinds_in",
    "passage_kind",
]
