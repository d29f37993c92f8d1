"""What the providers said last of their own limits, so that other windows and commands can show it, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import apsw

from bursar.domain.money.binding import ProviderWindow
from bursar.domain.pacing import Window, WindowKind

_CONTEXT = "context_window:"


def keep_windows(connection: apsw.Connection, *, provider: str, model: str, windows: Sequence[Window], at: str) -> None:
    """Keep these in the place of what was said before. A provider that answers has an account that is not used up."""
    connection.execute("DELETE FROM provider_window WHERE provider = ? AND kind = 'quota'", (provider,))
    connection.executemany(
        'INSERT OR REPLACE INTO provider_window (provider, model, kind, remaining, "limit", resets_at, at)'
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(provider, model, each.kind, each.remaining, each.limit, each.resets_at, at) for each in windows],
    )


def keep_context_window(connection: apsw.Connection, *, provider: str, model: str, tokens: int, at: str) -> None:
    """Keep how many tokens a model takes, as its provider taught it."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (f"{_CONTEXT}{provider}/{model}", f"{tokens} {at}"),
    )


def context_window(connection: apsw.Connection, *, provider: str, model: str) -> tuple[int, str] | None:
    """What was learnt of it, and when; None where nothing was."""
    value = connection.execute("SELECT value FROM meta WHERE key = ?", (f"{_CONTEXT}{provider}/{model}",)).get
    tokens, _, at = str(value or "").partition(" ")
    return (int(tokens), at) if tokens.isdecimal() and at else None


def kept_windows(connection: apsw.Connection) -> list[ProviderWindow]:
    """All that is kept, by provider, model and kind."""
    kinds: tuple[WindowKind, ...] = get_args(WindowKind)
    rows = connection.execute(
        'SELECT provider, model, kind, remaining, "limit", resets_at, at FROM provider_window'
        " ORDER BY provider, model, kind"
    )
    return [
        ProviderWindow(
            provider=str(provider),
            model=str(model),
            window=Window(kind=known, remaining=int(remaining), limit=int(limit), resets_at=str(resets_at)),
            at=str(at),
        )
        for provider, model, kind, remaining, limit, resets_at, at in rows
        for known in kinds
        if known == kind
    ]
