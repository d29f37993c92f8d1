"""Why a run stands still or has ended, in a user's words; programs read the code itself."""

from __future__ import annotations

_WORDS = {
    "limit": "usage limit",
    "limit_again": "usage limit, still reached",
    "budget": "budget reached",
    "approval": "needs your approval",
    "ceiling": "took as much as one go may",
    "repeat": "got nowhere",
    "cut": "answer broke off",
    "provider": "provider failed",
    "local_only": "stays on this machine",
    "in_doubt": "asks about a command",
    "owner_gone": "interrupted",
    "storage": "its records cannot be written",
    "deferred": "put off",
    "check": "its check fails",
    "window": "longer than the model takes",
    "stopped": "stopped",
}


def reason_words(reason: str | None) -> str:
    """The words for a reason's code, empty for a pause that the user asked for and where there is none.

    A code that is not known here, from a newer version, is shown with its underscores as spaces.
    """
    if reason is None or reason == "asked":
        return ""
    return _WORDS.get(reason, reason.replace("_", " "))
