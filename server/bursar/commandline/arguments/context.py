"""`bursar context`: what an agent's context costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bursar.commandline.arguments.adding import Commands, add
from bursar.commandline.arguments.context_files import add_context_files

_BENCH_HELP = """Each session of the file is played again, request by request: the policy sees what was sent so
far and nothing else, and says what becomes a stub, an excerpt of whole lines, or goes. The agent's
own acts stay as they were recorded.

cost        input tokens, weighted by the price set, as a share of what keep-all costs
eff         the same with what it would cost to fetch again what was missing (mean over sessions)
retention   identifiers and paths in calls' arguments that came from a result, and still stood there
edit_lines  the same for the lines that edits replace; quotes: for whole lines of text and arguments
trims       how often a warm prefix was changed, a session; refetches: results that were missed
ci          own eff minus that of the best peer, 95 %, 4,000 paired resamples of the sessions;
            a policy without pings is held against peers without

Price sets A to G and cliff are ratios to a plain input token (bursar schema context-bench)."""


_WHAT_IF_HELP = """A LOG is a file or a folder of logs of Claude Code, Codex or opencode; the name of an agent
(claude-code, codex, opencode) stands for the folders that it keeps them in. No log is read that is not named so.

Each conversation is played again, request by request, under a policy; a compaction of the agent's
own begins another, and so does each sub-agent. The policy sees what was sent so far and nothing else.
What is missed is what a later answer used of a result that was no longer there: names and paths in
the arguments of calls, lines that an edit replaced, lines that were quoted.

The agent's acts are those of the log: what it would have done with another context nobody can know."""
WISHES = {
    "pin": "keep a part of a run's window as it is, or give a file or lines of it to runs that begin later",
    "unpin": "let a pinned part be trimmed again, or leave a pinned file out of runs that begin later",
    "drop": "leave a tool's result out of the requests that follow; nothing is lost",
    "recall": "put what was left out of a result back in full",
}
_ITEM_HELP = "the name of a part, as 'bursar context' lists it; or a path, with lines as in src/app.py#L3-L20"
_PART_HELP = "the name of a part, as 'bursar context' lists it"
_COMMANDS = frozenset({"bench", "files", "show", *WISHES})


def with_show(argv: Sequence[str]) -> list[str]:
    """``bursar context [RUN]`` is short for ``bursar context show [RUN]``."""
    given = list(argv)
    if given[:1] == ["context"] and not _COMMANDS & set(given[1:2]) and not {"-h", "--help"} & set(given[1:2]):
        given.insert(1, "show")
    return given


def add_context(commands: Commands) -> None:
    """The commands about a context."""
    _add_what_if(commands)
    context = commands.add_parser(
        "context",
        help="what a run's window holds, and what to keep in it; which files a task needs; measure policies",
        description="Without a command: list the parts of a run's window, like 'bursar context show'.",
        epilog="example: bursar context",
    )
    inner = context.add_subparsers(metavar="show|pin|unpin|drop|recall|files|bench", required=True)
    add_context_files(inner)
    show = add(
        inner,
        "show",
        "bursar.commandline.window:show",
        "list the parts of a run's window: size, cost per further request, cached or not, age, last use",
        "bursar context show run-0abc",
    )
    show.add_argument("run", nargs="?", metavar="RUN", help="a run; without one the newest of this workspace")
    for wish, summary in WISHES.items():
        parser = add(inner, wish, "bursar.commandline.window:hold", summary, f"bursar context {wish} t3.0")
        parser.add_argument("item", metavar="ITEM", help=_ITEM_HELP if "pin" in wish else _PART_HELP)
        parser.add_argument("--run", metavar="RUN", help="a run; without it the newest of this workspace")
        parser.set_defaults(wish=wish)
    bench = add(
        inner,
        "bench",
        "bursar.commandline.context:bench",
        "replay recorded sessions under policies and say what each costs and loses",
        "bursar context bench --traces sessions.jsonl.gz --policy all --prices A",
        needs_app=False,
    )
    bench.description = f"Replay recorded sessions under policies and say what each costs and loses.\n\n{_BENCH_HELP}"
    bench.add_argument(
        "--traces", required=True, type=Path, metavar="FILE", help="recorded sessions: JSON lines, also gzipped"
    )
    bench.add_argument("--policy", default="all", metavar="NAME", help="one policy, or all of them (the default)")
    bench.add_argument("--prices", default="A", metavar="SET", help="A to G, cliff, or all; A without one")
    bench.add_argument(
        "--window",
        type=int,
        metavar="TOKENS",
        help="a window of this size for all sessions, in which each policy but keep-all has a summary as a last resort;"
        " without it each session has the window that it had",
    )
    bench.add_argument(
        "--cv",
        action="store_true",
        help="what a policy has learnt, it must have learnt from other sources than the session's own",
    )
    bench.add_argument(
        "--decisions",
        type=Path,
        metavar="FILE",
        help="write what each policy did to each request, as JSON lines, for another program to score"
        " (bursar schema context-decision)",
    )


def _add_what_if(commands: Commands) -> None:
    command = add(
        commands,
        "what-if",
        "bursar.commandline.what_if:what_if",
        "say what trimming would have saved on sessions of other agents, and what would have been missed",
        "bursar what-if claude-code\n         bursar what-if ~/.codex/sessions/2026/11 --policy all --prices A",
    )
    command.description = f"{command.description}\n\n{_WHAT_IF_HELP}"
    command.add_argument("logs", nargs="+", metavar="LOG", help="files and folders of logs, or names of agents")
    command.add_argument("--policy", default="bursar", metavar="NAME", help="one policy (bursar without one), or all")
    command.add_argument(
        "--prices",
        default="own",
        metavar="SET",
        help="A to G, cliff, all, or a model's name; without one each session's own model. Only a model's price makes"
        " shares money",
    )
    command.add_argument(
        "--export", type=Path, metavar="FILE", help="write the sessions as JSON lines, which bursar context bench reads"
    )
