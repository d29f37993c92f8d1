"""What a file takes in: a hint behind each reference with the weight of the file that it names."""

from __future__ import annotations

from collections.abc import Iterable

from bursar.domain.instructions import Reference
from bursar.domain.instructions.weight import Weight, Weights
from bursar.views.annotations import Hint
from bursar.views.figures import count, plural


def included_hints(references: Iterable[Reference], included: Weights, *, encoding: str) -> tuple[Hint, ...]:
    """The weight of each included file, where it is named first: named again it adds nothing."""
    first = {each.path: each for each in reversed(tuple(references)) if each.path in included.by_path}
    return tuple(
        Hint(
            line=each.line,
            character=each.end_character,
            label=f"+ {plural(weight.total_tokens, 'token')}",
            tooltip=f"{included_words(weight)}, counted under {encoding}",
        )
        for each in sorted(first.values(), key=lambda each: (each.line, each.character))
        if (weight := included.by_path[each.path or ""])
    )


def included_words(weight: Weight) -> str:
    """``docs/a.md: 3,210 tokens`` and what of them is in files that it includes itself."""
    said = f"{weight.path}: {plural(weight.total_tokens, 'token')}"
    if not weight.files:
        return said
    inner = plural(len(weight.files), "file")
    return f"{said}, of these {count(weight.total_tokens - weight.tokens)} in the {inner} that it includes"
