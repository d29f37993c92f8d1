"""What texts weigh, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from bursar.commandline.arguments.adding import Commands, add

_COUNT_HELP = """The tokens are exact under the encoding. Beside them stands what the vendor of a model probably
makes of the text, with a range: learnt from what was reported for your own requests to that model
(nine in ten of them lay in it), from what is published of its family where there are too few, and
exact for the models whose encoding OpenAI names."""


_CHECK_HELP = """Ends with 0 where all is fine, with 1 where a file has a warning or an error (or, with --baseline,
became dearer), and with 2 where a file cannot be read: the others are told all the same."""


def add_count(commands: Commands) -> None:
    """The command that counts."""
    count = add(
        commands,
        "count",
        "bursar.commandline.count:count",
        "count the tokens of texts",
        "bursar count AGENTS.md .kiro/steering/*.md\n         git diff | bursar count - --model claude-opus-4-7 --json",
    )
    count.description = f"{count.description}\n\n{_COUNT_HELP}"
    count.add_argument("files", nargs="+", metavar="FILE", help="a text file in UTF-8; - is standard input")
    count.add_argument("--encoding", default="o200k_base", metavar="E", help="o200k_base (the default) or cl100k_base")
    count.add_argument(
        "--model",
        metavar="M",
        help="whose figure stands beside the count, as MODEL or PROVIDER/MODEL; without it that of your settings",
    )


def add_check(commands: Commands) -> None:
    """The command that shows what an editor shows."""
    check = add(
        commands,
        "check",
        "bursar.commandline.check:check",
        "show what an editor shows on files: lenses, token counts, diagnostics",
        "bursar check .kiro/steering/*.md --baseline prompts.json --max-increase 10%\n"
        "         bursar check . --sarif >bursar.sarif",
    )
    check.description = f"{check.description}\n\n{_CHECK_HELP}"
    check.add_argument("--sarif", action="store_true", help="print the diagnostics as SARIF 2.1.0 on stdout")
    check.add_argument(
        "--github", action="store_true", help="print the diagnostics as workflow commands, which GitHub annotates with"
    )
    check.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a file that an agent reads, any text file to count, or a folder: all below it that an agent reads",
    )
    check.add_argument(
        "--model",
        metavar="M",
        help="with --json: whose figure stands beside each count, as MODEL or PROVIDER/MODEL; without it that of your "
        "settings",
    )
    check.add_argument(
        "--baseline",
        metavar="FILE",
        type=Path,
        help="compare tokens and cost with those in FILE, which an earlier 'bursar check FILE... --json >FILE' wrote; "
        "exit 1 when a file became dearer, or when nothing could be compared",
    )
    check.add_argument(
        "--max-increase",
        metavar="PERCENT",
        help="with --baseline: by how much a file may become dearer, 10%% unless given",
    )
