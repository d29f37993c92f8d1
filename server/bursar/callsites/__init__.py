"""Calls of models in source code; the only room that knows syntax trees."""

from bursar.callsites.finder import SyntaxCallSites

__all__ = ["SyntaxCallSites"]
