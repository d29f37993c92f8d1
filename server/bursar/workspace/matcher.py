"""Tries a regular expression on lines: a program of its own (`python -I -S matcher.py`), which its caller may end.

JSON on stdin, ``{"pattern", "most", "texts": [[line, ...], ...]}``; for each hit a line ``text-number line-number``.
"""

from __future__ import annotations

import json
import re
import sys


def main() -> None:
    """Read, try, tell each hit at once: what was found before the end counts."""
    given = json.load(sys.stdin.buffer)
    pattern = re.compile(given["pattern"])
    left = given["most"]
    for number, lines in enumerate(given["texts"]):
        for at, line in enumerate(lines):
            if pattern.search(line):
                sys.stdout.write(f"{number} {at}\n")
                sys.stdout.flush()
                left -= 1
                if left == 0:
                    return


if __name__ == "__main__":
    main()
