"""The machine's clock, fresh ids and the named failpoints: the only room that asks the operating system for time."""
