"""What `bursar simulate` takes, apart from what it does: every command of ours builds the whole parser."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = "Serve a simulated model provider on 127.0.0.1, with a prompt cache, faults and its own bill."
    parser.epilog = "Example: bursar simulate --scenario scenario.json --port 8411 --bill bill.json --log log.jsonl"
    parser.add_argument("--scenario", type=Path, metavar="FILE", help="what to serve (default: the generic model)")
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="port to listen on (default: any free one)")
    parser.add_argument("--bill", type=Path, metavar="FILE", help="the bill, rewritten whole after each request")
    parser.add_argument("--log", type=Path, metavar="FILE", help="one JSON line per request, appended")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--die-with-parent", action="store_true", help=argparse.SUPPRESS)


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return port
