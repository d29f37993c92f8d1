"""Drives a spec task step by step through ports: assemble, request, act, recover, tick."""
