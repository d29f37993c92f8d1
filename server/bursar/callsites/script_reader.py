"""The names and expressions of TypeScript and JavaScript."""

from __future__ import annotations

from tree_sitter import Node

from bursar.callsites.escapes import script_text
from bursar.callsites.reading import Reader, member, merged, span_of
from bursar.callsites.scopes import Binding, Scope
from bursar.callsites.script_texts import number, of_text, tag_dedented
from bursar.callsites.source import Source
from bursar.callsites.values import (
    Pieces,
    Plain,
    Record,
    Text,
    Unknown,
    Value,
)

_FUNCTIONS = {
    "function_declaration", "function_expression", "arrow_function", "method_definition", "generator_function",
    "generator_function_declaration",
}  # fmt: skip
_BLOCKS = {"statement_block", "for_statement", "for_in_statement", "catch_clause", "class_body", "switch_body"}
_BLIND = {"comment", "string", "type_annotation", "type_arguments", "type_parameters", "regex", "jsx_text"}
_TYPES = {"interface_declaration", "type_alias_declaration"}
_CASTS = {
    "as_expression",
    "satisfies_expression",
    "non_null_expression",
    "parenthesized_expression",
    "await_expression",
}
_NAMES = {"identifier", "shorthand_property_identifier_pattern"}
_TEXTS = {"string", "template_string"}
_CONSTANTS = {"true": True, "false": False, "null": None, "undefined": None}
_GROWING = {"push", "unshift"}
_CHANGING = {"splice", "pop", "shift", "sort", "reverse", "fill", "copyWithin"}


class ScriptReader(Reader):
    """Reads a TypeScript or JavaScript file."""

    SPREAD = "spread_element"

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._assigned: list[tuple[Scope, str]] = []
        self._mutations: list[tuple[Scope, str, str]] = []

    def enter(self, node: Node, scope: Scope) -> Scope | None:
        """Note what this node binds or calls."""
        kind = node.type
        if kind in _BLIND or kind in _TYPES:
            return None
        if kind == "import_statement":
            self._import(node, scope)
            return None
        if kind in ("call_expression", "new_expression"):
            self._call(node, scope)
        elif kind == "variable_declarator":
            self._declared(node, scope)
        elif kind == "assignment_expression":
            self._assignment(node.child_by_field_name("left"), node.child_by_field_name("right"), scope)
        elif kind == "augmented_assignment_expression":
            self._assignment(node.child_by_field_name("left"), None, scope)
        elif kind in ("public_field_definition", "field_definition"):
            name = node.child_by_field_name("name") or node.child_by_field_name("property")
            value = node.child_by_field_name("value")
            if name is not None and value is not None:
                self.bind_member(self.raw(name), scope, Binding(value=value, scope=scope))
        elif kind == "class_declaration":
            self._bind_all(node.child_by_field_name("name"), scope)
        elif kind in _FUNCTIONS:
            return self._function(node, scope)
        elif kind in _BLOCKS:
            inner = Scope(parent=scope, is_block=True, inner_only=kind == "class_body")
            if kind == "for_in_statement":
                self._bind_all(node.child_by_field_name("left"), inner)
            elif kind == "catch_clause":
                self._bind_all(node.child_by_field_name("parameter"), inner)
            return inner
        return scope

    def finish(self) -> None:
        """Say which names get another value, and which lists and records are changed after they were made."""
        for scope, name in self._assigned:
            holder = scope.holder(name)
            if holder is not None:
                holder.bind(name, Binding())
        for scope, name, how in self._mutations:
            scope.mutate(name, "grown" if how == "grown" else "changed")

    def _function(self, node: Node, scope: Scope) -> Scope:
        if node.type.endswith("_declaration"):
            self._bind_all(node.child_by_field_name("name"), scope)
        inner = Scope(parent=scope)
        parameters = node.child_by_field_name("parameters")
        for each in [] if parameters is None else parameters.named_children:
            name = each.child_by_field_name("pattern") or each.child_by_field_name("left")
            default = each.child_by_field_name("value") or each.child_by_field_name("right")
            if name is not None and name.type == "identifier" and default is not None and default.type in _TEXTS:
                inner.bind(self.raw(name), Binding(has_default=True))
            else:
                self._bind_all(each, inner)
        self._bind_all(node.child_by_field_name("parameter"), inner)
        return inner

    def _bind_all(self, target: Node | None, scope: Scope) -> None:
        """Every name in a pattern is bound to what only the running program knows."""
        rest = [] if target is None else [target]
        while rest:
            node = rest.pop()
            if node.type in _NAMES:
                scope.bind(self.raw(node), Binding())
            elif node.type not in _BLIND:
                # In a default value there may be names that are only used; they count as bound, which says less.
                rest += node.named_children

    def _declared(self, node: Node, scope: Scope) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        parent = node.parent
        if parent is not None and parent.type == "variable_declaration":
            scope = scope.function()
        if name is None:
            return
        module = None if value is None else self._required(value)
        if module is not None:
            self.modules.add(module)
            self._bind_required(name, module, scope)
        elif name.type == "identifier":
            scope.bind(self.raw(name), Binding(value=value, scope=scope))
        else:
            self._bind_all(name, scope)

    def _required(self, value: Node) -> str | None:
        """The module of ``require("...")`` or ``await import("...")``; of a property of the former, too."""
        while value.type in ("await_expression", "parenthesized_expression", "member_expression"):
            if not value.named_children:
                return None
            value = value.named_children[0]
        function = value.child_by_field_name("function") if value.type == "call_expression" else None
        arguments = value.child_by_field_name("arguments") if function is not None else None
        if function is None or arguments is None or self.raw(function) not in ("require", "import"):
            return None
        strings = [each for each in arguments.named_children if each.type == "string"]
        return self.raw(strings[0])[1:-1] if len(strings) == 1 else None

    def _bind_required(self, name: Node, module: str, scope: Scope) -> None:
        if name.type == "identifier":
            scope.bind(self.raw(name), Binding(module=module))
            return
        for each in name.named_children:
            key = each.child_by_field_name("key") or each
            value = each.child_by_field_name("value") or each
            if value.type in _NAMES:
                scope.bind(self.raw(value), Binding(module=module, imported=(self.raw(key),)))

    def _import(self, node: Node, scope: Scope) -> None:
        source = node.child_by_field_name("source")
        if source is None:
            return
        module = self.raw(source)[1:-1]
        self.modules.add(module)
        rest = list(node.named_children)
        while rest:
            each = rest.pop()
            if each.type == "import_specifier":
                name, alias = each.child_by_field_name("name"), each.child_by_field_name("alias")
                if name is not None:
                    scope.bind(self.raw(alias or name), Binding(module=module, imported=(self.raw(name),)))
            elif each.type == "namespace_import":
                for inner in each.named_children:
                    scope.bind(self.raw(inner), Binding(module=module))
            elif each.type == "identifier":
                scope.bind(self.raw(each), Binding(module=module, imported=("default",)))
            elif each.type in ("import_clause", "named_imports"):
                rest += each.named_children

    def _assignment(self, left: Node | None, right: Node | None, scope: Scope) -> None:
        if left is None:
            return
        name = self._own_member(left)
        if name is not None:
            self.bind_member(name, scope, Binding(value=right, scope=None if right is None else scope))
            return
        if left.type == "identifier":
            self._assigned.append((scope, self.raw(left)))
        elif left.type in ("member_expression", "subscript_expression"):
            self._changed(left, scope, "changed")

    def identifier(self, node: Node) -> str | None:
        """The name that a node is, also that of the object whose method this is."""
        return "this" if node.type == "this" else super().identifier(node)

    def _own_member(self, node: Node) -> str | None:
        """The name behind ``this.``; None for any other expression."""
        holder, name = node.child_by_field_name("object"), node.child_by_field_name("property")
        return self.raw(name) if holder is not None and name is not None and holder.type == "this" else None

    def _changed(self, target: Node, scope: Scope, how: str) -> None:
        while target.type in ("member_expression", "subscript_expression", "non_null_expression"):
            name, owner = self._own_member(target), scope.own_class()
            if name is not None and owner is not None:
                self._mutations.append((owner, member(name), how))
                return
            inner = target.child_by_field_name("object") or next(iter(target.named_children), None)
            if inner is None:
                return
            target, how = inner, "changed"
        if target.type == "identifier":
            self._mutations.append((scope, self.raw(target), how))

    def _call(self, node: Node, scope: Scope) -> None:
        self.calls.append((node, scope))
        function = node.child_by_field_name("function")
        if function is None or function.type != "member_expression":
            return
        method, target = function.child_by_field_name("property"), function.child_by_field_name("object")
        name = "" if method is None else self.raw(method)
        if target is not None and (name in _GROWING or name in _CHANGING):
            self._changed(target, scope, "grown" if name in _GROWING else "changed")

    def expression(self, node: Node, scope: Scope, depth: int) -> Value:
        """What an expression is worth."""
        kind, span = node.type, span_of(node)
        if kind in ("string", "template_string"):
            return self._string(node, scope, depth, is_raw=False)
        if kind == "identifier":
            return self.name_value(self.raw(node), scope, span, depth)
        if kind in _CASTS:
            inner = [each for each in node.named_children if each.type != "comment"]
            return self.value(inner[0], scope, depth) if inner else Unknown(span=span)
        if kind == "type_assertion":
            return self.value(node.named_children[-1] if node.named_children else None, scope, depth)
        if kind == "number":
            return number(self.raw(node), span)
        if kind in _CONSTANTS:
            return Plain(value=_CONSTANTS[kind], span=span)
        if kind == "array":
            return self.items(node, scope, depth)
        if kind == "object":
            return self._object(node, scope, depth)
        if kind == "binary_expression":
            return self._binary(node, scope, depth)
        if kind in ("call_expression", "new_expression"):
            return self._called(node, scope, depth)
        if kind in ("member_expression", "subscript_expression"):
            return self._member(node, scope, depth)
        return Unknown(span=span)

    def _string(self, node: Node, scope: Scope, depth: int, *, is_raw: bool) -> Value:
        pieces = Pieces()
        if node.child_count < 2 or node.children[-1].type != node.children[0].type or node.children[-1].is_missing:
            return Unknown(span=span_of(node))
        # Whatever is no substitution is text, also what a grammar has no node for.
        at, end = node.start_byte + 1, node.end_byte - 1
        for each in node.children:
            if each.type == "template_substitution":
                self._add(pieces, at, each.start_byte, is_raw)
                inner = [part for part in each.named_children if part.type != "comment"]
                pieces.join(self.value(inner[0], scope, depth) if len(inner) == 1 else Unknown(span=span_of(each)))
                at = each.end_byte
        self._add(pieces, at, end, is_raw)
        return pieces.text(span_of(node))

    def _add(self, pieces: Pieces, start: int, end: int, is_raw: bool) -> None:
        raw = self.source.text(start, end)
        pieces.add(raw if is_raw else script_text(raw))

    def _object(self, node: Node, scope: Scope, depth: int) -> Value:
        entries: list[tuple[str, Value]] = []
        more = False
        for each in node.named_children:
            kind = each.type
            if kind == "pair":
                key = self._key(each.child_by_field_name("key"))
                if key is not None:
                    entries.append((key, self.value(each.child_by_field_name("value"), scope, depth)))
                    continue
            elif kind == "shorthand_property_identifier":
                name = self.raw(each)
                entries.append((name, self.name_value(name, scope, span_of(each), depth)))
                continue
            elif kind == "spread_element":
                inner = self.value(each.named_children[0] if each.named_children else None, scope, depth)
                if isinstance(inner, Record) and not inner.more:
                    entries += inner.entries
                    continue
            elif kind == "method_definition":
                name_node = each.child_by_field_name("name")
                entries.append(("" if name_node is None else self.raw(name_node), Unknown(span=span_of(each))))
                continue
            elif kind == "comment":
                continue
            # It may say anew what was said before it.
            entries, more = [], True
        return merged(entries, more, span_of(node))

    def _key(self, node: Node | None) -> str | None:
        if node is None:
            return None
        if node.type in ("property_identifier", "number"):
            return self.raw(node)
        return script_text(self.raw(node)[1:-1]) if node.type == "string" else None

    def _binary(self, node: Node, scope: Scope, depth: int) -> Value:
        operator = node.child_by_field_name("operator")
        sign = "" if operator is None else self.raw(operator)
        if sign == "+":
            return self.sum(node, scope, depth)
        if sign == "*":
            left = self.value(node.child_by_field_name("left"), scope, depth)
            right = self.value(node.child_by_field_name("right"), scope, depth)
            if isinstance(left, Plain) and isinstance(right, Plain):
                a, b = left.value, right.value
                if type(a) is int and type(b) is int and abs(a) < 10**9 and abs(b) < 10**9:
                    return Plain(value=a * b, span=span_of(node))
        return Unknown(span=span_of(node))

    def _member(self, node: Node, scope: Scope, depth: int) -> Value:
        own = self._own_member(node)
        if own is not None:
            return self.member_value(own, scope, span_of(node), depth)
        holder = self.value(node.child_by_field_name("object"), scope, depth)
        name = node.child_by_field_name("property")
        key = None if name is None else self.raw(name)
        if node.type == "subscript_expression":
            index = self.value(node.child_by_field_name("index"), scope, depth)
            key = index.whole if isinstance(index, Text) else None
        if isinstance(holder, Record) and not holder.more and key is not None:
            return holder.get(key) or Unknown(span=span_of(node))
        return Unknown(span=span_of(node))

    def _called(self, node: Node, scope: Scope, depth: int) -> Value:
        span = span_of(node)
        names: list[str] = []
        root = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        while root is not None and root.type in (
            "member_expression",
            "non_null_expression",
            "parenthesized_expression",
        ):
            if root.type == "member_expression":
                attribute = root.child_by_field_name("property")
                names.insert(0, "" if attribute is None else self.raw(attribute))
                root = root.child_by_field_name("object")
            else:
                root = root.named_children[0] if root.named_children else None
        if root is not None and root.type == "await_expression":
            root = root.named_children[0] if root.named_children else None
        if root is None:
            return Unknown(span=span)
        arguments = node.child_by_field_name("arguments")
        if arguments is not None and arguments.type == "template_string":
            return self._tagged(root, names, arguments, scope, depth)
        args: list[Value] = []
        more = False
        for each in [] if arguments is None else arguments.named_children:
            if each.type in ("spread_element", "ERROR"):
                more = True
            elif each.type != "comment":
                args.append(self.value(each, scope, depth))
        named = Record(entries=(), more=more, span=span)
        call = self.call(root, names, scope, args=tuple(args), named=named, span=span, depth=depth)
        return of_text(call, span) or call

    def called_name(self, node: Node, scope: Scope) -> str:
        """The last name of what is called."""
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        if function is not None and function.type == "member_expression":
            attribute = function.child_by_field_name("property")
            return "" if attribute is None else self.raw(attribute)
        return self.own_name(function, scope)

    def _tagged(self, root: Node, names: list[str], template: Node, scope: Scope, depth: int) -> Value:
        span = span_of(template)
        tag = [self.raw(root), *names]
        text = self._string(template, scope, depth, is_raw=tag == ["String", "raw"])
        if tag == ["String", "raw"] or not isinstance(text, Text):
            return text
        return tag_dedented(text, span) if tag[-1] in ("dedent", "outdent") else Unknown(span=span)
