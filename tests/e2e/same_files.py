"""A workspace with a file of each kind that something is shown on, for what every editor must show alike."""

from __future__ import annotations

from pathlib import Path

STEERING = ".kiro/steering/quotes.md"
TASKS = ".kiro/specs/refunds/tasks.md"
CALL = "tools/summarise.py"
SAME_FILES = (STEERING, TASKS, CALL)

_KEPT = (
    "Every price is a whole number of cents and never a float. A quote names its zone, its weight and its rate card, "
    "and it is refused with an error of its own where one of them is missing. Rates are read once, when the process "
    "starts, and a rate that is not in the card is an error and not zero."
)
_ROOMS = (
    "- `parcel/model.py` has the parcel, its zone and its quote as frozen values that check themselves.\n"
    "- `parcel/rates.py` looks up the base price, `parcel/surcharges.py` what comes on top of it.\n"
    "- `parcel/errors.py` has one class for each thing that a caller can do something about.\n"
    "- `tests/` has a file for each module; a test has one reason to fail and says which in its name.\n"
)
# A key that nobody has, in two pieces: whoever searches this repository for keys finds none.
_KEY = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"

_TEXTS = {
    "docs/style.md": f"# Style\n\n{_KEPT}\n\n- Names are whole words.\n- A comment says why.\n",
    STEERING: (
        "---\ninclusion: always\n---\n"
        "# Quotes\n\n"
        "Last updated: 2026-11-21 09:30\n\n"
        "Follow #[[file:docs/style.md]] and, for refunds, #[[file:docs/refunds.md]].\n\n"
        f"## Money\n\n{_KEPT}\n\n"
        f"## Rooms\n\n{_ROOMS}\n"
        f"## Release\n\nIn zone 𝔸 it is a matter of course that `{_KEY}` is used in order to publish a release.\n\n"
        f"{_KEPT}\n"
    ),
    ".kiro/specs/refunds/requirements.md": (
        "# Requirements\n\n## Requirement 1\n\n"
        "**User Story:** As a clerk, I want to refund a parcel, so that it is settled.\n\n"
        "#### Acceptance Criteria\n\n"
        "1.1 WHEN a parcel is refunded THE SYSTEM SHALL book the whole price.\n\n"
        "1.2 WHEN a refund is refused THE SYSTEM SHALL say why.\n"
    ),
    ".kiro/specs/refunds/design.md": f"# Design\n\n{_ROOMS}\n",
    TASKS: (
        "# Tasks\n\n"
        "- [x] 1. Write the model of a refund\n  - _Requirements: 1.1_\n"
        "- [ ] 2. Book a refund\n"
        f"  - {_KEPT}\n  - 📦 {_KEPT.replace('quote', 'refund')}\n  - _Requirements: 1.1_\n"
        "- [ ] 3. Say why a refund was refused\n  - _Requirements: 1.2_\n"
        "- [ ] 4. 📦 Show refunds in two colours\n"
    ),
    CALL: (
        '"""Sums up a parcel\'s way."""\n\n'
        "from anthropic import Anthropic\n\n"
        f'RULES = """{_KEPT}\n\n{_ROOMS}\n{_KEPT}"""\n\n\n'
        "def summarise(way: str) -> str:\n"
        "    answer = Anthropic().messages.create(\n"
        '        model="claude-sonnet-4-5",\n'
        "        max_tokens=512,\n"
        "        system=RULES,\n"
        '        messages=[{"role": "user", "content": f"📦 Sum up this way in one sentence: {way}"}],\n'
        "    )\n"
        "    return answer.content[0].text\n"
    ),
}


def write_same_files(workspace: Path) -> None:
    """Put the files where their agents look for them."""
    for name, text in _TEXTS.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
