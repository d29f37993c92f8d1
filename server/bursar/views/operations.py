"""What a single request costs, said before it is sent."""

from __future__ import annotations

from bursar.domain.runs import RequestFigures
from bursar.views.figures import count, money


def request_words(what: str, asked: str, figures: RequestFigures) -> str:
    """``the request for sub-tasks of 2.1 goes to sim/m: 1,204 tokens in ~$0.003, at most $0.02 with its answer.``"""
    known = " · no price known"
    if figures.first_request_pico is not None and figures.at_most_pico is not None:
        known = f" ~{money(figures.first_request_pico)}, at most {money(figures.at_most_pico)} with its answer"
    return f"the request for {what} goes to {asked}: {count(figures.counted_tokens)} tokens in{known}."
