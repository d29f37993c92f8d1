"""The loop as a graph with a checkpointer: ``on_langgraph.py FOLDER begin|again``.

A model node and a tools node over a list of messages; the SQLite checkpointer; ``durability="sync"``, its safest; and
after a kill the same thread is invoked with None, as its documentation on durable execution says.
"""

from __future__ import annotations

import operator
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

from agent import Agent, Message
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    """The turns behind the opening, and whether the model has finished."""

    later: Annotated[list[Message], operator.add]
    finished: bool


def main(folder: Path, *, again: bool) -> None:
    """Run the graph to its end, from the last checkpoint where there is one."""
    agent = Agent(folder)

    def model(state: State) -> dict[str, Any]:
        return {"later": [agent.ask(state["later"])]}

    def tools(state: State) -> dict[str, Any]:
        results = agent.use(state["later"])
        return {"finished": True} if results is None else {"later": [results]}

    builder = StateGraph(State)
    builder.add_node("model", model)
    builder.add_node("tools", tools)
    builder.add_edge(START, "model")
    builder.add_edge("model", "tools")
    builder.add_conditional_edges("tools", lambda state: END if state["finished"] else "model")
    with SqliteSaver.from_conn_string(str(folder / "langgraph.sqlite")) as saver:
        graph = builder.compile(checkpointer=saver)
        graph.invoke(
            None if again else {"later": [], "finished": False},
            {"configurable": {"thread_id": "run"}, "recursion_limit": 1_000},
            durability="sync",
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), again=sys.argv[2] == "again")
