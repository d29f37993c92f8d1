"""Counts what is found inside code and transcripts, and makes what is shown on it; long, so beside the loop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bursar.domain.call_costs import CountedCall
from bursar.domain.callsites import CallSite, Prompt, language_of, may_ask
from bursar.domain.counting import Calibration, TextKind, count_kinds, estimate_of
from bursar.domain.instructions.kinds import FileKind
from bursar.domain.ports import TokenCounter
from bursar.domain.rules.rule import Found
from bursar.domain.text.rows import CHARS
from bursar.domain.transcripts import LARGEST_CHARS, ChatEntry, is_transcript, read_transcript
from bursar.session.estimating import calibration_for
from bursar.session.model import ENCODING, Document
from bursar.session.ports import Adapters
from bursar.settings import Settings
from bursar.views.calls import place_calls
from bursar.views.chats import place_chat
from bursar.views.placed import NOTHING_PLACED, Placed

BY_CONTENT: frozenset[FileKind] = frozenset({"chat", "code"})
"""Kinds of which only those files are annotated in which there is something to find."""


def has_something(kind: FileKind, path: str, text: str) -> bool:
    """Whether there may be something to find in a file of these kinds; cheap, asked at every change."""
    if kind == "chat":
        return is_transcript(path, text)
    language = language_of(path)
    return language is not None and may_ask(text, language)


def is_too_large(document: Document) -> bool:
    """Whether a transcript is too large to be looked at."""
    return document.kind == "chat" and document.blocks.lengths[CHARS] > LARGEST_CHARS


class Placing:
    """Makes what is shown on code and transcripts, under the settings of one moment."""

    def __init__(self, adapters: Adapters, settings: Settings) -> None:
        self._adapters = adapters
        self._settings = settings
        self._prices = adapters.prices(settings)
        self._at = adapters.clock.now_utc()
        self._known: dict[str, Calibration | None] = {}

    def place(
        self, document: Document, counter: TokenCounter, silenced: frozenset[str] = frozenset()
    ) -> tuple[Placed, tuple[Found, ...]]:
        """Everything that is shown on this document, and what the rules find in it.

        Raises BursarError where prices or ranks cannot be read.
        """
        if document.kind == "chat":
            return self._chat(document, counter, silenced)
        language = language_of(document.spec)
        if document.kind != "code" or language is None:
            return NOTHING_PLACED, ()
        sites = self._adapters.call_sites().find(document.text, language)
        calls = [self._counted(each, counter) for each in sites]
        prompts = [each for site in sites for each in site.prompts]
        placed = place_calls(calls, encoding=ENCODING)
        return placed, _found_in_prompts(document, prompts, counter, silenced)

    def _chat(
        self, document: Document, counter: TokenCounter, silenced: frozenset[str]
    ) -> tuple[Placed, tuple[Found, ...]]:
        if is_too_large(document):
            return NOTHING_PLACED, ()
        entries = list(read_transcript(document.spec, document.text))
        counted = [(each, [counter.count(said.text, encoding=ENCODING) for said in each.said]) for each in entries]
        placed = place_chat(document.text, counted, encoding=ENCODING)
        return placed, _found_in_messages(document, entries, counter, silenced)

    def _counted(self, site: CallSite, counter: TokenCounter) -> CountedCall:
        # A value between two pieces keeps them apart, so each is counted by itself.
        tokens = tuple(sum(counter.count(piece, encoding=ENCODING) for piece in each.pieces) for each in site.prompts)
        if site.model is None:
            return CountedCall(site=site, tokens=tokens)
        price = self._prices.price(provider=site.provider, model=site.model, at=self._at)
        calibration = self._calibration(f"{site.provider}/{site.model}" if site.provider else site.model)
        estimate = None
        if calibration is not None and site.prompts:
            pieces = [piece for prompt in site.prompts for piece in prompt.pieces]
            estimate = estimate_of(calibration, _kinds(pieces, calibration, counter))
        return CountedCall(site=site, tokens=tokens, price=price, estimate=estimate)

    def _calibration(self, model: str) -> Calibration | None:
        if model not in self._known:
            self._known[model] = calibration_for(self._adapters, self._settings, model)
        return self._known[model]


def _found_in_prompts(
    document: Document, prompts: Sequence[Prompt], counter: TokenCounter, silenced: frozenset[str]
) -> tuple[Found, ...]:
    # Here and not above: the rules' patterns take their time, and this is beside the loop.
    from bursar.domain.rules.sent import Sent, findings_in_sent

    sent = [
        Sent(
            where="prompt",
            role=each.role,
            pieces=each.pieces,
            line=each.line,
            character=each.character,
            end_line=each.end_line,
            end_character=each.end_character,
        )
        for each in prompts
    ]
    count = partial(counter.count, encoding=ENCODING)
    return findings_in_sent(document.spec, document.text, sent, count, silenced=silenced)


def _found_in_messages(
    document: Document, entries: Sequence[ChatEntry], counter: TokenCounter, silenced: frozenset[str]
) -> tuple[Found, ...]:
    from bursar.domain.rules.sent import Sent, findings_in_sent

    line = document.blocks.line
    sent = [
        Sent(
            where="message",
            role="",
            pieces=tuple(said.text for said in each.said),
            line=each.line,
            character=0,
            end_line=each.end_line - 1,
            end_character=len(line(each.end_line - 1)),
        )
        for each in entries
    ]
    count = partial(counter.count, encoding=ENCODING)
    return findings_in_sent(document.spec, document.text, sent, count, silenced=silenced)


def _kinds(pieces: Sequence[str], calibration: Calibration, counter: TokenCounter) -> dict[TextKind, int]:
    """The tokens of each kind of text in all pieces, under the calibration's encoding."""
    count = partial(counter.count, encoding=calibration.encoding)
    if calibration.exact:
        return {"other": sum(map(count, pieces))}
    kinds: dict[TextKind, int] = {}
    for piece in pieces:
        for kind, tokens in count_kinds(piece, count).items():
            kinds[kind] = kinds.get(kind, 0) + tokens
    return kinds
