"""Which value a name of the source text has, only where that is certain."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tree_sitter import Node

Mutation = Literal["grown", "changed"]


@dataclass(slots=True)
class Binding:
    """One place that gives a name its value: an expression, an import, or what only the running program knows."""

    value: Node | None = None
    scope: Scope | None = None
    module: str | None = None
    imported: tuple[str, ...] = ()
    has_default: bool = False
    """A parameter that has a literal default: what callers give it is not known here."""


@dataclass(slots=True, eq=False)
class Scope:
    """Names and what binds them; ``inner_only`` is a class, whose names its functions do not see."""

    parent: Scope | None
    inner_only: bool = False
    is_block: bool = False
    names: dict[str, list[Binding]] = field(default_factory=dict)
    mutated: dict[str, Mutation] = field(default_factory=dict)

    def bind(self, name: str, binding: Binding) -> None:
        """One more place that binds this name here."""
        self.names.setdefault(name, []).append(binding)

    def holder(self, name: str) -> Scope | None:
        """The scope that this name, used here, belongs to."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.inner_only):
                return scope
            scope = scope.parent
        return None

    def function(self) -> Scope:
        """The nearest scope that is no block."""
        scope = self
        while scope.is_block and scope.parent is not None:
            scope = scope.parent
        return scope

    def own_class(self) -> Scope | None:
        """The class that this is in."""
        scope: Scope | None = self
        while scope is not None and not scope.inner_only:
            scope = scope.parent
        return scope

    def only(self, name: str) -> tuple[Binding, Mutation | None] | None:
        """The one place that binds this name, and what happens to its value later; None where there are several."""
        holder = self.holder(name)
        if holder is None or len(holder.names[name]) != 1:
            return None
        return holder.names[name][0], holder.mutated.get(name)

    def mutate(self, name: str, how: Mutation) -> None:
        """What this name stands for is changed in place."""
        holder = self.holder(name)
        if holder is not None and holder.mutated.get(name) != "changed":
            holder.mutated[name] = how
