"""A bill as some other program exported it: rows of a CSV, read as far as they can only mean one thing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from bursar.domain.errors import BadInput
from bursar.domain.money.price import PICO_PER_USD

_DELIMITERS = (",", ";", "\t", "|")
_NEEDED = ("date", "model", "cost")
_KNOWN = (*_NEEDED, "request")
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ T].*)?")
_NUMBER = re.compile(r"[0-9][0-9.,]*(?:[eE][+-]?[0-9]{1,3})?|\.[0-9]+")
_CURRENCY = re.compile(r"^(?:usd|us\$|\$)|(?:usd|\$)$", re.IGNORECASE)
_MOST_USD = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRow:
    """One charge. ``slack_pico`` is how far rounding to its own digits can have moved it; ``line`` counts from 1."""

    line: int
    day: str
    model: str
    cost_pico: int
    slack_pico: int
    request: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRow:
    """A row that was passed over, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """All that could be read."""

    rows: Sequence[ExportedRow]
    damaged: Sequence[DamagedRow]


def columns_of(texts: Iterable[str]) -> dict[str, str]:
    """``date=Day,model=Model,cost=Amount`` as what each column of the file means. Raises BadInput."""
    found: dict[str, str] = {}
    example = "write --map date=COL,model=COL,cost=COL, with ,request=COL where the file has the provider's request ids"
    for part in (each for text in texts for each in text.split(",")):
        name, equals, column = part.strip().partition("=")
        if name not in _KNOWN or not equals or not column.strip():
            raise BadInput(f"--map: '{part.strip()}' says of no column what it means: {example}")
        if name in found:
            raise BadInput(f"--map: {name} is given twice: {example}")
        found[name] = column.strip()
    missing = [each for each in _NEEDED if each not in found]
    if missing:
        raise BadInput(f"--map: nothing says which column is the {missing[0]}: {example}")
    return found


def read_export(text: str, columns: Mapping[str, str], *, day_of: Callable[[datetime], str]) -> Export:
    """The rows of a CSV; ``day_of`` is the day of a moment. What cannot be read is among the damaged.

    Raises BadInput for a file without these columns, and for a date or an amount that may mean two things.
    """
    rows = list(_rows(text, columns))
    dates = [(line, row["date"]) for line, row, _ in rows if row is not None]
    month_first = _month_first(dates)
    decimal_comma = _decimal_comma([(line, row["cost"]) for line, row, _ in rows if row is not None])
    found: list[ExportedRow] = []
    damaged: list[DamagedRow] = []
    for line, row, why in rows:
        if row is None:
            damaged.append(DamagedRow(line=line, why=why))
            continue
        day = _day(row["date"], month_first=month_first, day_of=day_of)
        cost = _cost(row["cost"], decimal_comma=decimal_comma)
        request = row.get("request")
        if day is None:
            damaged.append(DamagedRow(line=line, why=f"'{row['date']}' is no date like 2026-11-21"))
        elif cost is None:
            damaged.append(DamagedRow(line=line, why=f"'{row['cost']}' is no amount of money in USD"))
        elif request == "":
            damaged.append(DamagedRow(line=line, why="it names no request"))
        else:
            pico, slack = cost
            found.append(
                ExportedRow(line=line, day=day, model=row["model"], cost_pico=pico, slack_pico=slack, request=request)
            )
    return Export(rows=found, damaged=damaged)


def _rows(text: str, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str] | None, str]]:
    """Each row's line with its cells, or with why it has none."""
    delimiter, head = _head(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(reader)
    at = {name: head.index(column) for name, column in columns.items()}
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, None, f"it is no row of a CSV ({error})"
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) <= max(at.values()):
            yield reader.line_num, None, f"it has {len(cells)} of {len(head)} cells"
            continue
        yield reader.line_num, {name: cells[place].strip() for name, place in at.items()}, ""


def _head(text: str, columns: Mapping[str, str]) -> tuple[str, list[str]]:
    """What parts the cells, and the first line: the one reading of it that has the columns. Raises BadInput."""
    seen: list[str] = []
    for delimiter in _DELIMITERS:
        try:
            head = [each.strip() for each in next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))]
        except (StopIteration, csv.Error):
            continue
        if all(column in head for column in columns.values()):
            return delimiter, head
        if len(head) > len(seen):
            seen = head
    if not any(seen):
        raise BadInput("the file is empty: export it again")
    missing = next(column for column in columns.values() if column not in seen)
    raise BadInput(f"the file has no column '{missing}': its first line names {', '.join(filter(None, seen))}")


def _month_first(dates: Iterable[tuple[int, str]]) -> bool:
    """Whether dates with slashes have the month before the day, as some row of the file shows.

    Raises BadInput that names the row where none shows it, or two show different things.
    """
    shown: dict[bool, int] = {}
    first: tuple[int, str] | None = None
    for line, text in dates:
        found = _SLASHED.fullmatch(text)
        if found is None:
            continue
        one, two = int(found[1]), int(found[2])
        first = first or (line, text)
        if one != two and max(one, two) > 12:
            shown.setdefault(two > 12, line)
    if len(shown) == 2:
        raise BadInput(
            f"line {shown[True]} has the month before the day and line {shown[False]} has it behind: "
            "export the file with dates like 2026-11-21"
        )
    if first is not None and not shown:
        raise BadInput(
            f"line {first[0]}: '{first[1]}' may be two different days: export the file with dates like 2026-11-21"
        )
    return True in shown


def _decimal_comma(costs: Iterable[tuple[int, str]]) -> bool:
    """Whether a comma parts dollars from cents in this file. Raises BadInput where nothing shows it."""
    doubtful: tuple[int, str] | None = None
    comma = point = False
    for line, text in costs:
        number = _bare(text)
        if "," not in number:
            point = point or re.search(r"\.\d", number) is not None
        elif "." in number:
            comma, point = comma or number.rindex(",") > number.rindex("."), point or "," in number.split(".")[0]
        elif re.fullmatch(r"\d{1,3}(,\d{3}){2,}", number):
            point = True
        elif re.fullmatch(r"[1-9]\d{0,2},\d{3}", number):
            doubtful = doubtful or (line, text)
        else:
            comma = True
    if doubtful is not None and comma == point:
        raise BadInput(
            f"line {doubtful[0]}: '{doubtful[1]}' may be thousands or a fraction of a dollar: "
            "export the file with amounts like 1234.50"
        )
    return comma and not point


def _day(text: str, *, month_first: bool, day_of: Callable[[datetime], str]) -> str | None:
    slashed = _SLASHED.fullmatch(text)
    try:
        if slashed is not None:
            one, two, year = map(int, slashed.groups())
            return date(year, one if month_first else two, two if month_first else one).isoformat()
        if re.match(r"\d{4}-\d{2}-\d{2}", text) is None:
            return None
        moment = datetime.fromisoformat(text.removesuffix(" UTC") + ("+00:00" if text.endswith(" UTC") else ""))
        return moment.date().isoformat() if moment.tzinfo is None else day_of(moment)
    except (ValueError, OverflowError):
        return None


def _cost(text: str, *, decimal_comma: bool) -> tuple[int, int] | None:
    """The amount and its slack in pico-dollars; a bracketed or negative one is a credit."""
    sign = -1 if (text.startswith("(") and text.endswith(")")) or "-" in text.split("e")[0].split("E")[0] else 1
    number = _bare(text)
    if _NUMBER.fullmatch(number) is None:
        return None
    dropped, mark = (".", ",") if decimal_comma else (",", ".")
    plain = number.replace(dropped, "")
    if plain.count(mark) > 1:
        return None
    try:
        exact = Decimal(plain.replace(mark, "."))
        if exact >= _MOST_USD:
            return None
        digits = -int(exact.as_tuple().exponent)
        # Cents and finer are what a program rounds to; a whole number of dollars is taken at its word.
        slack = Decimal(PICO_PER_USD).scaleb(-digits) / 2 if digits >= 2 else Decimal(0)
        return sign * int((exact * PICO_PER_USD).to_integral_value()), int(slack)
    except (InvalidOperation, OverflowError):
        return None


def _bare(text: str) -> str:
    """The number alone: without currency, sign, brackets and the blanks or apostrophes between thousands."""
    number = re.sub(r"[\s\u00a0\u202f'’]", "", text).strip("()")
    number = number.lstrip("+-")
    number = _CURRENCY.sub("", _CURRENCY.sub("", number))
    return number.lstrip("+-")
