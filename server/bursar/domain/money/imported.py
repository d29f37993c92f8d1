"""What another agent's own log says about one request, and which of two records of the same request counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bursar.domain.money.usage import Usage

ImportKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRequest:
    """One record of one request in the log of another agent.

    ``message_id`` and ``request_id`` are the provider's; where the log has none the reader makes the first from
    what stays the same in every copy of the record, and the second is ''. ``tier`` is '' for the usual price,
    'batch', or the name of another service tier. ``reported_pico`` is what the agent itself wrote down as the cost.
    ``at`` is RFC 3339 UTC; ``certainty`` is 'billed' where the log has the provider's own figures;
    ``parent_session`` the session that a sub-agent or a fork came from.
    """

    agent: str
    session: str
    parent_session: str | None
    message_id: str
    request_id: str
    at: str
    project: str
    provider: str
    model: str
    usage: Usage
    file: str
    line: int
    tier: str = ""
    reported_pico: int | None = None
    certainty: Literal["billed", "estimated"] = "billed"

    @property
    def key(self) -> ImportKey:
        """The same for every record of the request, in whatever file it stands."""
        return self.agent, self.message_id, self.request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedRequest:
    """An imported request with its money at the time of the import.

    ``cost_pico`` is None where no price is known, which is not zero; ``local_day`` is the user's day of ``at``.
    """

    request: ImportedRequest
    local_day: str
    cost_pico: int | None
    unit_prices: str | None
    rate_card: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedLine:
    """A part of a log that could not be read, and why; ``line`` counts from 1, 0 is the file as a whole."""

    file: str
    line: int
    why: str


class NotReadable(ValueError):
    """Another program's database that cannot be read; the message says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What to read of a table in another program's database.

    ``since``: a column and its least value; ``where``: a column and the only text that it may have.
    """

    name: str
    columns: tuple[str, ...]
    since: tuple[str, int] | None = None
    where: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMark:
    """How far a log was read: up to ``offset``, which ends ``line`` whole lines.

    The file is the same one and has only grown as long as its inode is the same, it is not shorter, and its first
    ``head_bytes`` have this hash. ``state`` is what the reader must know to read on.
    """

    agent: str
    file: str
    inode: int
    size: int
    mtime_ns: int
    offset: int
    line: int
    head_bytes: int
    head_sha256: str
    state: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of some records: ``added`` were new, ``updated`` were fuller than what was known, the rest copies."""

    added: int = 0
    updated: int = 0
    duplicates: int = 0
    unpriced: int = 0
    cost_pico: int = 0

    def __add__(self, other: Posted) -> Posted:
        return Posted(
            added=self.added + other.added,
            updated=self.updated + other.updated,
            duplicates=self.duplicates + other.duplicates,
            unpriced=self.unpriced + other.unpriced,
            cost_pico=self.cost_pico + other.cost_pico,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSpend:
    """What other agents spent in some time, as far as it was imported; ``imported_at`` is the newest import.

    ``counted`` is whether budgets count it, as the user may wish.
    """

    cost_pico: int
    requests: int
    unpriced_requests: int
    imported_at: str
    estimated_requests: int = 0
    counted: bool = False


def fuller(one: Usage, other: Usage) -> Usage:
    """Of two records of one request the one that saw more of its answer; the first where they are alike.

    A record that is written while the answer streams holds the output so far, or a placeholder. Which of the two was
    read first makes no difference, so neither does the order of the files.
    """
    return other if _size(other) > _size(one) else one


def _size(usage: Usage) -> tuple[int, ...]:
    # Between two of the same size anything that does not depend on the order will do.
    return (
        usage.output,
        usage.input,
        usage.reasoning,
        usage.uncached_input,
        usage.cache_write_1h,
        usage.cache_write_5m,
    )
