"""Memory of large texts goes back to the system, however large the texts were that were there before."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lsp.raw_server import Server

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo"), reason="only glibc can be told and asked so"
)

# Tells how many regions the system gives for one megabyte, after sixteen were used and freed: what most of many tries
# say, because other threads take and free regions meanwhile.
COUNT = """
import ctypes, statistics
names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
Told = type("Told", (ctypes.Structure,), {"_fields_": [(each, ctypes.c_int) for each in names]})
mallinfo = ctypes.CDLL(None).mallinfo
mallinfo.restype = Told
def regions_for_a_large_text():
    bytes(16 << 20)
    def once():
        before = mallinfo().hblks
        held = bytes(1 << 20)
        return mallinfo().hblks - before
    return statistics.mode(once() for _ in range(51))
"""
# The same in a server, whenever it is about to write a message: the first is written before all is loaded.
IN_A_SERVER = """
import os, sys
write = os.write
def first(descriptor, data):
    if bytes(data[:14]) == b"Content-Length":
        write(2, f"REGIONS {regions_for_a_large_text()}\\n".encode())
    return write(descriptor, data)
os.write = first
sys.argv = ["bursar", "serve"]
from bursar.__main__ import main
main()
"""


def test_a_server_takes_each_large_text_from_the_system(tmp_path: Path) -> None:
    server = Server(tmp_path, argv=(sys.executable, "-c", COUNT + IN_A_SERVER))
    try:
        server.ask(1, "initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        server.send({"method": "initialized", "params": {}})
        server.ask(2, "shutdown", None)
        server.send({"method": "exit"})
        assert server.end() == 0
        assert [each for each in server.stderr().splitlines() if each.startswith("REGIONS")][-1] == "REGIONS 1"
    finally:
        server.close()


def test_left_alone_a_process_keeps_what_was_large() -> None:
    code = f"{COUNT}\nprint(regions_for_a_large_text())"
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run([sys.executable, "-c", code], env=alone, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]
