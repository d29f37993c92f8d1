"""Whole runs in one process from one seed: time, ids, chance, provider, programs, people and deaths are drawn from it.

``python -m tests.simulation SEED`` prints what one seed does; see ``play`` for how it is put together.
"""
