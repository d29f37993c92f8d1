"""Asks in the terminal; where there is none, the answer is no."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading

from bursar.domain.ports import Question


class TerminalAsker:
    """Asks on stderr and reads a line from stdin, when both are a terminal."""

    async def ask(self, question: Question) -> str | None:
        """One of the question's choices, or None."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()

        def settle(given: str | None) -> None:
            if not answer.done():
                answer.set_result(given)

        def read() -> None:
            given = _ask(question)
            # The loop may be gone: the question was interrupted and its answer is no longer wanted.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, given)

        # A pool's thread would be waited for at the end: Ctrl-C would take effect only at the next line that is typed.
        threading.Thread(target=read, name="terminal question", daemon=True).start()
        return await answer


def _ask(question: Question) -> str | None:
    choices = "  ".join(f"[{number}] {choice}" for number, choice in enumerate(question.choices, 1))
    sys.stderr.write(f"\n{question.detail}\n{choices}\n> ")
    sys.stderr.flush()
    typed = sys.stdin.readline().strip().lower()
    for number, choice in enumerate(question.choices, 1):
        if typed in (str(number), choice.lower()):
            return choice
    return None
