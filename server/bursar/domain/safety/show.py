"""How a question is put to the user: every byte can be seen, nothing can be clicked, nothing is cut unsaid."""

from __future__ import annotations

import re
import unicodedata

from bursar.domain.ports import CommandPlan, Question, QuestionKind

SUMMARY_CHARS = 300
"""The most that a message box shows for certain."""

COMMAND_CHOICES = ("Once", "For this run", "No")
YES_NO = ("Yes", "No")
ECONOMY_CHOICES = ("Economy mode", "Go on as it is")
STRONGER_CHOICES = ("Go on", "No")
KEEP_WARM_CHOICES = ("Keep warm", "No")
IN_DOUBT_CHOICES = ("Run again", "Treat as done", "Stop")

_BESIDE = "Read the whole in the document opened beside this before you answer."
_RUNS_FILES = "It runs files that the agent may change; 'For this run' ends when a file changes."
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_MIN_FOLDED_SPACES = 8

_SCHEMES = (
    "about|blob|chrome|command|cursor|data|file|ftp|https?|javascript|kiro|mailto|ms-[a-z-]+|sms|ssh|tel|vbscript"
    "|view-source|vscode(?:-[a-z-]+)?|wss?"
)
_LINKS = (
    re.compile(rf"(?i)\b(?:{_SCHEMES}):"),
    re.compile(r":(?=//)"),
    re.compile(r"(?i)\bwww\."),
    re.compile(r"\][(\[:]"),
    re.compile(r"\$\((?=[a-z0-9-]+(?:~[a-z]+)?\))"),
)
"""What a box or a terminal makes a link or an icon of; the last character of each is shown as an escape."""
_NAMED_LINK = re.compile(r"\](?=\()")
_SPACES = re.compile(r" {2,}")
_PLAIN_ARGUMENT = re.compile(r"[A-Za-z0-9_./=@%+,-]+")
_TERMINAL_ORDERS = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[PX^_][^\x1b]{0,2000}\x1b\\|[ -/]{0,4}[0-~])"
)


def escape_for_question(text: str) -> str:
    """The text on one line, so that what is shown can only have come from it.

    Control, direction, zero-width, tag and other unseen characters are ``\\xNN`` or ``\\u{...}``, a backslash is two,
    a space after a space is ``\\x20``, and nothing is left that a message box or a terminal makes a link of.
    """
    broken = {match.end() - 1 for link in _LINKS for match in link.finditer(text)}
    shown: list[str] = []
    at = 0
    for spaces in _SPACES.finditer(text):
        shown += _shown_part(text, at, spaces.start() + 1, broken)
        shown.append(_shown_spaces(spaces.end() - spaces.start() - 1))
        at = spaces.end()
    shown += _shown_part(text, at, len(text), broken)
    return "".join(shown)


def escape_argument(argument: str) -> str:
    """One argument as it is shown: as it is where that is plain, else escaped between double quotes."""
    if _PLAIN_ARGUMENT.fullmatch(argument):
        return escape_for_question(argument)
    return '"' + escape_for_question(argument).replace('"', '\\"') + '"'


def escape_argv(argv: tuple[str, ...]) -> str:
    """The arguments on one line; two different lists never look the same."""
    return " ".join(map(escape_argument, argv))


def printable_output(text: str) -> str:
    """A program's output as lines of text: orders to the terminal are dropped, other unseen characters shown."""
    lines = _TERMINAL_ORDERS.sub("", text).replace("\r\n", "\n")
    return "".join(each if each in "\n\t\\" else _escaped(each) for each in lines)


def words_for_message(text: str) -> str:
    """A message to the user that may hold words of a model or a provider: no orders, nothing unseen, no named link.

    An editor's message makes a link, which may be a command, of a word in brackets with an address after it.
    """
    shown = "".join(each if each in "\n\t" or not unseen(each) else _escaped(each) for each in text)
    return _NAMED_LINK.sub("] ", shown)


def question_for_command(run: str, plan: CommandPlan) -> Question:
    """May this command run: once, for this run, or not."""
    note = f"\n{_RUNS_FILES}" if plan.runs_workspace_files else ""
    shown = _in_order(escape_argv(plan.argv))
    summary = f"Run {shown} ?{' ' + _RUNS_FILES if note else ''}"
    if len(summary) > SUMMARY_CHARS:
        characters = sum(map(len, plan.argv))
        program = _clipped(_in_order(escape_for_question(plan.program)))
        summary = (
            f"Run a command of {len(plan.argv)} arguments, {characters:,} characters (program {program})?"
            f" {'It runs files that the agent may change. ' if note else ''}{_BESIDE}"
        )
    arguments = "\n".join(f"  {at}: {_in_order(escape_argument(each))}" for at, each in enumerate(plan.argv))
    detail = (
        f"The agent asks to run this command, without a shell:\n\n{shown}\n\n"
        f"Program: {_in_order(escape_for_question(plan.program))}\n"
        f"Folder: {_in_order(escape_for_question(plan.cwd))}\n"
        f"Arguments:\n{arguments}\n{note}\n"
    )
    return Question(kind="command", run=run, summary=summary, detail=detail, choices=COMMAND_CHOICES)


def question_for_path(run: str, path: str, why: str, *, changing: bool) -> Question:
    """May the agent read, or change, this protected path."""
    act = "change" if changing else "read"
    return _question(
        "path",
        run,
        f"Let the agent {act} {_in_order(escape_argument(path))} ? It is protected: {escape_for_question(why)}.",
        YES_NO,
    )


def question_for_editor(run: str, path: str) -> Question:
    """May the agent change a document that has unsaved changes in the editor."""
    return _question(
        "editor",
        run,
        f"{_in_order(escape_argument(path))} has unsaved changes in the editor."
        " Let the agent change it there? You can undo it.",
        YES_NO,
    )


def question_for_in_doubt(run: str, what: str) -> Question:
    """What to do with a step whose outcome cannot be known."""
    return _question("in_doubt", run, f"In doubt: {_in_order(escape_for_question(what))}.", IN_DOUBT_CHOICES)


def question_for_economy(run: str, what: str) -> Question:
    """May a run that is near a limit go on more cheaply."""
    return _question("economy", run, f"{_in_order(escape_for_question(what))}.", ECONOMY_CHOICES)


def question_for_stronger(run: str, what: str) -> Question:
    """May a run whose check keeps failing go on with the stronger, dearer model, where no limit says so."""
    return _question("stronger", run, _in_order(escape_for_question(what)), STRONGER_CHOICES)


def question_for_keep_warm(run: str, what: str) -> Question:
    """May prompts be kept in the provider's cache while runs wait; the answer holds for all of them."""
    return _question("keep_warm", run, _in_order(escape_for_question(what)), KEEP_WARM_CHOICES)


def question_for_budget(run: str, what: str, choices: tuple[str, ...]) -> Question:
    """What becomes of a run whose next request a budget has no room for."""
    return _question("budget", run, _in_order(escape_for_question(what)), choices)


def question_for_rewind(run: str, what: str, whole: str | None, choices: tuple[str, ...]) -> Question:
    """May a run be rewound; ``whole`` is the diff, which is shown beside the question."""
    summary = _clipped(_in_order(escape_for_question(what)), SUMMARY_CHARS - len(_BESIDE) - 1)
    if whole is not None:
        summary = f"{summary} {_BESIDE}"
    return Question(kind="rewind", run=run, summary=summary, detail=whole or f"{summary}\n", choices=choices)


def question_for_split(run: str, what: str, whole: str, choices: tuple[str, ...]) -> Question:
    """May these sub-tasks be written; ``whole`` is the diff, which is shown beside the question."""
    summary = _clipped(_in_order(escape_for_question(what)), SUMMARY_CHARS - len(_BESIDE) - 1)
    return Question(kind="split", run=run, summary=f"{summary} {_BESIDE}", detail=whole, choices=choices)


def whole_is_beside(question: Question) -> bool:
    """Whether the question must be shown with its ``detail`` as a document (or in a terminal), not in a box alone."""
    return question.summary.endswith(_BESIDE)


def _question(kind: QuestionKind, run: str, whole: str, choices: tuple[str, ...]) -> Question:
    summary = whole
    if len(whole) > SUMMARY_CHARS:
        summary = f"{_clipped(whole, SUMMARY_CHARS - len(_BESIDE) - 1)} {_BESIDE}"
    return Question(kind=kind, run=run, summary=summary, detail=whole + "\n", choices=choices)


def _clipped(text: str, most_chars: int = 80) -> str:
    return text if len(text) <= most_chars else text[: most_chars - 1] + "…"


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if " " <= character <= "~":
        return character
    code = ord(character)
    if unseen(character):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:04x}}}"
    return character


def unseen(character: str) -> bool:
    """Whether a character cannot be seen, or changes how its neighbours are seen."""
    category = unicodedata.category(character)
    return (
        category in _INVISIBLE_CATEGORIES
        or (category == "Zs" and character != " ")
        or character in _BLANK_LETTERS
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def _in_order(text: str) -> str:
    """With letters that are written from right to left as escapes: they would change the order of what is beside them.

    Two file names in Hebrew change places where they are shown in a line of Latin text.
    """
    return "".join(
        f"\\u{{{ord(each):04x}}}" if unicodedata.bidirectional(each) in ("R", "AL", "AN") else each for each in text
    )


def _shown_part(text: str, start: int, end: int, broken: set[int]) -> list[str]:
    return [f"\\x{ord(text[at]):02x}" if at in broken else _escaped(text[at]) for at in range(start, end)]


def _shown_spaces(count: int) -> str:
    return "\\x20" * count if count < _MIN_FOLDED_SPACES else f"\\x20{{{count}}}"
