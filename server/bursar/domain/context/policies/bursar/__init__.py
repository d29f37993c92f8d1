"""Bursar's own policy: repeats become pointers, bulk is cut on arrival, and the rest when the cache is cold anyway."""
