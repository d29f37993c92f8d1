"""What a text weighs."""

from __future__ import annotations

from bursar.commandline.arguments.adding import Commands, add

_COUNT_HELP = """The tokens are exact under the encoding. Beside them stands what the vendor of a model probably
makes of the text, with a range: learnt from what was reported for your own requests to that model
(nine in ten of them lay in it), from what is published of its family where there are too few, and
exact for the models whose encoding OpenAI names."""


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
