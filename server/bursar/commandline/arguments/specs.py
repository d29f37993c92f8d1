"""`bursar spec`: reading and ticking a tasks file."""

from __future__ import annotations

from bursar.commandline.arguments.adding import TASK_HELP, Commands, add


def add_specs(commands: Commands) -> None:
    """The commands about a tasks file."""
    spec = commands.add_parser(
        "spec", help="read or tick a tasks file", epilog="example: bursar spec show .kiro/specs/x"
    )
    inner = spec.add_subparsers(metavar="show|tick", required=True)
    show = add(
        inner, "show", "bursar.commandline.specs:show", "list the tasks of a spec", "bursar spec show tasks.md --json"
    )
    show.add_argument("path", help="a tasks.md or its folder")
    tick = add(
        inner,
        "tick",
        "bursar.commandline.specs:tick_command",
        "set the mark of one task, byte-exact",
        "bursar spec tick tasks.md 2.1",
    )
    tick.add_argument("path", help="a tasks.md or its folder")
    tick.add_argument("task", help=TASK_HELP)
    tick.add_argument("--state", default="done", choices=["todo", "queued", "in_progress", "done"])
