"""What was recorded and spent."""

from __future__ import annotations

from pathlib import Path

from bursar.commandline.arguments.adding import Commands, add
from bursar.domain.wires import WIRES

_SCOPES_HELP = """\
A request is checked against the budgets of all scopes that it lies in: request (each by itself), run (the limit that
each new run begins with), task (all its runs), session (a window from its start to its end, or a command), workspace,
day, week (Monday to Sunday, ISO 8601) and month, by your local calendar as it is when the money is reserved. Requests
that only keep a prompt in its provider's cache (the setting "context": {"keep_warm": ..}) have a day's budget of their
own, too: keep-warm. 'today' says that this machine's clock is right, after it was ahead for a while."""
_SPENT_HELP = """What is spent is what was billed. A request whose bill is not known (its answer broke off, or the
process was killed) is counted at the most that it can have cost, and shown as that: 'usage'
lists it beside the total as 'not known', 'budget' includes it in 'spent', says how much of it
that is, and reserves on top what is held for requests in flight. So neither shows less than
can have been spent."""

_USAGE_HELP = f"""{_SPENT_HELP}

An attempt that no provider took costs nothing and counts as failed, like one whose answer broke
off. A request without a price is named, and never counted as nothing. Speed is told by model and
by task: the time to the first token, that of the whole answer, and output tokens per second from
the first token on."""

_RECONCILE_HELP = """Each day and model of the file is compared with the same of the ledger, or each request where the
file has the provider's ids. What one of the two does not have is a difference. Cells may be
parted by comma, semicolon, tab or bar; amounts may be like $1,234.50; a date or an amount that
may mean two things is refused, and a damaged row is told and passed over. Ends with 1 where
something differs, and where nothing of the file is in the ledger."""

_ADVISE_HELP = """A task succeeded where its check passed, or where you took it as done; it failed where the check
did, or where the stronger model had to take over. A run without a check says nothing, and neither
does one that several models worked on. Each task counts once for a model, with the money and the
time of all its runs, those that failed too. The bound is the lower end of the Wilson interval at
95 %: ten of ten are at least 72 %, sixteen of sixteen 80 %. Roles: plan (split), edit (run), check
(review); the setting "roles" gives each a route or a model of its own."""

_IMPORT_HELP = """Nothing is read before you ask for it, and nothing but these places: for claude-code
$CLAUDE_CONFIG_DIR/projects or ~/.claude/projects; for codex sessions and archived_sessions
below $CODEX_HOME or ~/.codex; for opencode opencode below $XDG_DATA_HOME or ~/.local/share; for
cline and roo-code the extension's tasks in VS Code, VSCodium, Cursor and Windsurf, and below
$CLINE_DIR or ~/.cline; for aider the chat history that $AIDER_CHAT_HISTORY_FILE names, and
.aider.chat.history.md here, above and at home (its figures are rounded and called estimated).
Only figures are kept, no texts. Each request counts once, however often the logs repeat it, and
what was read before is not read again. Money is made from the prices of now for the time of
each request; a model without a price is said to have
none. Budgets count what other agents spent only after 'bursar budget --imported count'."""


def add_records(commands: Commands) -> None:
    """The commands about money and records."""
    usage = add(
        commands,
        "usage",
        "bursar.commandline.usage:usage",
        "show what was spent",
        "bursar usage --by model --since 7d\n         bursar usage --by task --csv",
    )
    usage.description = f"Show what was spent, by task or by something else, with every request.\n\n{_USAGE_HELP}"
    usage.add_argument(
        "--by",
        choices=["day", "model", "task", "file", "session", "agent", "prompt", "effort"],
        default="task",
        help="one row for each of these (task is the default); prompt is the version of your steering and spec texts,"
        " effort is normal or terse, with what came of it",
    )
    usage.add_argument(
        "--since", metavar="D", help="from this day on: a date like 2026-11-21, 7d (seven days with today), or today"
    )
    usage.add_argument("--csv", action="store_true", help="print the rows as CSV that any spreadsheet opens")
    usage.add_argument("--all-agents", action="store_true", help="with what was imported of other agents in the rows")
    _report(commands)
    inner = usage.add_subparsers(metavar="import|reconcile")
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
    _add_reconcile(inner)
    _add_cost(commands)
    _add_advise(commands)
    budget = add(
        commands,
        "budget",
        "bursar.commandline.budgets:budget",
        "show budgets with what is used of them, set one, or go back to the settings",
        "bursar budget set week 20usd --warn 50,80,95\n         bursar budget unset day",
    )
    budget.description = f"{budget.description}\n\n{_SCOPES_HELP}\n\n{_SPENT_HELP}"
    budget.add_argument("action", nargs="?", choices=["set", "unset", "today"])
    budget.add_argument(
        "scope", nargs="?", help="request, run, task, session, workspace, keep-warm, day, week or month"
    )
    budget.add_argument("amount", nargs="?", help="5usd, 0.25usd, 200ktok, 300req")
    budget.add_argument(
        "--warn",
        metavar="P,P,P",
        help="at how many percent of a budget its level is notice, warning and critical; kept (at first 50,80,95)",
    )
    budget.add_argument(
        "--imported",
        choices=["count", "leave-out"],
        help="whether the budgets of a workspace, day, week and month count what other agents spent, as far as 'usage "
        "import' knows it; kept (at first left out)",
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


def _add_reconcile(inner: Commands) -> None:
    reconciling = add(
        inner,
        "reconcile",
        "bursar.commandline.reconciling:reconcile_usage",
        "compare an exported bill with what the ledger has",
        "bursar usage reconcile bill.csv --map date=Day,model=Model,cost=Amount",
    )
    reconciling.description = f"Compare an exported bill with what the ledger has.\n\n{_RECONCILE_HELP}"
    reconciling.add_argument("file", metavar="FILE", help="a CSV with a first line that names its columns")
    reconciling.add_argument(
        "--map",
        action="append",
        required=True,
        metavar="date=COL,model=COL,cost=COL[,request=COL]",
        help="which column is what; may be given several times",
    )
    reconciling.add_argument(
        "--tolerance", default="1%", metavar="P", help="differences up to this share are none (1%% without it)"
    )
    reconciling.add_argument("--utc", action="store_true", help="the days of the file are days of UTC, not yours")
    reconciling.add_argument(
        "--all-agents", action="store_true", help="compare with what was imported of other agents, too"
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


def _report(commands: Commands) -> None:
    report = add(
        commands,
        "report",
        "bursar.commandline.report:report",
        "write what was spent as one HTML file that loads nothing",
        "bursar report --since 30d --out spend.html",
    )
    report.add_argument(
        "--out", metavar="FILE", type=Path, help="write it there; without it, report.html in the state folder"
    )
    report.add_argument(
        "--since", metavar="D", help="from this day on: a date like 2026-11-21, 30d (thirty days with today), or today"
    )


def _add_advise(commands: Commands) -> None:
    advise = add(
        commands,
        "advise",
        "bursar.commandline.advise:advice",
        "name the cheapest model that reliably does the job, measured by the checks of your tasks",
        "bursar advise --target 80%\n         bursar advise --prefer fast --json",
    )
    advise.description = f"{advise.description}\n\n{_ADVISE_HELP}"
    advise.add_argument(
        "--prefer",
        choices=["cheap", "fast", "strong"],
        default="cheap",
        help="among the models that are reliable enough: the least money for each success (the default), the shortest"
        " p95, or the highest bound of success",
    )
    advise.add_argument(
        "--target",
        dest="share",
        metavar="P%",
        default="80%",
        help="the share of tasks that must succeed, at the lower end of its interval (80%% is the default)",
    )
    advise.add_argument("--here", action="store_true", help="only what was done in this workspace")
