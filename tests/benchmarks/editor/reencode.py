"""What one keystroke costs without anything kept: unmodified tiktoken over the whole text, in a process of its own.

Run as ``python -I reencode.py``; imports nothing of this project. Reads a text a line, as a string in JSON; answers
each with its tokens and how long the encoding took.
"""

import json
import sys
import time

import tiktoken

ENCODING = "o200k_base"


def main() -> None:
    """Serve until the end of the input."""
    engine = tiktoken.get_encoding(ENCODING)
    engine.encode_ordinary("warm")
    for line in sys.stdin:
        text = json.loads(line)
        began = time.perf_counter_ns()
        tokens = len(engine.encode_ordinary(text))
        took = time.perf_counter_ns() - began
        sys.stdout.write(json.dumps({"tokens": tokens, "ms": took / 1e6}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
