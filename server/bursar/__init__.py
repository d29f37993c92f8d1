"""Bursar: looks after what an AI agent knows and what it spends."""
