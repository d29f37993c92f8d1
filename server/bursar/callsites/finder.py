"""Finds calls of models in a text: parses it, follows its names, and asks each library whether a call is its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from tree_sitter import Language, Parser

from bursar.callsites.drafts import Draft
from bursar.callsites.libraries import ASKING, libraries_of, request_of
from bursar.callsites.python_reader import PythonReader
from bursar.callsites.reading import Reader
from bursar.callsites.script_reader import ScriptReader
from bursar.callsites.source import Source
from bursar.callsites.values import Called, Span
from bursar.domain.callsites import CallSite, CodeLanguage, Prompt, may_ask


class SyntaxCallSites:
    """The CallSites port over syntax trees; safe to share between threads."""

    def find(self, text: str, language: CodeLanguage, /) -> tuple[CallSite, ...]:
        """The calls in a text, in its order; nothing where it imports none of the libraries."""
        if not may_ask(text, language):
            return ()
        source = Source(text)
        reader: Reader = PythonReader(source) if language == "python" else ScriptReader(source)
        # A parser belongs to one thread, and making one costs nothing.
        reader.read(Parser(grammar(language)).parse(source.data).root_node)
        libraries = libraries_of(reader.modules)
        found: list[tuple[Span, Draft]] = []
        for node, scope in reader.calls if libraries else ():
            call = reader.value(node, scope) if reader.called_name(node, scope) in ASKING else None
            if isinstance(call, Called):
                draft = request_of(call, libraries)
                if draft is not None:
                    found.append((call.span, draft))
        # An agent that is asked in the same text has its figures there, and not once more where it is made.
        asked = {draft.agent for _, draft in found}
        for span, draft in found:
            draft.is_template = draft.is_template or span in asked
        return tuple(_site(source, span, draft) for span, draft in sorted(found, key=lambda each: each[0]))


@cache
def grammar(language: CodeLanguage) -> Language:
    return Language(_GRAMMARS[language]())


def _python() -> object:
    import tree_sitter_python

    return tree_sitter_python.language()


def _typescript() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_typescript()


def _tsx() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_tsx()


def _javascript() -> object:
    import tree_sitter_javascript

    return tree_sitter_javascript.language()


_GRAMMARS: dict[CodeLanguage, Callable[[], object]] = {
    "python": _python,
    "typescript": _typescript,
    "tsx": _tsx,
    "javascript": _javascript,
}


def _site(source: Source, span: Span, draft: Draft) -> CallSite:
    line, character = source.position(span[0])
    end_line, end_character = source.position(span[1])
    return CallSite(
        line=line,
        character=character,
        end_line=end_line,
        end_character=end_character,
        library=draft.library,
        function=draft.function,
        provider=draft.provider,
        model=draft.model,
        prompts=tuple(_prompt(source, role, text.span, text.pieces) for role, text in draft.prompts),
        max_output_tokens=draft.max_output_tokens,
        not_literal=tuple(draft.not_literal),
        is_template=draft.is_template,
    )


def _prompt(source: Source, role: str, span: Span, pieces: tuple[str, ...]) -> Prompt:
    line, character = source.position(span[0])
    end_line, end_character = source.position(span[1])
    return Prompt(
        role=role, line=line, character=character, end_line=end_line, end_character=end_character, pieces=pieces
    )
