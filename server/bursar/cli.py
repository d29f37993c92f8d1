"""The command line: parses argv, calls the command, turns failures into one sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bursar.commandline.output import FINE, INTERNAL, PAUSED, WRONG_USE, message

_SPENT_HELP = """What is spent is what was billed. A request whose bill is not known (its answer broke off, or the
process was killed) is counted at the most that it can have cost, and shown as that: 'usage'
lists it beside the total as 'not known', 'budget' includes it in 'spent', says how much of it
that is, and reserves on top what is held for requests in flight. So neither shows less than
can have been spent."""
_TASK_HELP = "a task's id, or @N for the task at line N (1-based)"


def run_command_line(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code (0 fine, 1 found, 2 wrong use or bad input, 3 paused, 4 internal)."""
    parser = build_parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    if not hasattr(args, "target"):
        parser.print_help(sys.stderr)
        return WRONG_USE
    from bursar.domain.errors import BadInput, BursarError, Fenced, OwnedElsewhere, Refused

    module, _, function = args.target.partition(":")
    try:
        call = getattr(importlib.import_module(module), function)
        if args.needs_app:
            from bursar.system.private import close_to_others
            from bursar.wiring import build_app

            close_to_others()
            app = build_app()
            try:
                return int(call(app, args))
            finally:
                for notice in app.notices():
                    message(f"bursar: {notice}")
                app.close()
        return int(call(args))
    except (BadInput, Refused, OwnedElsewhere) as error:
        message(f"bursar: {error}")
        return WRONG_USE
    except Fenced as error:
        message(f"bursar: {error}. 'bursar runs' shows how it goes on there.")
        return PAUSED
    except BursarError as error:
        message(f"bursar: {error}")
        return INTERNAL
    except KeyboardInterrupt:
        drives = module == "bursar.commandline.run"
        message("bursar: interrupted" + ("; 'bursar resume' goes on where it stopped" if drives else ""))
        return 3
    except BrokenPipeError:
        return FINE
    except Exception:  # noqa: BLE001 - the one place where a bug ends: its traceback is shown, the exit code says 4
        import traceback

        message(traceback.format_exc())
        message(f"bursar: '{args.target}' failed by a mistake of Bursar itself; what was recorded before is kept")
        return INTERNAL


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser: argparse.ArgumentParser = _Parser(
        prog="bursar", description="Looks after what an AI agent knows and what it spends."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = parser.add_subparsers(metavar="COMMAND")
    _spec(commands)
    _runs(commands)
    _records(commands)
    _others(commands)
    parser.set_defaults(needs_app=True)
    return parser


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, and where to read on."""

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2."""
        self.print_usage(sys.stderr)
        self.exit(WRONG_USE, f"bursar: {message}: see '{self.prog} --help'\n")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(0, f"bursar {version('bursar')}\n")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    target: str,
    summary: str,
    example: str,
    *,
    needs_app: bool = True,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(target=target, needs_app=needs_app)
    parser.add_argument("--json", action="store_true", help="print JSON on stdout and nothing else there")
    return parser


def _spec(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    spec = commands.add_parser(
        "spec", help="read or tick a tasks file", epilog="example: bursar spec show .kiro/specs/x"
    )
    inner = spec.add_subparsers(metavar="show|tick", required=True)
    show = _add(
        inner, "show", "bursar.commandline.specs:show", "list the tasks of a spec", "bursar spec show tasks.md --json"
    )
    show.add_argument("path", help="a tasks.md or its folder")
    tick = _add(
        inner,
        "tick",
        "bursar.commandline.specs:tick_command",
        "set the mark of one task, byte-exact",
        "bursar spec tick tasks.md 2.1",
    )
    tick.add_argument("path", help="a tasks.md or its folder")
    tick.add_argument("task", help=_TASK_HELP)
    tick.add_argument("--state", default="done", choices=["todo", "queued", "in_progress", "done"])


def _runs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _add(
        commands,
        "run",
        "bursar.commandline.run:run",
        "run open tasks of a spec with the agent",
        "bursar run .kiro/specs/x --task 2.1 --max 0.50usd",
    )
    run.add_argument("path", help="a tasks.md or its folder")
    run.add_argument("--task", action="append", default=[], metavar="TASK", help=_TASK_HELP)
    run.add_argument(
        "--first",
        action="append",
        default=[],
        metavar="TASK",
        help="of the tasks that are run, this one before the others that are ready; may be given several times",
    )
    run.add_argument("--model", metavar="NAME/MODEL", help="the provider entry and model to use")
    run.add_argument("--max", metavar="AMOUNT", help="the ceiling of each run, for example 0.50usd")
    run.add_argument("--dry-run", action="store_true", help="only say what the first request of each task would cost")
    _allow_run(run)
    _economy(run)
    resume = _add(
        commands,
        "resume",
        "bursar.commandline.run:resume",
        "go on with a paused or interrupted run",
        "bursar resume",
    )
    resume.add_argument("run", nargs="?", metavar="RUN")
    resume.add_argument("--all", action="store_true", help="those of all workspaces")
    resume.add_argument(
        "--model",
        metavar="NAME/MODEL",
        help="the provider entry and model to use from the next request on; its prompt cache is cold",
    )
    resume.add_argument("--max", metavar="AMOUNT", help="a new ceiling for the run")
    resume.add_argument(
        "--in-doubt",
        choices=["ask", "rerun", "skip"],
        default="ask",
        help="what to do with a step whose outcome is unknown",
    )
    _allow_run(resume)
    _economy(resume)
    _control(commands)
    for name, summary in (("pause", "pause a run between two steps"), ("stop", "end a run for good between two steps")):
        wish = _add(commands, name, f"bursar.commandline.records:{name}", summary, f"bursar {name} run-0abc")
        wish.add_argument("run", metavar="RUN")
    accept = _add(
        commands,
        "accept",
        "bursar.commandline.accept:accept_command",
        "take the task of a run that waits for its check as done, on your word",
        "bursar accept run-0abc",
    )
    accept.add_argument("run", metavar="RUN")
    rewind = _add(
        commands,
        "rewind",
        "bursar.commandline.rewind:rewind",
        "bring a run's files and conversation back to just before one of its steps",
        "bursar rewind run-0abc 7 --dry-run",
    )
    rewind.add_argument("run", metavar="RUN")
    rewind.add_argument("step", metavar="STEP", help="its number or key, as 'bursar replay RUN' prints it")
    rewind.add_argument("--dry-run", action="store_true", help="only show what would change")
    replay = _add(
        commands,
        "replay",
        "bursar.commandline.replay:replay",
        "print the whole history of a run from the journal",
        "bursar replay run-0abc",
    )
    replay.add_argument("run", metavar="RUN")
    review = _add(
        commands,
        "review",
        "bursar.commandline.review:review",
        "have a model review what a finished run changed, or fetch the reviews that a batch API has by now",
        "bursar review run-0abc --dry-run",
    )
    review.add_argument("run", nargs="?", metavar="RUN")
    review.add_argument(
        "--batch", action="store_true", help="through the provider's batch API: cheaper, and up to a day later"
    )
    review.add_argument("--fetch", action="store_true", help="fetch the reviews that went through a batch API")
    review.add_argument("--model", metavar="NAME/MODEL", help="the provider entry and model to ask")
    review.add_argument("--max", metavar="AMOUNT", help="the most that the request may cost, for example 0.10usd")
    review.add_argument("--dry-run", action="store_true", help="only say what the request would cost")
    listing = _add(
        commands, "runs", "bursar.commandline.records:runs", "list the runs of this workspace", "bursar runs --all"
    )
    listing.add_argument("--all", action="store_true", help="those of all workspaces")


def _control(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    skip = _add(
        commands,
        "skip",
        "bursar.commandline.control:skip",
        "leave a task out of what runs several tasks, and stop its run",
        "bursar skip 2.1",
    )
    retry = _add(
        commands,
        "retry",
        "bursar.commandline.control:retry_command",
        "run a task again with the finished steps of its last run",
        "bursar retry 2.1 --max 0.50usd",
    )
    retry.add_argument("--max", metavar="AMOUNT", help="the ceiling of the new run, for example 0.50usd")
    _allow_run(retry)
    _economy(retry)
    defer = _add(
        commands,
        "defer",
        "bursar.commandline.control:defer",
        "put a task off until a limit resets, until the model costs less, or until a time",
        "bursar defer 2.1 --until 18:30",
    )
    defer.add_argument(
        "--until", required=True, metavar="reset|cheap|TIME", help="TIME is HH:MM here, or RFC 3339 with its zone"
    )
    split = _add(
        commands,
        "split",
        "bursar.commandline.split:split",
        "have the model propose sub-tasks for a task that is too large, and write them after a yes",
        "bursar split 2.1 --dry-run",
    )
    split.add_argument("--model", metavar="NAME/MODEL", help="the provider entry and model to ask")
    split.add_argument("--max", metavar="AMOUNT", help="the most that the request may cost, for example 0.10usd")
    split.add_argument("--yes", action="store_true", help="write the sub-tasks without asking")
    split.add_argument("--dry-run", action="store_true", help="only say what the request would cost")
    for each in (skip, retry, defer, split):
        each.add_argument("task", metavar="TASK", help=_TASK_HELP)
        each.add_argument("--spec", metavar="PATH", help="a tasks.md or its folder; the only one below this folder")


def _records(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    usage = _add(
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
    budget = _add(
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
    erase = _add(
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
    _add(
        commands,
        "doctor",
        "bursar.commandline.doctor:doctor",
        "look at everything that a run depends on, and say what to do where something is wrong",
        "bursar doctor --json",
    )


def _others(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    simulate = commands.add_parser(
        "simulate",
        help="serve a simulated provider on loopback",
        epilog="example: bursar simulate --bill bill.json",
    )
    simulate.set_defaults(target="bursar.simulator.command:run", needs_app=False)
    from bursar.simulator.command import add_arguments

    add_arguments(simulate)
    demo = commands.add_parser(
        "demo",
        help="show the main job on an example, against the simulator",
        epilog="example: bursar demo --plain",
    )
    demo.set_defaults(target="bursar.demo.play:run", needs_app=False)
    demo.add_argument("--plain", action="store_true", help="plain lines, for logs and tests")
    demo.add_argument("--keep", metavar="DIR", type=Path, help="leave everything below this folder")
    schema = _add(
        commands,
        "schema",
        "bursar.commandline.schema:schema",
        "print the JSON Schema of an output, a file or a setting; without a name, list them",
        "bursar schema runs",
        needs_app=False,
    )
    schema.add_argument("name", nargs="?", metavar="NAME")
    check = _add(
        commands,
        "check",
        "bursar.commandline.check:check",
        "show what an editor shows on files: lenses, token counts, diagnostics",
        "bursar check .kiro/specs/x/tasks.md --json",
    )
    check.add_argument("files", nargs="+", metavar="FILE", help="a tasks.md, or any text file to count")
    _add(commands, "serve", "bursar.lsp.serve:serve", "speak LSP on stdio, for editors", "bursar serve")


def _economy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--economy",
        choices=["ask", "on", "off"],
        default="ask",
        help="near a limit go on with short answers and the route's economy model: ask first (the default; with nobody "
        "to ask it goes on as it is), without asking, or never",
    )


def _allow_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-run",
        action="append",
        default=[],
        metavar="ARGV",
        help="allow exactly this command in the run without asking, whatever files it runs, also after a resume of the "
        "run; may be given several times",
    )
