"""The loop as a durable workflow: ``on_dbos.py FOLDER begin|again``.

Each request and each use of tools is a step; SQLite, the default; and after a kill the process is started again with
the same executor id, whose pending workflows the launch recovers, as its documentation on a single server says.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent import Agent, Message
from dbos import DBOS, SetWorkflowID

FOLDER = Path(sys.argv[1])
AGENT = Agent(FOLDER)


@DBOS.step()
def ask(later: list[Message]) -> Message:
    """One request."""
    return AGENT.ask(later)


@DBOS.step()
def use(later: list[Message]) -> Message | None:
    """The calls of one answer."""
    return AGENT.use(later)


@DBOS.workflow()
def run() -> int:
    """The loop; how many requests it took."""
    later: list[Message] = []
    while True:
        later.append(ask(later))
        results = use(later)
        if results is None:
            return len(later)
        later.append(results)


def main(*, again: bool) -> None:
    """Run the workflow to its end; one that is pending is recovered by the launch."""
    url = f"sqlite:///{FOLDER / 'dbos.sqlite'}"
    DBOS(config={"name": "bench", "system_database_url": url, "executor_id": "one", "log_level": "ERROR"})
    DBOS.launch()
    if again:
        handle = DBOS.retrieve_workflow("run")
    else:
        with SetWorkflowID("run"):
            handle = DBOS.start_workflow(run)
    handle.get_result()
    DBOS.destroy()


if __name__ == "__main__":
    main(again=sys.argv[2] == "again")
