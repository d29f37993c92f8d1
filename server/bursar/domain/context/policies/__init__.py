"""Policies to trim a context: what agents and papers do, as the bench replays it. One file per family."""
