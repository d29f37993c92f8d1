"""Definitions and uses of names, by syntax trees; a name in a comment or a string is no use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

from tree_sitter import Node, Parser, Query, QueryCursor

from bursar.callsites.finder import grammar
from bursar.callsites.source import Source
from bursar.domain.callsites import LARGEST_CHARS, CodeLanguage
from bursar.domain.context.repository import MOST_NAMES, Definition, DefinitionKind, Symbols

_LONGEST_SIGNATURE = 200
_PYTHON = """
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(module (expression_statement (assignment left: (identifier) @name) @constant))
"""
_SCRIPT = """
(function_declaration name: (identifier) @name) @function
(generator_function_declaration name: (identifier) @name) @function
(method_definition name: (property_identifier) @name) @function
(variable_declarator name: (identifier) @name value: [(arrow_function) (function_expression)]) @function
(program (lexical_declaration (variable_declarator name: (identifier) @name) @constant))
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @constant)))
"""
_JAVASCRIPT = _SCRIPT + "(class_declaration name: (identifier) @name) @class"
_TYPESCRIPT = (
    _SCRIPT
    + """
(class_declaration name: (type_identifier) @name) @class
(abstract_class_declaration name: (type_identifier) @name) @class
(interface_declaration name: (type_identifier) @name) @type
(type_alias_declaration name: (type_identifier) @name) @type
(enum_declaration name: (identifier) @name) @type
"""
)
_USES_PYTHON = "(identifier) @use"
_USES_JAVASCRIPT = "[(identifier) (property_identifier) (shorthand_property_identifier)] @use"
_USES_TYPESCRIPT = "[(identifier) (property_identifier) (shorthand_property_identifier) (type_identifier)] @use"
_TEXTS: dict[CodeLanguage, tuple[str, str]] = {
    "python": (_PYTHON, _USES_PYTHON),
    "javascript": (_JAVASCRIPT, _USES_JAVASCRIPT),
    "typescript": (_TYPESCRIPT, _USES_TYPESCRIPT),
    "tsx": (_TYPESCRIPT, _USES_TYPESCRIPT),
}
_CLASSES = ("class_definition", "class_declaration", "abstract_class_declaration")
_BODIES = ("body", "value")
_FEWEST_LETTERS = 3


class SyntaxSymbols:
    """The CodeSymbols port over syntax trees; safe to share between threads."""

    def symbols(self, text: str, language: CodeLanguage, /) -> Symbols:
        """Those of a text, bounded; nothing of one that is too large to be written by hand."""
        if len(text) > LARGEST_CHARS:
            return Symbols()
        source = Source(text)
        root = Parser(grammar(language)).parse(source.data).root_node
        defines, uses = _queries(language)
        found: dict[int, tuple[Definition, Node]] = {}
        for _, captures in QueryCursor(defines).matches(root):
            name = captures["name"][0]
            kind = next(each for each in captures if each != "name")
            definition = _definition(source, kind, name, captures[kind][0])
            if definition is not None:
                found.setdefault(name.start_byte, (definition, name))
        counted: Counter[str] = Counter()
        for node in QueryCursor(uses).captures(root).get("use", ()):
            if node.start_byte not in found:
                counted[source.text(node.start_byte, node.end_byte)] += 1
        definitions = [each for _, (each, _) in sorted(found.items())]
        return Symbols(
            definitions=tuple(definitions[:MOST_NAMES]),
            references=tuple(
                (name, times) for name, times in counted.most_common(MOST_NAMES) if len(name) >= _FEWEST_LETTERS
            ),
        )


def _definition(source: Source, kind: str, name: Node, node: Node) -> Definition | None:
    written = source.text(name.start_byte, name.end_byte)
    owner = _owner(source, node)
    if owner is None:
        return None
    line, _ = source.position(node.start_byte)
    return Definition(
        name=written, kind=_kind(kind, owner), line=line, signature=_signature(source, node, kind), owner=owner
    )


def _kind(kind: str, owner: str) -> DefinitionKind:
    if kind == "function":
        return "method" if owner else "function"
    if kind == "class":
        return "class"
    return "constant" if kind == "constant" else "type"


def _owner(source: Source, node: Node) -> str | None:
    """The class that holds a definition; empty at the top, None for what lives inside a function only."""
    above = node.parent
    while above is not None:
        if above.type in ("function_definition", "function_declaration", "method_definition", "arrow_function"):
            return None
        if above.type in _CLASSES:
            name = above.child_by_field_name("name")
            return "" if name is None else source.text(name.start_byte, name.end_byte)
        above = above.parent
    return ""


def _signature(source: Source, node: Node, kind: str) -> str:
    """What stands before the body, on one line."""
    end = node.end_byte
    if kind != "constant":
        bodies = (node.child_by_field_name(each) for each in _BODIES)
        end = next((each.start_byte for each in bodies if each is not None), end)
    words = " ".join(source.text(node.start_byte, end).split()).rstrip(" {=")
    return words if len(words) <= _LONGEST_SIGNATURE else f"{words[:_LONGEST_SIGNATURE]}…"


@cache
def _queries(language: CodeLanguage) -> tuple[Query, Query]:
    make: Callable[[str], Query] = lambda text: Query(grammar(language), text)  # noqa: E731
    defines, uses = _TEXTS[language]
    return make(defines), make(uses)
