"""What forty models cost by a second source, with its own arithmetic: nothing here is shared with what it checks.

The models are those that a coding agent is pointed at today: the current and the last generations of six vendors, as
far as both sources have them. Nobody publishes how often each is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

FIXTURE = Path(__file__).parent / "litellm.json"

# The bucket, and the key of its price for one token; a size and a service may follow it.
KEYS = {
    "uncached_input": "input_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "output": "output_cost_per_token",
    "reasoning": "output_cost_per_reasoning_token",
}
SERVICES = {"standard": "", "batch": "_batches", "flex": "_flex", "priority": "_priority"}
_SIZE = re.compile(r"_above_([0-9]+)k_tokens")
_OUTPUT_TOKENS = 1_000
_USUAL_PROMPT_TOKENS = 50_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One thing to compare: so many tokens of one bucket, in a request whose whole prompt has so many."""

    model: str
    service: str
    bucket: str
    prompt_tokens: int

    @property
    def name(self) -> str:
        return f"{self.service} {self.bucket} at {self.prompt_tokens}"

    @property
    def tokens(self) -> int:
        return _OUTPUT_TOKENS if self.bucket in ("output", "reasoning") else self.prompt_tokens


def source() -> dict[str, Any]:
    """The fixture; its figures are exact decimals."""
    read: dict[str, Any] = json.loads(FIXTURE.read_text(), parse_float=Decimal)
    return read


def questions(models: dict[str, dict[str, Decimal]]) -> Iterator[Asked]:
    """Every bucket of every service that the source has, for a usual prompt and on both sides of each edge."""
    for model, entry in models.items():
        edges = sorted({int(found[1]) * 1000 for key in entry if (found := _SIZE.search(key))})
        sizes = [_USUAL_PROMPT_TOKENS, *(size for edge in edges for size in (edge, edge + 1))]
        for service, suffix in SERVICES.items():
            for bucket, key in KEYS.items():
                if key + suffix in entry:
                    yield from (
                        Asked(model=model, service=service, bucket=bucket, prompt_tokens=size) for size in sizes
                    )


def usd_by_the_source(entry: dict[str, Decimal], asked: Asked) -> Decimal:
    """What these tokens cost: the price of the highest size that the prompt exceeds, times the tokens."""
    key, suffix = KEYS[asked.bucket], SERVICES[asked.service]
    sizes = {int(found[1]): each for each in entry if (found := re.fullmatch(f"{key}{_SIZE.pattern}{suffix}", each))}
    above = [size for size in sizes if asked.prompt_tokens > size * 1000]
    return Decimal(entry[sizes[max(above)] if above else key + suffix]) * asked.tokens
