"""The user's hold on what a run's window carries: what they pin, drop and recall is an event, or a reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from bursar.domain.context.parts import ContextPart, SessionContext
from bursar.domain.context.rules import rules_for
from bursar.domain.errors import BadInput
from bursar.domain.runs import RunRecord
from bursar.domain.tasks import OPEN_RUN
from bursar.runs.shapes import DROPPED, PINNED, RECALLED, UNPINNED, Lines, Shapes

Wish: TypeAlias = Literal["pin", "unpin", "drop", "recall"]
WISHES: tuple[Wish, ...] = get_args(Wish)
EVENTS: dict[Wish, str] = {"pin": PINNED, "unpin": UNPINNED, "drop": DROPPED, "recall": RECALLED}

_FIXED = {
    "system": "the rules that Bursar gives the agent stand in every request",
    "tools": "without its tools the agent can do nothing",
    "task": "it is what the run is for",
    "steering": "every request of this run begins with it. Change the file, and runs that begin later have it so",
    "spec": "every request of this run begins with it. Change the file, and runs that begin later have it so",
    "pinned": "every request of this run begins with it. 'bursar context unpin {item}' leaves it out of later runs",
    "conversation": "an answer and the results of its calls belong together. Drop the results one by one",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is to be recorded: the event's kind, and for the user what follows from it."""

    kind: str
    item: str
    message: str


def held(wish: Wish, item: str, run: RunRecord, context: SessionContext, shapes: Shapes) -> Held:
    """The event that this wish is. Raises BadInput with the reason where it cannot be done, or is so already."""
    part = context.part(item)
    if part is None:
        raise BadInput(f"{run.run} carries no '{item}': 'bursar context {run.run}' lists what it does")
    if run.state not in OPEN_RUN and run.state != "failed":
        raise BadInput(f"{run.run} is {run.state}: no request follows in which {item} would stand otherwise")
    if part.origin in _FIXED and not (part.origin == "conversation" and wish in ("pin", "unpin")):
        why = _FIXED[part.origin].format(item=item)
        raise BadInput(
            f"{item} was left as it is: {why}" if wish in ("drop", "recall") else f"{item} stays anyway: {why}"
        )
    is_so = {
        "pin": part.pinned,
        "unpin": not part.pinned,
        "drop": part.shape == "stub",
        "recall": part.shape == "full",
    }
    if is_so[wish]:
        words = {"pin": "pinned already", "unpin": "not pinned", "drop": "left out already", "recall": "there in full"}
        raise BadInput(f"{item} is {words[wish]}: nothing was changed")
    return Held(kind=EVENTS[wish], item=item, message=_said(wish, part, context, shapes))


def pointing_to(item: str, shapes: Shapes) -> list[str]:
    """The items that show lines of this one in the place of their own."""
    return [
        name
        for name, shape in shapes.cut.items()
        if isinstance(shape, Lines) and any(each.item == item for each in shape.pointers)
    ]


def _said(wish: Wish, part: ContextPart, context: SessionContext, shapes: Shapes) -> str:
    item = part.item
    if wish == "pin":
        again = "" if part.shape == "full" else ", and in full again"
        return f"{item} stays in every request of this run{again}, whatever is trimmed"
    if wish == "unpin":
        return f"{item} may be trimmed again"
    if wish == "recall":
        return f"{item} stands in full again from the next request on ({part.original_tokens:,} tokens)"
    said = (
        f"{item} ({part.tokens:,} tokens) is left out from the next request on; nothing of it is lost: the agent can "
        f"recall it, and so can you with 'bursar context recall {item}'"
    )
    pointing = pointing_to(item, shapes)
    if pointing:
        said += f". {', '.join(pointing)} pointed to lines of it, which are left out there now, too, until recalled"
    behind = [each for each in context.parts if each.cached and each.age_requests <= part.age_requests]
    if part.cached and behind:
        tokens = sum(each.tokens for each in behind) - part.tokens
        said += f". {tokens:,} tokens from there on are no longer read from the prompt cache: they are sent anew once"
    if rules_for(context.model).preserved_thinking:
        said += (
            f". {context.model} keeps its thoughts with what stood before them, so Bursar itself trims nothing that "
            "was sent; none of its thoughts is sent back, so this takes effect all the same"
        )
    return said
