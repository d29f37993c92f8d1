"""`bursar simulate`: the simulated provider as a command."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import errno
import json
import os
import signal
import sys
from pathlib import Path

from bursar.simulator.arguments import add_arguments as add_arguments
from bursar.simulator.scenario import Scenario, ScenarioError, load_scenario
from bursar.simulator.server import serve

_PR_SET_PDEATHSIG = 1


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    if args.die_with_parent:
        _die_with_parent()
    try:
        scenario = load_scenario(args.scenario)
    except ScenarioError as error:
        sys.stderr.write(f"bursar: {error}\n")
        return 2
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve_until_told(scenario, args.port, args.bill, args.log))
    except OSError as error:
        sys.stderr.write(f"bursar: {_why_not(error, args.port)}")
        return 2
    return 0


async def _serve_until_told(scenario: Scenario, port: int, bill: Path | None, log: Path | None) -> None:
    serving = asyncio.ensure_future(serve(scenario=scenario, port=port, bill_path=bill, log_path=log, ready=_say_where))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has no signal handlers on the loop; there Ctrl+C cancels this job by itself.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _say_where(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


def _why_not(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program: choose another with --port, or leave it out\n"
    if error.filename is not None:
        return f"{error.filename} cannot be written ({error.strerror}): choose another file\n"
    return f"port {port} cannot be opened ({error.strerror}): choose another with --port, or leave it out\n"


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends; only Linux can do that, elsewhere nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)
