"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A loaded machine is slow now and then; that is no finding.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
