"""Bursar's own policy over the conversation of one run: what it is told, and what is made of what it decides. Pure.

It is the object that the bench measures. What it never sees is a later request; what it may not do is held here: a pin
and what failed stand as they are, a thinking block that must be preserved keeps all before it, and a marker never takes
more place than what it stands for. The policy's prompt follows the shapes that the journal has, so a resume that feeds
it the history comes to the same decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from bursar.domain.context.decision import Arrived, Decision, Excerpt, Terms
from bursar.domain.context.decision import Shape as WindowShape
from bursar.domain.context.duplicates import Run
from bursar.domain.context.policies.bursar.admission import WORTHWHILE_TOKENS
from bursar.domain.context.policies.bursar.policy import Steps
from bursar.domain.context.session import Turn
from bursar.domain.context.sizes import TURN_TOKENS
from bursar.domain.context.window import Window
from bursar.runs.arrivals import Part
from bursar.runs.shapes import STUB, Ends, Lines, Pointer, Shape, Shapes
from bursar.runs.too_large import ends_of, head_and_tail_lines
from bursar.runs.trim_terms import admitting_only
from bursar.runs.trimmed import Trim, Trimmed, as_window_has_it, gaps_of, most_tokens

_SMALLEST_SAVING = 20
_MOST_ROUNDS = 12
_ROOM_FOR_MARKERS = 16
"""What is cut in addition where the markers made a prompt too large, twice as much with each further round."""
_ENOUGH_OF_WINDOW = 0.75


class Trimmer:
    """Keeps the policy and its prompt from one request to the next, so a request costs what is new in it."""

    def __init__(
        self,
        terms: Terms,
        *,
        count: Callable[[str], int],
        ends: Mapping[str, Ends] | None = None,
    ) -> None:
        self._count = count
        self._steps = Steps()
        self._terms = terms
        self._window = Window(terms)
        self._fed = 0
        self._parts: list[Part] = []
        self._numbers: dict[str, int] = {}
        self._shown: dict[str, Shape] = {}
        self._ends = dict(ends or {})
        self._pointing: dict[str, set[int]] = {}
        self._off: dict[int, int] = {}
        self._off_tokens = 0

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt as it stands, by our count of its parts.

        The policy's prompt gives every marker one size; what is really sent was counted.
        """
        return self._window.tokens + self._off_tokens

    def remember(self, parts: Sequence[Part], shapes: Shapes) -> None:
        """What a request carried first that was sent already, and how it stood then: decided long ago."""
        turns = self._take(parts)
        arrived = Arrived(request=self._fed - 1, gap_s=0.0, is_cold=False, turns=turns)
        decided = self._steps(self._window, arrived, admitting_only(self._terms)).changes
        # What it decides now stands in the journal as it was decided then, or was not decided.
        then = {each: as_window_has_it(shapes.cut.get(self._parts[each].item)) for each in decided}
        self._window.apply(Decision(changes=then))
        self.follow(shapes)

    def follow(self, shapes: Shapes) -> None:
        """Bring the policy's prompt to what the journal says: the user may have dropped or pinned something."""
        changed = {
            item
            for item in self._shown.keys() | shapes.cut.keys()
            if item in self._numbers and self._shown.get(item) != shapes.cut.get(item)
        }
        if not changed:
            return
        changes = {self._numbers[item]: as_window_has_it(shapes.cut.get(item)) for item in changed}
        self._window.apply(Decision(changes=changes))
        self._shown = {item: shape for item, shape in shapes.cut.items() if item in self._numbers}
        for number in changes:
            self._note_pointers(number)
        self._measure(changes)

    def decide(
        self, parts: Sequence[Part], shapes: Shapes, terms: Terms, *, gap_s: float, is_cold: bool, may_edit: bool
    ) -> Trimmed:
        """What changes before this request. ``may_edit`` is false where nothing that was sent may be changed."""
        self.follow(shapes)
        window_tokens = terms.window_tokens
        before = self.prompt_tokens
        terms = replace(terms, window_tokens=terms.window_tokens - self._off_tokens)
        large = self._too_large(parts, shapes, terms)
        turns = self._take(parts)
        prior = dict(self._shown)
        arrived = Arrived(request=self._fed - 1, gap_s=gap_s, is_cold=is_cold and may_edit, turns=turns)
        decision = self._steps(self._window, arrived, terms if may_edit else admitting_only(terms))
        whys: dict[int, str] = {}
        for number in decision.changes:
            if self._is_untouchable(number, shapes, may_edit=may_edit):
                item = self._parts[number].item
                self._window.apply(Decision(changes={number: as_window_has_it(prior.get(item))}))
            else:
                whys[number] = self._why(number, is_cold=is_cold)
        whys |= self._fit_each(terms, shapes)
        return self._fitted(whys, large, prior, before, window_tokens, terms, shapes, may_edit=may_edit)

    def press(self, shapes: Shapes, terms: Terms, *, may_edit: bool) -> Trimmed:
        """Make more room in a request that was decided on already: its window takes less than was thought."""
        self.follow(shapes)
        prior, before, window_tokens = dict(self._shown), self.prompt_tokens, terms.window_tokens
        terms = replace(terms, window_tokens=window_tokens - self._off_tokens)
        whys = self._fit_each(terms, shapes)
        return self._fitted(whys, [], prior, before, window_tokens, terms, shapes, may_edit=may_edit)

    def _fitted(
        self,
        whys: dict[int, str],
        large: list[Trim],
        prior: Mapping[str, Shape],
        before: int,
        window_tokens: int,
        terms: Terms,
        shapes: Shapes,
        *,
        may_edit: bool,
    ) -> Trimmed:
        new = self._window.arrived_from
        whys |= self._fit_all(terms.window_tokens, terms, shapes, may_edit=may_edit)
        trims = self._trims(whys, prior, new, shapes)
        for turn in range(_MOST_ROUNDS):
            over = self.prompt_tokens - window_tokens
            room = self._window.tokens - over - (_ROOM_FOR_MARKERS << turn)
            more = self._fit_all(room, terms, shapes, may_edit=may_edit) if over > 0 else {}
            if not more:
                break
            # The markers took more place than they were thought to.
            whys |= more
            trims = self._trims(whys, prior, new, shapes)
        # Where the process died between the word and the request, the journal has it already.
        trims = [each for each in (*large, *trims) if shapes.cut.get(each.item) != each.shape]
        changed = [self._numbers[each.item] for each in trims if not each.is_new]
        rewritten = 0
        if changed:
            first = min(self._window.turns[each].request for each in changed)
            rewritten = max(0, before - self._window.tokens_before(first))
        return Trimmed(
            trims=tuple(trims),
            prompt_tokens=self.prompt_tokens,
            rewritten_tokens=rewritten,
            over_tokens=max(0, self.prompt_tokens - window_tokens),
        )

    def _take(self, parts: Sequence[Part]) -> tuple[Turn, ...]:
        turns: list[Turn] = []
        for part in parts:
            text = part.text
            if part.kind == "tool_result" and part.item in self._ends:
                text = Shapes(cut={part.item: self._ends[part.item]}).text(part.item, text)
            number = len(self._parts)
            turn = Turn(
                index=number,
                kind=part.kind,
                text=text,
                request=self._fed,
                tokens=self._count(text) + TURN_TOKENS,
                tool=part.tool,
                call=part.call,
                is_error=part.is_error,
            )
            turns.append(turn)
            self._parts.append(part)
            if part.kind == "tool_result":
                self._numbers[part.item] = number
                if part.item in self._ends:
                    self._shown[part.item] = self._ends[part.item]
        self._fed += 1
        self._window.take(tuple(turns))
        return tuple(turns)

    def _too_large(self, parts: Sequence[Part], shapes: Shapes, terms: Terms) -> list[Trim]:
        """What cannot be cut by lines is cut before the policy sees it."""
        most = int(most_tokens(terms) / terms.tokens_per_character)
        new = sum(len(each.text) for each in parts) * terms.tokens_per_character
        cuts_bulk = self._window.tokens + new >= WORTHWHILE_TOKENS
        trims: list[Trim] = []
        for part in parts:
            if part.kind != "tool_result" or part.item in shapes.pinned or part.item in self._ends:
                continue
            ends = ends_of(part.text, most_characters=most, cuts_bulk=cuts_bulk)
            if ends is None:
                continue
            self._ends[part.item] = ends
            left = Shapes(cut={part.item: ends}).text(part.item, part.text)
            # The whole is as long as it is: a count of it would take longer than all else together.
            whole = round(len(part.text) * terms.tokens_per_character) + TURN_TOKENS
            after = self._count(left) + TURN_TOKENS
            trims.append(
                Trim(
                    item=part.item,
                    shape=ends,
                    why="cannot be cut by lines",
                    tokens_before=max(whole, after),
                    tokens_after=after,
                    is_new=True,
                )
            )
        return trims

    def _is_untouchable(self, number: int, shapes: Shapes, *, may_edit: bool) -> bool:
        part = self._parts[number]
        if part.item in shapes.pinned or part.is_error or part.kind != "tool_result":
            return True
        if part.item in self._ends and self._window.shapes[number] != "stub":
            return True
        return number < self._window.arrived_from and not may_edit

    def _why(self, number: int, *, is_cold: bool) -> str:
        if number >= self._window.arrived_from:
            shape = self._window.shapes[number]
            if not isinstance(shape, Excerpt) or not shape.pointers:
                return "bulk"
            gaps = gaps_of(shape, len(self._window.lines_of(number)))
            return "shown above" if shape.pointers >= len(gaps) else "shown above, bulk"
        return "the cache was cold" if is_cold else "hardly needed any more, or the window or a price edge was near"

    def _fit_each(self, terms: Terms, shapes: Shapes) -> dict[int, str]:
        """No single result takes more than its share of the window, whatever it is."""
        whys: dict[int, str] = {}
        most = most_tokens(terms)
        for number in range(self._window.arrived_from, len(self._parts)):
            part = self._parts[number]
            if part.kind == "tool_result" and self._window.sizes[number] > most and part.item not in shapes.pinned:
                self._cut_to(number, most, terms)
                whys[number] = "too large for the window"
        return whys

    def _fit_all(self, most: int, terms: Terms, shapes: Shapes, *, may_edit: bool) -> dict[int, str]:
        """The last step before a summary: what was sent goes, oldest first, then what arrives is cut further.

        What was sent goes until there is room for more than this request, so that the next one need not rewrite the
        prompt again; what failed stays, it is what must not be done again.
        """
        whys: dict[int, str] = {}
        window = self._window
        if window.tokens <= most:
            return whys
        enough = min(most, int(terms.window_tokens * _ENOUGH_OF_WINDOW))
        open_ = [each for each in window.results if self._parts[each].item not in shapes.pinned]
        for number in (each for each in open_ if may_edit and each < window.arrived_from):
            if window.tokens <= enough:
                return whys
            if self._parts[number].is_error:
                continue
            if window.size_as(number, "stub") < window.sizes[number]:
                window.apply(Decision(changes={number: "stub"}))
                whys[number] = "the window was full"
        new = sorted(
            (each for each in open_ if each >= window.arrived_from),
            key=lambda each: (self._parts[each].is_error, -window.sizes[each]),
        )
        for number in new:
            over = window.tokens - most
            if over <= 0:
                return whys
            if window.size_as(number, "stub") < window.sizes[number]:
                self._cut_to(number, max(0, window.sizes[number] - over), terms)
                whys[number] = "the window was full"
        return whys

    def _cut_to(self, number: int, tokens: int, terms: Terms) -> None:
        window, shape = self._window, self._window.shapes[number]
        lines = window.lines_of(number)
        kept = shape.kept if isinstance(shape, Excerpt) else ((0, len(lines)),)
        # A marker takes its place, too.
        room = (tokens - 40) / terms.tokens_per_character
        ranges = head_and_tail_lines(lines, kept, room) if self._parts[number].item not in self._ends else ()
        after: WindowShape = Excerpt(kept=ranges) if ranges else "stub"
        window.apply(Decision(changes={number: after}))

    def _trims(self, whys: Mapping[int, str], prior: Mapping[str, Shape], new: int, shapes: Shapes) -> list[Trim]:
        """What has really changed, counted as it will be sent; a marker that is no shorter is taken back."""
        after = {each: self._shape_of(each) or self._ends.get(self._parts[each].item) for each in sorted(whys)}
        for number, shape in after.items():
            self._show(number, shape)
        trims: list[Trim] = []
        for number, shape in after.items():
            part = self._parts[number]
            if shape is None or shape == prior.get(part.item):
                continue
            had = self._window.turns[number].tokens
            if part.item in prior and part.item not in self._ends:
                had = self._count(self._text(part, prior[part.item])) + TURN_TOKENS
            has = self._count(self._text(part, shape)) + TURN_TOKENS
            if had - has < _SMALLEST_SAVING:
                self._show(number, prior.get(part.item))
                self._window.apply(Decision(changes={number: as_window_has_it(prior.get(part.item))}))
                continue
            trims.append(
                Trim(
                    item=part.item,
                    shape=shape,
                    why=whys[number],
                    tokens_before=had,
                    tokens_after=has,
                    is_new=number >= new,
                )
            )
        self._measure(after)
        return trims

    def _show(self, number: int, shape: Shape | None) -> None:
        item = self._parts[number].item
        if shape is None:
            self._shown.pop(item, None)
        else:
            self._shown[item] = shape
        self._note_pointers(number)

    def _note_pointers(self, number: int) -> None:
        shape = self._shown.get(self._parts[number].item)
        for pointer in shape.pointers if isinstance(shape, Lines) else ():
            self._pointing.setdefault(pointer.item, set()).add(number)

    def _measure(self, changed: Iterable[int]) -> None:
        """Count what is sent of these, and of what points to them."""
        numbers = set(changed)
        for number in tuple(numbers):
            numbers |= self._pointing.get(self._parts[number].item, set())
        for number in numbers:
            part = self._parts[number]
            shape = self._shown.get(part.item)
            off = 0
            if shape is not None and not (isinstance(shape, Ends) or self._window.shapes[number] == "full"):
                off = self._count(self._text(part, shape)) + TURN_TOKENS - self._window.sizes[number]
            self._off_tokens += off - self._off.pop(number, 0)
            if off:
                self._off[number] = off

    def _text(self, part: Part, shape: Shape) -> str:
        return Shapes(cut={**self._shown, part.item: shape}).text(part.item, part.text)

    def _shape_of(self, number: int) -> Shape | None:
        """A turn's shape as the journal has it, with what its markers point to; None for all of it."""
        shape = self._window.shapes[number]
        if shape == "full":
            return None
        if not isinstance(shape, Excerpt):
            return STUB
        runs = [
            run
            for run in self._steps.copies.get(number, ())
            if not any(first < run.end and run.first < end for first, end in shape.kept)
        ]
        if len(runs) > shape.pointers:
            # Lines beside it stay: any other would be a marker in the midst of what is left out anyway.
            ends = {each for kept in shape.kept for each in kept}
            runs = [run for run in runs if run.first in ends or run.end in ends]
        return Lines(kept=tuple(each for each in shape.kept if each[0] < each[1]), pointers=tuple(map(self._to, runs)))

    def _to(self, run: Run) -> Pointer:
        there = self._parts[run.turn]
        at = run.copy_first if there.kind == "tool_result" else None
        return Pointer(first=run.first, end=run.end, item=there.item, at=at, of=there.about)
