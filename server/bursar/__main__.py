"""``python -m bursar`` and the ``bursar`` command."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and end with its exit code. BURSAR_LAZY_TYPES=0 starts a server in the plain way."""
    _leave_out_the_folder()
    if sys.argv[1:2] == ["serve"] and os.environ.get("BURSAR_LAZY_TYPES") != "0":
        channels = None
        if len(sys.argv) == 2:
            from bursar.lsp.greeting import greet

            channels = greet()
        # Before anything else of ours is imported; the server ends it once it has loaded what it needs.
        from bursar.system import quick_classes

        quick_classes.begin()
        if channels is not None:
            from bursar.lsp.first_lenses import answer_first_lenses

            answer_first_lenses(channels, os.environ)
    from bursar.cli import run_command_line

    sys.exit(run_command_line(sys.argv[1:]))


def _leave_out_the_folder() -> None:
    """Import nothing from the folder that we are started in, which ``-m`` puts first: a workspace may hold anything."""
    package = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - no pathlib: start-up
    if sys.path and sys.path[0] in ("", os.getcwd()) and os.path.dirname(package) != os.getcwd():  # noqa: PTH109, PTH120
        del sys.path[0]


if __name__ == "__main__":
    main()
