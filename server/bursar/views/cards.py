"""Where the tokens and the money of a file go, as tables for whoever points at a part of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bursar.domain.counting import Estimate
from bursar.domain.instructions import InstructionFile, Part, Reference
from bursar.domain.instructions.carried import Carried, carried
from bursar.domain.instructions.weight import Weights
from bursar.domain.money.price import Price, Unpriced
from bursar.views.annotations import Card
from bursar.views.figures import count, money, plural
from bursar.views.included import included_words
from bursar.views.resident import estimate_words, rates_words, scale_of

_MOST_ROWS = 12
_SHORT_TITLE = 60
_OTHER = "text between these"


def size_cards(
    file: InstructionFile,
    *,
    tokens: int,
    part_tokens: Mapping[Part, int],
    included: Weights,
    price: Price | Unpriced | None,
    encoding: str,
    estimate: Estimate | None = None,
) -> Iterable[Card]:
    """A card for the whole file on its first lines, for each part on its first line, and for each included file.

    ``tokens`` are those of the whole text, ``estimate`` what the vendor makes of what is sent of it.
    """
    counted = [each for each in file.parts if each in part_tokens]
    sent = sum(part_tokens[each] for each in counted if each.sent is not None) or tokens
    table = _Table(price=price, encoding=encoding, estimate=estimate, sent=sent)
    first = next((each.end_line for each in counted if each.kind == "frontmatter"), 1)
    yield Card(line=0, end_line=first, markdown=_whole(file, tokens, counted, part_tokens, included, table))
    for part in counted:
        if part.line < first:
            continue  # the whole file is told of there
        inner = _children(part.line, part.end_line, part, counted)
        rows = [(_name(each), part_tokens[each]) for each in inner]
        yield Card(
            line=part.line,
            end_line=part.line + 1,
            markdown=table.of(_name(part), rows, part_tokens[part], other=_OTHER),
        )
    for each in file.references:
        if (card := _reference_card(each, included, table)) is not None:
            yield card


def _whole(
    file: InstructionFile,
    tokens: int,
    counted: Sequence[Part],
    part_tokens: Mapping[Part, int],
    included: Weights,
    table: _Table,
) -> str:
    rows = [(_name(each), part_tokens[each]) for each in _outermost(counted)]
    sent = [part_tokens[each] for each in counted if each.sent is not None]
    if sent:
        # What is sent is in the parts; the rest of the file is settings.
        total, other = sum(sent), ""
    else:
        total, other = tokens, _OTHER
    direct = sum(each for _, each in rows)
    if other and total > direct:
        rows.append((other, total - direct))
    if included.files:
        rows += [(f"`{path}`", weight.total_tokens) for path, weight in included.by_path.items()]
        doubled = sum(each.total_tokens for each in included.by_path.values()) - included.tokens
        if doubled:
            rows.append(("included more than once, counted once", -doubled))
    return table.of(f"`{file.path}`", rows, total + included.tokens)


def _reference_card(reference: Reference, included: Weights, table: _Table) -> Card | None:
    weight = included.by_path.get(reference.path or "")
    if weight is None:
        return None
    rows = [(f"`{weight.path}`", weight.tokens)]
    if weight.files:
        rows.append((f"{plural(len(weight.files), 'file')} that it includes", weight.total_tokens - weight.tokens))
    return Card(
        line=reference.line,
        end_line=reference.line + 1,
        character=reference.character,
        end_character=reference.end_character,
        markdown=f"{included_words(weight)}.\n\n{table.of('Included here', rows, weight.total_tokens)}",
    )


class _Table:
    """Rows of tokens with what they cost in one request at one price."""

    def __init__(self, *, price: Price | Unpriced | None, encoding: str, estimate: Estimate | None, sent: int) -> None:
        self._price = price
        self._encoding = encoding
        self._scale = scale_of(estimate, sent)
        self._estimate_words = estimate_words(estimate, sent)

    def of(self, title: str, rows: Sequence[tuple[str, int]], total: int, *, other: str = "") -> str:
        """The rows, the largest of them, and their total; ``other`` names what no row has."""
        rows = [each for each in rows if each[1]]
        rest = total - sum(tokens for _, tokens in rows)
        if other and rows and rest > 0:
            rows = [*rows, (other, rest)]
        shown = self._most(rows)
        cost = None if self._price is None else carried(self._scale.of(total), self._price)
        head = ["tokens"]
        if isinstance(cost, Carried):
            head += ["cached"] if cost.cached is not None else []
            head.append("written to the cache" if cost.written else "uncached")
        lines = [f"| {_cell(title)} | {' | '.join(head)} |", "|:--|" + "--:|" * len(head)]
        if len(shown) > 1:
            lines += [f"| {_cell(name)} | {' | '.join(self._figures(tokens))} |" for name, tokens in shown]
        lines.append(f"| **together** | {' | '.join(self._figures(total))} |")
        return "\n".join(lines) + "\n\n" + self._provenance(cost)

    def _most(self, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """All rows in their order, or the largest of them and what the others are together."""
        if len(rows) <= _MOST_ROWS:
            return list(rows)
        least = sorted((tokens for _, tokens in rows), reverse=True)[_MOST_ROWS - 2]
        kept = [each for each in rows if each[1] >= least][: _MOST_ROWS - 1]
        left = sum(tokens for _, tokens in rows) - sum(tokens for _, tokens in kept)
        return [*kept, (f"{len(rows) - len(kept)} smaller ones", left)]

    def _figures(self, tokens: int) -> list[str]:
        figures = [count(tokens)]
        if self._price is None:
            return figures
        cost = carried(self._scale.of(abs(tokens)), self._price)
        if isinstance(cost, Unpriced):
            return figures
        sign = "-" if tokens < 0 else ""
        if cost.cached is not None:
            figures.append(sign + money(cost.cached.pico))
        return [*figures, sign + money(cost.uncached.pico)]

    def _provenance(self, cost: Carried | Unpriced | None) -> str:
        said = f"Tokens counted under {self._encoding}."
        if cost is None:
            return said
        if isinstance(cost, Unpriced):
            return f"{said} No price is known for {cost.model}: {cost.why}"
        model = "" if self._price is None else f"Money for one request of {self._price.model}. "
        return " ".join([said, *self._estimate_words, f"{model}{rates_words(cost)}"])


def _children(first: int, end: int | None, within: Part | None, parts: Sequence[Part]) -> list[Part]:
    """The parts that lie in these lines and in no other part there; those that begin the file's own order."""
    inside = [
        each for each in parts if each is not within and each.line >= first and (end is None or each.end_line <= end)
    ]
    found: list[Part] = []
    for each in sorted(inside, key=lambda one: (one.line, -one.end_line)):
        if not found or each.line >= found[-1].end_line:
            found.append(each)
    return found


def _outermost(parts: Sequence[Part]) -> list[Part]:
    """The parts of the file; where one heading stands above all of them, those below it."""
    found = _children(0, None, None, parts)
    while len(titles := [each for each in found if each.kind == "heading"]) == 1:
        inner = _children(titles[0].line, titles[0].end_line, titles[0], parts)
        if not inner:
            break
        found = [*(each for each in found if each is not titles[0]), *inner]
    return found


def _name(part: Part) -> str:
    title = part.title if len(part.title) <= _SHORT_TITLE else part.title[: _SHORT_TITLE - 1].rstrip() + "…"
    return title or "without a title"


def _cell(text: str) -> str:
    """A title in a table: nothing of it may end the cell or the row, or be a link or a picture."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("[", "\\[").replace("<", "&lt;").replace("\n", " ")
