"""Bursar: looks after what an AI agent knows and what it spends."""

# Said again here, because asking the installation for it takes longer than all else that a start reads.
VERSION = "0.1.0"
