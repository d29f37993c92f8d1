"""What another simulator, written apart from this one, found for the 34 sessions ``dev-*``: to three and one digits."""

from __future__ import annotations

from bursar.domain.context.rates import PRICE_SETS

SESSIONS = 34
TOLERANCE = 0.005

_EFFS = {
    "keep-all": (1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000),
    "window-40": (1.568, 2.273, 1.710, 2.043, 3.139, 4.119, 3.635),
    "mask-10": (1.420, 1.887, 1.526, 1.763, 2.491, 3.151, 2.835),
    "mask-10x10": (0.903, 1.005, 0.930, 0.964, 1.130, 1.269, 1.207),
    "mask-10x25": (0.877, 0.938, 0.894, 0.911, 1.010, 1.093, 1.058),
    "compact-80": (0.984, 0.988, 0.985, 0.987, 0.993, 1.000, 0.997),
    "compact-95": (1.000, 1.000, 1.000, 1.000, 1.000, 1.000, 1.000),
    "clear-tool-uses": (0.892, 0.952, 0.911, 0.920, 1.017, 1.093, 1.061),
    "clear-tool-uses-20k": (0.884, 0.933, 0.900, 0.905, 0.984, 1.042, 1.015),
    "opencode": (0.986, 1.024, 0.995, 0.997, 1.061, 1.103, 1.081),
    "idle-60min": (0.975, 0.975, 0.976, 0.974, 0.974, 0.974, 1.007),
    "idle-5min": (0.850, 0.937, 0.897, 0.846, 0.982, 1.033, 1.028),
    "optimum": (0.764, 0.824, 0.785, 0.789, 0.875, 0.919, 0.904),
}
_COSTS = {
    "window-40": 1.495,
    "mask-10": 1.336,
    "mask-10x10": 0.840,
    "mask-10x25": 0.834,
    "compact-80": 0.979,
    "clear-tool-uses": 0.845,
    "clear-tool-uses-20k": 0.840,
    "opencode": 0.975,
    "idle-60min": 0.971,
    "idle-5min": 0.823,
    "idle-5min-ping": 0.800,
}
_KEPT = {  # atoms and edit lines, in percent
    "window-40": (86.1, 88.5),
    "mask-10": (89.7, 85.5),
    "mask-10x10": (92.1, 89.5),
    "mask-10x25": (94.1, 90.6),
    "compact-80": (99.2, 98.2),
    "clear-tool-uses": (91.9, 88.4),
    "clear-tool-uses-20k": (93.4, 92.3),
    "opencode": (98.8, 98.4),
    "idle-60min": (99.2, 98.9),
    "idle-5min": (96.0, 94.9),
    "idle-5min-ping": (96.0, 94.9),
    "dedupe": (100, 100),
    "optimum": (100, 100),
}

FIGURES: dict[tuple[str, str, str], float] = {
    **{(name, prices, "eff"): eff for name, row in _EFFS.items() for prices, eff in zip("ABCDEFG", row, strict=True)},
    **{(name, "A", "cost"): cost for name, cost in _COSTS.items()},
    **{
        (name, prices, figure): kept / 100
        for name, row in _KEPT.items()
        for prices in PRICE_SETS
        if prices != "cliff"
        for figure, kept in zip(("retention", "edit_lines"), row, strict=True)
    },
    ("dedupe", "A", "eff"): 0.956,
    ("idle-5min-ping", "A", "eff"): 0.828,
    ("mask-10", "cliff", "eff"): 0.793,
    ("mask-10x25", "cliff", "eff"): 0.528,
    ("clear-tool-uses-20k", "cliff", "eff"): 0.498,
    ("clear-tool-uses-20k", "cliff", "retention"): 0.942,
    ("compact-95", "cliff", "eff"): 0.380,
    ("compact-95", "cliff", "retention"): 0.883,
    ("optimum", "cliff", "eff"): 0.459,
}
"""By policy, price set and figure."""
TIGHT: dict[tuple[str, str, str], float] = {
    ("compact-80", "A", "eff"): 0.796,
    ("compact-95", "A", "eff"): 0.798,
    ("clear-tool-uses-20k", "A", "eff"): 0.787,
    ("mask-10x25", "A", "eff"): 0.813,
    ("mask-10", "A", "eff"): 1.315,
    ("idle-5min", "A", "eff"): 0.772,
}
"""The same in a window of 100,000 tokens."""
TIGHT_WINDOW = 100_000
