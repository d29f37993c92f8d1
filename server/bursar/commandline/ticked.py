"""A task that was ticked by hand while its run is open: the user is asked before the run goes on."""

from __future__ import annotations

from bursar.commandline.output import message
from bursar.commandline.terminal import TerminalAsker
from bursar.domain.ports import Question
from bursar.domain.runs import RunRecord
from bursar.domain.tasks import STOP_THE_RUN, TICKED_CHOICES, ticked_question
from bursar.wiring import App


async def ask_about_tick(app: App, record: RunRecord) -> str | None:
    """Ask whether to keep going with a run whose task was ticked by hand, and stop it if that is the answer.

    With nobody to ask the run stays as it is: the answer is None.
    """
    text = ticked_question(record)
    question = Question(kind="ticked", run=record.run, summary=text, detail=text, choices=TICKED_CHOICES)
    answer = await TerminalAsker().ask(question)
    if answer == STOP_THE_RUN:
        await app.journal().request_stop(record.run)
        message(f"{record.run} is stopped for good; what it did and what it cost stay as they are.")
    elif answer is None:
        message(
            f"Task {record.task_address} was ticked by hand, so {record.run} was left as it is: set the mark back and "
            f"resume to go on, or end it with 'bursar stop {record.run}'."
        )
    return answer
