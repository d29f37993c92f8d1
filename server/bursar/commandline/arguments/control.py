"""What becomes of one task: skipped, tried again, put off, split."""

from __future__ import annotations

from bursar.commandline.arguments.adding import TASK_HELP, Commands, add, allow_run, economy, fresh


def add_control(commands: Commands) -> None:
    """The commands about one task."""
    skip = add(
        commands,
        "skip",
        "bursar.commandline.control:skip",
        "leave a task out of what runs several tasks, and stop its run",
        "bursar skip 2.1",
    )
    retry = add(
        commands,
        "retry",
        "bursar.commandline.control:retry_command",
        "run a task again with the finished steps of its last run",
        "bursar retry 2.1 --max 0.50usd",
    )
    retry.add_argument("--max", metavar="AMOUNT", help="the ceiling of the new run, for example 0.50usd")
    allow_run(retry)
    economy(retry)
    defer = add(
        commands,
        "defer",
        "bursar.commandline.control:defer",
        "put a task off until a limit resets, until the model costs less, or until a time",
        "bursar defer 2.1 --until 18:30",
    )
    defer.add_argument(
        "--until", required=True, metavar="reset|cheap|TIME", help="TIME is HH:MM here, or RFC 3339 with its zone"
    )
    split = add(
        commands,
        "split",
        "bursar.commandline.split:split",
        "have the model propose sub-tasks for a task that is too large, and write them after a yes",
        "bursar split 2.1 --dry-run",
    )
    split.add_argument("--model", metavar="NAME/MODEL", help="the provider entry and model to ask")
    split.add_argument("--max", metavar="AMOUNT", help="the most that the request may cost, for example 0.10usd")
    split.add_argument("--yes", action="store_true", help="write the sub-tasks without asking")
    fresh(split)
    split.add_argument("--dry-run", action="store_true", help="only say what the request would cost")
    for each in (skip, retry, defer, split):
        each.add_argument("task", metavar="TASK", help=TASK_HELP)
        each.add_argument("--spec", metavar="PATH", help="a tasks.md or its folder; the only one below this folder")
