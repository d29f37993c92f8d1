"""The loop by itself, for the agent that begins anew: ``on_nothing.py FOLDER begin|again``."""

from __future__ import annotations

import sys
from pathlib import Path

from agent import Agent, Message


def main(folder: Path) -> None:
    """Run to the end; nothing is kept, so again is the same as the first time."""
    agent = Agent(folder)
    later: list[Message] = []
    while True:
        later.append(agent.ask(later))
        results = agent.use(later)
        if results is None:
            return
        later.append(results)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
