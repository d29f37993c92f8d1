"""Python's names and expressions."""

from __future__ import annotations

from tree_sitter import Node

from bursar.callsites.escapes import python_text
from bursar.callsites.python_texts import floating, integer, of_text, product
from bursar.callsites.reading import Reader, member, merged, span_of
from bursar.callsites.scopes import Binding, Scope
from bursar.callsites.source import Source
from bursar.callsites.values import (
    Pieces,
    Piped,
    Plain,
    Record,
    Text,
    Unknown,
    Value,
    percent_formatted,
)

_SCOPES = {
    "function_definition", "lambda", "class_definition", "list_comprehension", "set_comprehension",
    "dictionary_comprehension", "generator_expression",
}  # fmt: skip
_BLIND = {"comment", "type", "string_start", "string_end", "integer", "float", "identifier"}
_BINDERS = {
    "for_statement": "left",
    "for_in_clause": "left",
    "augmented_assignment": "left",
    "named_expression": "name",
}
_GROWING = {"append", "extend", "insert"}
_CHANGING = {"clear", "pop", "remove", "reverse", "sort", "update", "setdefault", "popitem"}
_TEXTS = {"string", "concatenated_string"}
_CONSTANTS = {"true": True, "false": False, "none": None}


class PythonReader(Reader):
    """Reads a Python file."""

    SPREAD = "list_splat"

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._mutations: list[tuple[Scope, str, str]] = []

    def enter(self, node: Node, scope: Scope) -> Scope | None:
        """Note what this node binds or calls."""
        kind = node.type
        if kind in _BLIND:
            return None
        if kind in ("import_statement", "import_from_statement"):
            self._import(node, scope)
            return None
        if kind == "call":
            self._call(node, scope)
        elif kind == "assignment":
            self._assignment(node, scope)
        elif kind in _BINDERS:
            self._bind_all(node.child_by_field_name(_BINDERS[kind]), scope)
        elif kind in ("as_pattern_target", "case_pattern", "delete_statement"):
            self._bind_all(node, scope)
        elif kind in ("global_statement", "nonlocal_statement"):
            for each in node.named_children:
                outer: Scope | None = scope
                while outer is not None:
                    outer.bind(self.raw(each), Binding())
                    outer = outer.parent
        elif kind in _SCOPES:
            return self._scope(node, scope)
        return scope

    def finish(self) -> None:
        """Say which lists and records are changed after they were made."""
        for scope, name, how in self._mutations:
            scope.mutate(name, "grown" if how == "grown" else "changed")

    def _scope(self, node: Node, scope: Scope) -> Scope:
        name = node.child_by_field_name("name")
        if name is not None:
            scope.bind(self.raw(name), Binding())
        inner = Scope(parent=scope, inner_only=node.type == "class_definition")
        parameters = node.child_by_field_name("parameters")
        for each in parameters.named_children if parameters is not None and node.type != "class_definition" else ():
            named = each.child_by_field_name("name") or each
            if named.type == "typed_parameter" and named.named_children:
                named = named.named_children[0]
            default = each.child_by_field_name("value")
            if default is not None and default.type in _TEXTS and named.type == "identifier":
                inner.bind(self.raw(named), Binding(has_default=True))
            else:
                self._bind_all(named, inner)
        return inner

    def _bind_all(self, target: Node | None, scope: Scope) -> None:
        """Every name in a target is bound to what only the running program knows."""
        rest = [] if target is None else [target]
        while rest:
            node = rest.pop()
            if node.type == "identifier":
                scope.bind(self.raw(node), Binding())
            elif (name := self._own_member(node)) is not None:
                self.bind_member(name, scope, Binding())
            elif node.type in ("subscript", "attribute"):
                self._changed(node, scope)
            else:
                rest += node.named_children

    def _assignment(self, node: Node, scope: Scope) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        name = self._own_member(left)
        if left.type != "identifier" and name is None:
            self._bind_all(left, scope)
            return
        while right.type == "assignment":
            # a = b = "..."
            inner = right.child_by_field_name("right")
            if inner is None:
                return
            right = inner
        if name is None:
            scope.bind(self.raw(left), Binding(value=right, scope=scope))
        else:
            self.bind_member(name, scope, Binding(value=right, scope=scope))

    def _own_member(self, node: Node) -> str | None:
        """The name behind ``self.``; None for any other expression."""
        holder, attribute = node.child_by_field_name("object"), node.child_by_field_name("attribute")
        if holder is None or attribute is None or holder.type != "identifier" or self.raw(holder) != "self":
            return None
        return self.raw(attribute)

    def _changed(self, target: Node, scope: Scope, how: str = "changed") -> None:
        while target.type in ("subscript", "attribute"):
            name, owner = self._own_member(target), scope.own_class()
            if name is not None and owner is not None:
                self._mutations.append((owner, member(name), how))
                return
            if target.type == "attribute" and how == "changed":
                # Setting an attribute of an object makes no other list or record of it.
                return
            inner = target.child_by_field_name("value") or target.child_by_field_name("object")
            if inner is None:
                return
            target, how = inner, "changed"
        if target.type == "identifier":
            self._mutations.append((scope, self.raw(target), how))

    def _import(self, node: Node, scope: Scope) -> None:
        source = node.child_by_field_name("module_name")
        module = None if source is None else self.raw(source)
        if module is not None:
            self.modules.add(module)
        for each in node.children_by_field_name("name"):
            alias = each.child_by_field_name("alias")
            named = each.child_by_field_name("name") if each.type == "aliased_import" else each
            if named is None:
                continue
            path = self.raw(named)
            if module is not None:
                self.modules.add(f"{module}.{path}")
                scope.bind(self.raw(alias or named), Binding(module=module, imported=(path,)))
                continue
            self.modules.add(path)
            if alias is not None:
                scope.bind(self.raw(alias), Binding(module=path))
            else:
                first = path.split(".")[0]
                scope.names[first] = [Binding(module=first)]

    def _call(self, node: Node, scope: Scope) -> None:
        self.calls.append((node, scope))
        function = node.child_by_field_name("function")
        if function is not None and function.type == "attribute":
            method = function.child_by_field_name("attribute")
            target = function.child_by_field_name("object")
            name = "" if method is None else self.raw(method)
            if target is not None and (name in _GROWING or name in _CHANGING):
                self._changed(target, scope, "grown" if name in _GROWING else "changed")

    def expression(self, node: Node, scope: Scope, depth: int) -> Value:
        """What a Python expression is worth."""
        kind, span = node.type, span_of(node)
        if kind == "string":
            return self._string(node, scope, depth)
        if kind == "concatenated_string":
            return self._concatenated(node, scope, depth)
        if kind == "identifier":
            return self.name_value(self.raw(node), scope, span, depth)
        if kind == "attribute":
            name = self._own_member(node)
            return Unknown(span=span) if name is None else self.member_value(name, scope, span, depth)
        if kind in ("parenthesized_expression", "await"):
            inner = [each for each in node.named_children if each.type != "comment"]
            return self.value(inner[0], scope, depth) if len(inner) == 1 else Unknown(span=span)
        if kind == "integer":
            return integer(self.raw(node), span)
        if kind == "float":
            return floating(self.raw(node), span)
        if kind in _CONSTANTS:
            return Plain(value=_CONSTANTS[kind], span=span)
        if kind in ("list", "tuple"):
            return self.items(node, scope, depth)
        if kind == "dictionary":
            return self._dictionary(node, scope, depth)
        if kind == "binary_operator":
            return self._binary(node, scope, depth)
        if kind == "call":
            return self._called(node, scope, depth)
        if kind == "subscript":
            return self._subscript(node, scope, depth)
        return Unknown(span=span)

    def _string(self, node: Node, scope: Scope, depth: int) -> Value:
        children = node.children
        if not children or children[0].type != "string_start" or children[-1].type != "string_end":
            return Unknown(span=span_of(node))
        prefix = self.raw(children[0]).lower().rstrip("\"'")
        if "b" in prefix:
            return Unknown(span=span_of(node))
        pieces = Pieces()
        for each in children[1:-1]:
            if each.type == "interpolation":
                inner = each.child_by_field_name("expression")
                plain = each.child_by_field_name("format_specifier") is None and each.child_count == 3
                pieces.join(self.value(inner, scope, depth) if plain else Unknown(span=span_of(each)))
                continue
            raw = self.raw(each)
            if "f" in prefix or "t" in prefix:
                raw = raw.replace("{{", "{").replace("}}", "}")
            pieces.add(raw if "r" in prefix else python_text(raw))
        return pieces.text(span_of(node))

    def _concatenated(self, node: Node, scope: Scope, depth: int) -> Value:
        pieces = Pieces()
        for each in node.named_children:
            if each.type == "string":
                pieces.join(self.value(each, scope, depth))
        return pieces.text(span_of(node))

    def _dictionary(self, node: Node, scope: Scope, depth: int) -> Value:
        entries: list[tuple[str, Value]] = []
        more = False
        for each in node.named_children:
            if each.type == "pair":
                key = self.value(each.child_by_field_name("key"), scope, depth)
                if isinstance(key, Text) and key.whole is not None:
                    entries.append((key.whole, self.value(each.child_by_field_name("value"), scope, depth)))
                    continue
            elif each.type == "dictionary_splat":
                inner = self.value(each.named_children[0] if each.named_children else None, scope, depth)
                if isinstance(inner, Record) and not inner.more:
                    entries += inner.entries
                    continue
            elif each.type == "comment":
                continue
            # It may say anew what was said before it.
            entries, more = [], True
        return merged(entries, more, span_of(node))

    def _binary(self, node: Node, scope: Scope, depth: int) -> Value:
        operator = node.child_by_field_name("operator")
        sign = "" if operator is None else self.raw(operator)
        span = span_of(node)
        if sign not in ("+", "%", "|", "*"):
            return Unknown(span=span)
        if sign == "+":
            return self.sum(node, scope, depth)
        left = self.value(node.child_by_field_name("left"), scope, depth)
        if sign == "%":
            return percent_formatted(left, span) if isinstance(left, Text) else Unknown(span=span)
        right = self.value(node.child_by_field_name("right"), scope, depth)
        if sign == "*":
            return product(left, right, span)
        steps = (*(left.steps if isinstance(left, Piped) else (left,)), right)
        return Piped(steps=steps, span=span)

    def _subscript(self, node: Node, scope: Scope, depth: int) -> Value:
        value = self.value(node.child_by_field_name("value"), scope, depth)
        key = self.value(node.child_by_field_name("subscript"), scope, depth)
        if isinstance(value, Record) and not value.more and isinstance(key, Text) and key.whole is not None:
            return value.get(key.whole) or Unknown(span=span_of(node))
        return Unknown(span=span_of(node))

    def _called(self, node: Node, scope: Scope, depth: int) -> Value:
        span = span_of(node)
        names: list[str] = []
        root = node.child_by_field_name("function")
        while root is not None and root.type == "attribute":
            attribute = root.child_by_field_name("attribute")
            names.insert(0, "" if attribute is None else self.raw(attribute))
            root = root.child_by_field_name("object")
        if root is None:
            return Unknown(span=span)
        args, named = self._arguments(node.child_by_field_name("arguments"), scope, depth)
        call = self.call(root, names, scope, args=args, named=named, span=span, depth=depth)
        return of_text(call, span) or call

    def called_name(self, node: Node, scope: Scope) -> str:
        """The last name of what is called."""
        function = node.child_by_field_name("function")
        if function is not None and function.type == "attribute":
            attribute = function.child_by_field_name("attribute")
            return "" if attribute is None else self.raw(attribute)
        return self.own_name(function, scope)

    def _arguments(self, node: Node | None, scope: Scope, depth: int) -> tuple[tuple[Value, ...], Record]:
        span = (0, 0) if node is None else span_of(node)
        args: list[Value] = []
        named: list[tuple[str, Value]] = []
        more = False
        for each in [] if node is None else node.named_children:
            if each.type == "keyword_argument":
                name = each.child_by_field_name("name")
                if name is not None:
                    named.append((self.raw(name), self.value(each.child_by_field_name("value"), scope, depth)))
            elif each.type == "dictionary_splat":
                inner = self.value(each.named_children[0] if each.named_children else None, scope, depth)
                if isinstance(inner, Record):
                    named += inner.entries
                more = more or not isinstance(inner, Record) or inner.more
            elif each.type in ("list_splat", "ERROR"):
                more = True
            elif each.type != "comment":
                args.append(self.value(each, scope, depth))
        record = merged(named, more, span)
        return tuple(args), record if isinstance(record, Record) else Record(entries=(), more=True, span=span)
