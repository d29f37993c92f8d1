"""The step of the schema that counts what an estimate may be below its bill among what is not known.

A step never changes once a store may have taken it: what is written here is written out, and shared with nobody. No sum
of older rows changes: their estimates have no bound in tokens, and those whose bill is not known have no usage.
"""

from __future__ import annotations

_USAGE = "uncached_input, cache_read, cache_write_5m, cache_write_1h, output, reasoning"
_TOKENS = "uncached_input + cache_read + cache_write_5m + cache_write_1h + output"
_ABOUT = "local_day, workspace, agent, model, spec || '#' || task AS task, coalesce(file, '') AS file, session"

BOUNDS = f"""
DROP VIEW fact;
CREATE VIEW fact AS
SELECT {_ABOUT}, prompt_version AS prompt, 1 AS attempts,
    outcome = 'failed' OR (outcome = '' AND certainty = 'unknown') AS failed, 1 AS requests,
    certainty = 'estimated' AS estimated_requests, certainty = 'unknown' AS unknown_requests,
    unpriced AS unpriced_requests, {_USAGE}, coalesce(cost_pico, 0) AS cost_pico,
    iif(certainty = 'estimated', coalesce(cost_pico, 0), 0) AS estimated_pico,
    iif(cost_pico IS NULL, at_most_pico,
        iif(certainty = 'estimated' AND at_most_tokens > 0, max(at_most_pico - cost_pico, 0), 0)) AS at_most_pico,
    max(at_most_tokens - ({_TOKENS}), 0) AS at_most_tokens
FROM ledger
UNION ALL
SELECT {_ABOUT}, prompt_version, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM not_taken
UNION ALL
SELECT local_day, workspace, agent, model, '', '', session, '', requests, 0, requests,
    iif(certainty = 'estimated', requests, 0), 0, unpriced, {_USAGE},
    coalesce(cost_pico, 0), iif(certainty = 'estimated', coalesce(cost_pico, 0), 0), 0, 0
FROM imported;
"""  # noqa: S608 - names of our own
