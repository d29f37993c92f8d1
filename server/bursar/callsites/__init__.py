"""Calls of models, and names, in source code; the only room that knows syntax trees."""

from bursar.callsites.finder import SyntaxCallSites
from bursar.callsites.symbols import SyntaxSymbols

__all__ = ["SyntaxCallSites", "SyntaxSymbols"]
