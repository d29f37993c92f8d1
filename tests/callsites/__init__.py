"""Calls of models in source code."""
