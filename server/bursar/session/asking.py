"""Asks the user in the editor; what does not fit in a box is shown in a document beside it first."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from bursar.domain.ports import Ids, Question
from bursar.domain.safety.show import whole_is_beside
from bursar.session.ports import Editor


class EditorAsker:
    """The Asker port. Once the session is closing, a question is neither asked nor answered: its run is about to be
    cancelled, and "no" would be kept as the user's word."""

    def __init__(self, *, editor: Editor, home: Path, ids: Ids) -> None:
        self._editor = editor
        self._home = home
        self._ids = ids
        self._closing = False
        self._open: set[str] = set()
        self._waiting: set[asyncio.Task[str | None]] = set()

    def close(self) -> frozenset[str]:
        """Ask nothing from now on; the runs whose question is open, which will never be answered."""
        self._closing = True
        return frozenset(self._open)

    def withdraw(self) -> None:
        """Wait no longer for the answers to open questions: they are no. A box that stays open decides nothing."""
        for each in self._waiting:
            each.cancel()

    async def ask(self, question: Question) -> str | None:
        """One of the question's choices; None when the question was closed, which means no."""
        if self._closing:
            await asyncio.Event().wait()
        path = await asyncio.to_thread(self._write, question) if whole_is_beside(question) else None
        try:
            answer = await self._choose(question, path)
        finally:
            if path is not None:
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108  a pathlib call would be taken for a long one
        if self._closing and answer is None:
            await asyncio.Event().wait()
        return answer if answer in question.choices else None

    async def _choose(self, question: Question, path: str | None) -> str | None:
        if path is not None and not await self._editor.show_file(path):
            self._editor.say(
                "warning",
                "A question of the agent is too long for a message box and this editor cannot show a document beside "
                "it: it was answered with no. Resume the run with 'bursar resume' in a terminal to be asked there.",
            )
            return None
        self._open.add(question.run)
        waiting = asyncio.ensure_future(self._editor.choose(question.summary, question.choices))
        self._waiting.add(waiting)
        try:
            # Not awaited itself: withdrawing cancels the waiting, which is not the end of who asked.
            await asyncio.wait([waiting])
            return None if waiting.cancelled() else waiting.result()
        finally:
            waiting.cancel()
            self._waiting.discard(waiting)
            self._open.discard(question.run)

    def _write(self, question: Question) -> str:
        """Kept for as long as it is asked; a process that died leaves it to ``erase``, which knows the run's files."""
        folder = self._home / "questions"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        path = folder / f"{question.run}.{self._ids.new('question')}.txt"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(question.detail + "\n")
        return str(path)
