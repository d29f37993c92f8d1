"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Everything, where it is not said otherwise."""

    sizes: tuple[int, ...] = (10_000, 100_000, 1_000_000, 10_000_000)
    """Of the documents that are typed into, in characters."""
    usual: int = 50_000
    """Of the document that is stormed upon and edited for an hour."""
    large: int = 1_000_000
    """Of the document that is opened, held in memory, and stormed upon besides the usual one."""
    starts: int = 15
    uncounted_starts: int = 1
    openings: int = 5
    strokes: int = 600
    seconds: float = 20
    """The longest that strokes at one size go on, for each question."""
    patience_s: float = 300
    """After this a hint that is not right is taken for one that will never be."""
    strokes_inside: int = 2_000
    storm: int = 10_000
    edits: int = 36_000
    """An hour's worth at ten a second."""

    def quick(self) -> Amounts:
        """A tenth of most, and a fifth of the starts."""
        return replace(
            self,
            starts=3,
            openings=1,
            strokes=60,
            seconds=4,
            strokes_inside=200,
            storm=1_000,
            edits=3_600,
        )
