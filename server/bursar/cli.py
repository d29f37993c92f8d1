"""The command line: parses argv, calls the command, turns failures into one sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from bursar.commandline.output import FINE, INTERNAL, PAUSED, WRONG_USE, message

if TYPE_CHECKING:
    from bursar.commandline.arguments.adding import Commands

_SERVE = "bursar.lsp.serve:serve"


def run_command_line(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code (0 fine, 1 found, 2 wrong use or bad input, 3 paused, 4 internal)."""
    if list(argv) == ["serve"]:
        # An editor waits for this one, and the arguments of all others take a while to load.
        args = argparse.Namespace(target=_SERVE, needs_app=True)
    else:
        from bursar.commandline.arguments.context import with_show

        parser = build_parser()
        try:
            args = parser.parse_args(with_show(argv))
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
    from bursar.commandline.arguments.context import add_context
    from bursar.commandline.arguments.records import add_records
    from bursar.commandline.arguments.runs import add_runs
    from bursar.commandline.arguments.specs import add_specs

    parser: argparse.ArgumentParser = _Parser(
        prog="bursar", description="Looks after what an AI agent knows and what it spends."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = parser.add_subparsers(metavar="COMMAND")
    add_specs(commands)
    add_runs(commands)
    add_records(commands)
    add_context(commands)
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


def _others(commands: Commands) -> None:
    from bursar.commandline.arguments.adding import add
    from bursar.commandline.arguments.texts import add_check, add_count

    simulate = commands.add_parser(
        "simulate",
        help="serve a simulated provider on loopback",
        epilog="example: bursar simulate --bill bill.json",
    )
    simulate.set_defaults(target="bursar.simulator.command:run", needs_app=False)
    from bursar.simulator.arguments import add_arguments

    add_arguments(simulate)
    demo = commands.add_parser(
        "demo",
        help="show the main job on an example, against the simulator",
        epilog="example: bursar demo --plain",
    )
    demo.set_defaults(target="bursar.demo.play:run", needs_app=False)
    demo.add_argument("--plain", action="store_true", help="plain lines, for logs and tests")
    demo.add_argument("--keep", metavar="DIR", type=Path, help="leave everything below this folder")
    schema = add(
        commands,
        "schema",
        "bursar.commandline.schema:schema",
        "print the JSON Schema of an output, a file or a setting; without a name, list them",
        "bursar schema runs",
        needs_app=False,
    )
    schema.add_argument("name", nargs="?", metavar="NAME")
    add_count(commands)
    add_check(commands)
    add(commands, "serve", _SERVE, "speak LSP on stdio, for editors", "bursar serve")
