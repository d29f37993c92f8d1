"""What one keystroke costs without anything kept: unmodified tiktoken over the whole text, in a process of its own.

Run as ``python -I reencode.py``; imports nothing of this project. Reads a command a line, a list in JSON:
``["open", name, text]``, ``["edit", name, start, end, new]`` (code points), ``["count", name]``, ``["text", text]``;
answers each of the last two with the tokens and how long the encoding took.
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
    texts: dict[str, str] = {}
    for line in sys.stdin:
        verb, *given = json.loads(line)
        if verb == "open":
            texts[given[0]] = given[1]
        elif verb == "edit":
            name, start, end, new = given
            texts[name] = texts[name][:start] + new + texts[name][end:]
        else:
            text = texts[given[0]] if verb == "count" else given[0]
            began = time.perf_counter_ns()
            tokens = len(engine.encode_ordinary(text))
            took = time.perf_counter_ns() - began
            sys.stdout.write(json.dumps({"tokens": tokens, "ms": took / 1e6}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
