"""What is told about a place of a document when the user points at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bursar.session.model import ENCODING, Analysis, Document, Snapshot
from bursar.session.outlook import forecast_at
from bursar.session.placing import BY_CONTENT
from bursar.session.shown import change_since, placed_now
from bursar.views.annotations import Card
from bursar.views.cards import size_cards
from bursar.views.placed import placed_cards


def card_at(snapshot: Snapshot, uri: str, line: int, character: int) -> Card | None:
    """What is told about this place, code points in the line; None where there is nothing to tell.

    On a task what it will probably take comes first, then how large it is.
    """
    document, analysis = snapshot.documents.get(uri), snapshot.analyses.get(uri)
    if document is None or document.kind == "other" or analysis is None:
        return None
    here = [each for each in cards_of(document, analysis, snapshot) if each.holds(line, character)]
    card = min(here, key=lambda each: each.size, default=None)
    forecast = forecast_at(document, analysis, snapshot, line)
    if forecast is None:
        return card
    if card is None:
        return forecast
    return Card(line=forecast.line, end_line=forecast.end_line, markdown=f"{forecast.markdown}\n\n{card.markdown}")


def cards_of(document: Document, analysis: Analysis, snapshot: Snapshot) -> Iterable[Card]:
    """Every card of the document, made when one is asked for."""
    if document.kind in BY_CONTENT:
        yield from placed_cards(analysis.placed, change_since(document, analysis))
        return
    # Without its sum a file was only looked at in passing, before it was counted.
    if analysis.file is None or not analysis.tokens:
        return
    parts, references = placed_now(analysis, change_since(document, analysis))
    file = replace(analysis.file, parts=tuple(each for each, _ in parts), references=tuple(references))
    yield from size_cards(
        file,
        tokens=analysis.tokens,
        part_tokens=dict(parts),
        included=analysis.included,
        price=analysis.price,
        encoding=ENCODING,
        estimate=analysis.estimate(snapshot.calibration),
    )
