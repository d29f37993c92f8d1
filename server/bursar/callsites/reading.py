"""What readers of all languages share: calls with the scopes they stand in, and names followed to their values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from tree_sitter import Node

from bursar.callsites.scopes import Binding, Scope
from bursar.callsites.source import Source
from bursar.callsites.values import MOST_PARTS, Called, Items, Record, Span, Unknown, Value, joined

_DEEPEST = 60
"""Levels of expressions that are followed; a program nests a handful, generated text may nest thousands."""

_OBJECT = ("self", "this")


class Reader(ABC):
    """Reads one syntax tree; a language says how its nodes bind names and what its expressions are worth."""

    SPREAD: ClassVar[str]
    """What the language's grammar calls a list that is spread into another one."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.calls: list[tuple[Node, Scope]] = []
        self.modules: set[str] = set()
        self._known: dict[tuple[Scope, str], Value] = {}
        self._open: set[tuple[Scope, str]] = set()

    def read(self, root: Node) -> None:
        """Find all calls, and what binds which name."""
        scope = Scope(parent=None)
        rest: list[tuple[Node, Scope]] = [(root, scope)]
        while rest:
            node, scope = rest.pop()
            inner = self.enter(node, scope)
            if inner is not None:
                rest += [(each, inner) for each in reversed(node.named_children)]
        self.finish()

    @abstractmethod
    def enter(self, node: Node, scope: Scope) -> Scope | None:
        """Note what this node binds or calls; the scope of its parts, None where they are of no interest."""

    @abstractmethod
    def finish(self) -> None:
        """Whatever can be said only after the whole tree."""

    @abstractmethod
    def called_name(self, node: Node, scope: Scope) -> str:
        """The last name of what a call calls, under the name that its module gave it; cheap."""

    @abstractmethod
    def expression(self, node: Node, scope: Scope, depth: int) -> Value:
        """What an expression of this language is worth."""

    def value(self, node: Node | None, scope: Scope, depth: int = 0) -> Value:
        """What an expression is worth, as far as the text says it."""
        if node is None:
            return Unknown(span=(0, 0))
        if depth > _DEEPEST:
            return Unknown(span=span_of(node))
        return self.expression(node, scope, depth + 1)

    def sum(self, node: Node, scope: Scope, depth: int) -> Value:
        """What a chain of pluses is worth, however long: it hangs to the left in the tree."""
        operands: list[Node | None] = []
        left: Node | None = node
        while left is not None and left.type == node.type:
            operator = left.child_by_field_name("operator")
            if operator is None or self.raw(operator) != "+":
                break
            operands.append(left.child_by_field_name("right"))
            left = left.child_by_field_name("left")
        total = self.value(left, scope, depth)
        for each in reversed(operands):
            total = joined(total, self.value(each, scope, depth), span_of(node))
        return total

    def name_value(self, name: str, scope: Scope, span: Span, depth: int) -> Value:
        """What a name stands for: the value of the one place that binds it."""
        found = scope.only(name)
        holder = scope.holder(name)
        if found is None or holder is None:
            return Unknown(span=span)
        binding, mutation = found
        key = (holder, name)
        if binding.has_default:
            return Unknown(span=span, parameter=name)
        if binding.value is None or binding.scope is None or mutation == "changed" or key in self._open:
            return Unknown(span=span)
        if key not in self._known:
            self._open.add(key)
            value = self.value(binding.value, binding.scope, depth)
            self._open.discard(key)
            if mutation == "grown":
                value = replace(value, more=True) if isinstance(value, Items) else Unknown(span=span)
            self._known[key] = value
        return self._known[key]

    def member_value(self, name: str, scope: Scope, span: Span, depth: int) -> Value:
        """What an object's own member stands for: the value of the one place in its class that sets it."""
        owner = scope.own_class()
        return Unknown(span=span) if owner is None else self.name_value(member(name), owner, span, depth)

    def bind_member(self, name: str, scope: Scope, binding: Binding) -> None:
        """One more place that sets a member of the object whose method this is in."""
        owner = scope.own_class()
        if owner is not None:
            owner.bind(member(name), binding)

    def imported(self, name: str, scope: Scope) -> tuple[str, tuple[str, ...]] | None:
        """Module and path of a name that was imported; None for one that was not."""
        found = scope.only(name)
        if found is None or found[0].module is None:
            return None
        return found[0].module, found[0].imported

    def call(
        self,
        root: Node,
        names: list[str],
        scope: Scope,
        *,
        args: tuple[Value, ...],
        named: Record,
        span: Span,
        depth: int,
    ) -> Called:
        """A call of ``names`` behind ``root``."""
        module: str | None = None
        receiver: Value | None = None
        path = tuple(names)
        root_name = self.identifier(root)
        if root_name is None:
            receiver = self.value(root, scope, depth)
        else:
            origin = self.imported(root_name, scope)
            if origin is not None:
                module, path = origin[0], (*origin[1], *path)
            elif root_name in _OBJECT and path:
                receiver = self.member_value(path[0], scope, span_of(root), depth)
                path = path if isinstance(receiver, Unknown) else path[1:]
            else:
                receiver = self.name_value(root_name, scope, span_of(root), depth)
        if isinstance(receiver, Unknown):
            receiver, path = None, (() if root_name is None else (root_name,)) + path
        return Called(names=path, module=module, receiver=receiver, args=args, named=named, span=span)

    def own_name(self, function: Node | None, scope: Scope) -> str:
        """The name that a module gave to a function that may be known by another here."""
        name = None if function is None else self.identifier(function)
        if name is None:
            return ""
        origin = self.imported(name, scope)
        return origin[1][-1] if origin is not None and origin[1] else name

    def items(self, node: Node, scope: Scope, depth: int) -> Value:
        """What a literal list holds, with what is spread into it."""
        items: list[Value] = []
        more = False
        for each in node.named_children:
            if each.type == self.SPREAD:
                inner = self.value(each.named_children[0] if each.named_children else None, scope, depth)
                if isinstance(inner, Items):
                    items += inner.items
                    more = more or inner.more
                else:
                    more = True
            elif each.type == "ERROR":
                more = True
            elif each.type != "comment":
                items.append(self.value(each, scope, depth))
        return self.list_of(items, more, node)

    def list_of(self, items: Sequence[Value], more: bool, node: Node) -> Value:
        """A list of these; unknown where they are too many."""
        if len(items) > MOST_PARTS:
            return Unknown(span=span_of(node))
        return Items(items=tuple(items), more=more, span=span_of(node))

    def identifier(self, node: Node) -> str | None:
        """The name that a node is; None for anything but a name."""
        return self.raw(node) if node.type == "identifier" else None

    def raw(self, node: Node) -> str:
        """The source text of a node."""
        return self.source.text(node.start_byte, node.end_byte)


def member(name: str) -> str:
    """The name under which a class keeps a member of its objects; no variable can have it."""
    return f"self.{name}"


def span_of(node: Node) -> Span:
    """The bytes of a node."""
    return node.start_byte, node.end_byte


def merged(entries: Iterable[tuple[str, Value]], more: bool, span: Span) -> Value:
    """A record of these entries; unknown where they are too many."""
    found = tuple(entries)
    return Unknown(span=span) if len(found) > MOST_PARTS else Record(entries=found, more=more, span=span)
