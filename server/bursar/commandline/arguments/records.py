"""What was recorded and spent."""

from __future__ import annotations

from pathlib import Path

from bursar.commandline.arguments.adding import Commands, add
from bursar.domain.wires import WIRES

_SPENT_HELP = """What is spent is what was billed. A request whose bill is not known (its answer broke off, or the
process was killed) is counted at the most that it can have cost, and shown as that: 'usage'
lists it beside the total as 'not known', 'budget' includes it in 'spent', says how much of it
that is, and reserves on top what is held for requests in flight. So neither shows less than
can have been spent."""

_IMPORT_HELP = """Nothing is read before you ask for it, and nothing but these places: for claude-code
$CLAUDE_CONFIG_DIR/projects or ~/.claude/projects; for codex sessions and archived_sessions
below $CODEX_HOME or ~/.codex. Only figures are kept, no texts. Each request counts once,
however often the logs repeat it, and what was read before is not read again. Money is made
from the prices of now for the time of each request; a model without a price is said to have
none. Budgets do not count what other agents spent."""


def add_records(commands: Commands) -> None:
    """The commands about money and records."""
    usage = add(
        commands,
        "usage",
        "bursar.commandline.records:usage",
        "show what was spent",
        "bursar usage --json\n         bursar usage --by effort",
    )
    usage.description = f"Show what was spent, by task, with every request.\n\n{_SPENT_HELP}"
    usage.add_argument(
        "--by",
        choices=["task", "effort"],
        default="task",
        help="one row for each task (the default), or for each effort, normal and terse, with what came of it",
    )
    inner = usage.add_subparsers(metavar="import")
    importing = add(
        inner,
        "import",
        "bursar.commandline.importing:import_usage",
        "read from the logs of other agents what they spent",
        "bursar usage import\n         bursar usage import codex --from /backup/codex",
    )
    importing.description = f"Read from the logs of other agents what they spent.\n\n{_IMPORT_HELP}"
    importing.add_argument("agents", nargs="*", metavar="AGENT", help="only these; without one, every known agent")
    importing.add_argument(
        "--from", dest="folder", type=Path, metavar="DIR", help="read the logs below this folder and no others"
    )
    _add_cost(commands)
    budget = add(
        commands,
        "budget",
        "bursar.commandline.budgets:budget",
        "show budgets with what is used of them, set one, or go back to the settings",
        "bursar budget set day 5usd --warn 50,80,95\n         bursar budget unset day",
    )
    budget.description = f"{budget.description}\n\n{_SPENT_HELP}"
    budget.add_argument("action", nargs="?", choices=["set", "unset"])
    budget.add_argument("scope", nargs="?", help="run (the limit that each new run begins with) or day")
    budget.add_argument("amount", nargs="?", help="5usd, 0.25usd, 200ktok, 300req; of a run an amount of money")
    budget.add_argument(
        "--warn",
        metavar="P,P,P",
        help="at how many percent of a budget its level is notice, warning and critical; kept (at first 50,80,95)",
    )
    erase = add(
        commands,
        "erase",
        "bursar.commandline.records:erase",
        "remove recorded prompts and answers for good",
        "bursar erase --run run-0abc",
    )
    which = erase.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", metavar="RUN")
    which.add_argument("--workspace", action="store_true", help="those of this workspace")
    which.add_argument("--all", action="store_true", help="everything")
    add(
        commands,
        "doctor",
        "bursar.commandline.doctor:doctor",
        "look at everything that a run depends on, and say what to do where something is wrong",
        "bursar doctor --json",
    )


def _add_cost(commands: Commands) -> None:
    cost = add(
        commands,
        "cost",
        "bursar.commandline.cost:cost",
        "explain what one recorded answer of a provider costs",
        "bursar cost reply.json\n         bursar cost stream.sse --format openai-chat --model gpt-6-sol --json",
    )
    cost.add_argument("file", metavar="FILE", help="JSON, JSON lines or server-sent events as they came; - is stdin")
    cost.add_argument("--format", choices=WIRES, help="its wire format; told from the answer where that can be done")
    cost.add_argument("--model", metavar="M", help="the model, where the answer names none")
    cost.add_argument("--at", metavar="TIME", help="at the prices of this time (RFC 3339); now, where it is not given")
    cost.add_argument("--prices", metavar="FILE", help="a price file that goes before the price card")
