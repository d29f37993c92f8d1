"""Beginning, resuming, ending and looking at runs."""

from __future__ import annotations

from bursar.commandline.arguments.adding import TASK_HELP, Commands, add, allow_run, economy, fresh
from bursar.commandline.arguments.control import add_control


def add_runs(commands: Commands) -> None:
    """The commands about runs."""
    run = add(
        commands,
        "run",
        "bursar.commandline.run:run",
        "run open tasks of a spec with the agent",
        "bursar run .kiro/specs/x --task 2.1 --max 0.50usd",
    )
    run.add_argument("path", help="a tasks.md or its folder")
    run.add_argument("--task", action="append", default=[], metavar="TASK", help=TASK_HELP)
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
    allow_run(run)
    economy(run)
    resume = add(
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
    allow_run(resume)
    economy(resume)
    add_control(commands)
    for name, summary in (("pause", "pause a run between two steps"), ("stop", "end a run for good, at once")):
        wish = add(commands, name, f"bursar.commandline.records:{name}", summary, f"bursar {name} run-0abc")
        wish.add_argument("run", metavar="RUN")
    accept = add(
        commands,
        "accept",
        "bursar.commandline.accept:accept_command",
        "take the task of a run that waits for its check as done, on your word",
        "bursar accept run-0abc",
    )
    accept.add_argument("run", metavar="RUN")
    rewind = add(
        commands,
        "rewind",
        "bursar.commandline.rewind:rewind",
        "bring a run's files and conversation back to just before one of its steps",
        "bursar rewind run-0abc 7 --dry-run",
    )
    rewind.add_argument("run", metavar="RUN")
    rewind.add_argument("step", metavar="STEP", help="its number or key, as 'bursar replay RUN' prints it")
    rewind.add_argument("--dry-run", action="store_true", help="only show what would change")
    replay = add(
        commands,
        "replay",
        "bursar.commandline.replay:replay",
        "print the whole history of a run from the journal",
        "bursar replay run-0abc",
    )
    replay.add_argument("run", metavar="RUN")
    review = add(
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
    fresh(review)
    review.add_argument("--dry-run", action="store_true", help="only say what the request would cost")
    listing = add(
        commands, "runs", "bursar.commandline.records:runs", "list the runs of this workspace", "bursar runs --all"
    )
    listing.add_argument("--all", action="store_true", help="those of all workspaces")
