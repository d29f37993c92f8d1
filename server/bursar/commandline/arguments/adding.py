"""How a command is added to the parser, and the options that several have."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
TASK_HELP = "a task's id, or @N for the task at line N (1-based)"


def add(
    commands: Commands,
    name: str,
    target: str,
    summary: str,
    example: str,
    *,
    needs_app: bool = True,
) -> argparse.ArgumentParser:
    """One command: ``target`` is the module and function that is imported when it is called."""
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


def economy(parser: argparse.ArgumentParser) -> None:
    """Whether a run goes on with less where a limit is near."""
    parser.add_argument(
        "--economy",
        choices=["ask", "on", "off"],
        default="ask",
        help="near a limit go on with short answers and the route's economy model: ask first (the default; with nobody "
        "to ask it goes on as it is), without asking, or never",
    )


def fresh(parser: argparse.ArgumentParser) -> None:
    """Whether an answer that is kept is used."""
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="ask and pay also where Bursar's response cache has the answer to exactly this request",
    )


def allow_run(parser: argparse.ArgumentParser) -> None:
    """Commands that need no question."""
    parser.add_argument(
        "--allow-run",
        action="append",
        default=[],
        metavar="ARGV",
        help="allow exactly this command in the run without asking, whatever files it runs, also after a resume of the "
        "run; may be given several times",
    )
