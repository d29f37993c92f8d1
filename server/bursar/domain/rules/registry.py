"""All rules, and what they find in a file."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

from bursar.domain.instructions.file import InstructionFile
from bursar.domain.rules.coverage import TASK_WITHOUT_REQUIREMENT, UNCOVERED_REQUIREMENT
from bursar.domain.rules.duplicates import DUPLICATED_TEXT
from bursar.domain.rules.ears import EARS_FORM
from bursar.domain.rules.hidden import HIDDEN_CHARACTERS
from bursar.domain.rules.leaks import SECRET_IN_PROMPT
from bursar.domain.rules.limits import CONTRADICTORY_LIMITS
from bursar.domain.rules.references import MISSING_REFERENCE, PASTED_FILE
from bursar.domain.rules.rule import Found, Rule, Surroundings
from bursar.domain.rules.sizes import DEAREST_SECTION
from bursar.domain.rules.spending import CACHE_LOST, OVER_BUDGET, OVER_WINDOW, PROBABLY_UNFINISHED, REQUEST_COST
from bursar.domain.rules.volatile import VOLATILE_PREFIX
from bursar.domain.rules.wording import VERBOSE_TEXT

RULES: tuple[Rule, ...] = (
    OVER_WINDOW,
    OVER_BUDGET,
    PROBABLY_UNFINISHED,
    REQUEST_COST,
    CACHE_LOST,
    DEAREST_SECTION,
    VERBOSE_TEXT,
    DUPLICATED_TEXT,
    PASTED_FILE,
    VOLATILE_PREFIX,
    MISSING_REFERENCE,
    UNCOVERED_REQUIREMENT,
    TASK_WITHOUT_REQUIREMENT,
    EARS_FORM,
    CONTRADICTORY_LIMITS,
    HIDDEN_CHARACTERS,
    SECRET_IN_PROMPT,
)
BY_CODE = MappingProxyType({each.code: each for each in RULES})


def findings_in(
    file: InstructionFile, around: Surroundings, *, silenced: Collection[str] = frozenset()
) -> tuple[Found, ...]:
    """Everything that the rules find in a file, by place; a silenced rule is not asked."""
    found = [
        each
        for rule in RULES
        if rule.check is not None and rule.code not in silenced
        for each in rule.check(file, around)
    ]
    return tuple(sorted(found, key=lambda each: (each.line, each.character, each.code)))
