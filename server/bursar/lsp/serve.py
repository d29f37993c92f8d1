"""``bursar serve``: loads what the server needs, the quick way, and runs it."""

from __future__ import annotations

import argparse
import gc

from bursar.lsp.channels import take_channels
from bursar.lsp.lazy_types import load_lazily
from bursar.system import quick_classes
from bursar.system.memory import give_back_large
from bursar.wiring import App


def serve(app: App, args: argparse.Namespace) -> int:
    """Serve an editor on stdin and stdout; the exit code. BURSAR_LAZY_TYPES=0 loads the protocol's types whole."""
    channels = take_channels()  # before anything else is imported that might print
    give_back_large()  # before there is anything large
    gc.disable()  # nothing that is imported is garbage: also where the command line did not say so already
    if app.environ.get("BURSAR_LAZY_TYPES") != "0":
        load_lazily()
    from bursar.lsp.loop import run

    quick_classes.end()
    app.remembers_counts = True
    return run(app, channels)
