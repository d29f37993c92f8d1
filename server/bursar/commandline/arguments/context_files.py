"""`bursar context files`: which files of the workspace a task needs."""

from __future__ import annotations

from bursar.commandline.arguments.adding import TASK_HELP, Commands, add

_HELP = """Files come by what the task names (paths, identifiers), where its words stand, which of them stand
close together or in the names that a file defines, what those files use or are used by, and a
little by when they were last written. Nothing is sent anywhere: the words of the workspace are
indexed in the state folder, and a file is read again only when it was written.

Not looked at: .git, node_modules and the like, files that may hold keys, links, files above 1 MB
and all beyond 20,000."""


def add_context_files(commands: Commands) -> None:
    """The command that ranks files."""
    files = add(
        commands,
        "files",
        "bursar.commandline.context_files:files",
        "list the files of the workspace that a task needs, best first, with why",
        'bursar context files "retry a request that timed out"\n'
        "         bursar context files 2.1 --spec .kiro/specs/shipping-quote",
    )
    files.description = f"List the files of the workspace that a task needs, best first, with why.\n\n{_HELP}"
    files.add_argument("what", metavar="TASK|TEXT", help=f"a text, or with --spec {TASK_HELP}")
    files.add_argument("--spec", metavar="PATH", help="the tasks.md, or its folder, that the task is in")
    files.add_argument("--limit", type=int, default=10, metavar="N", help="how many files; 10 without it")
