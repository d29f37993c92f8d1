"""What a request will send, collected from its arguments."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bursar.callsites.values import (
    Called,
    Items,
    Plain,
    Record,
    Span,
    Text,
    Unknown,
    Value,
    as_json,
    as_record,
    formatted,
)
from bursar.domain.callsites import Library

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool", "generic": ""}
_MESSAGE_CLASSES = {
    "SystemMessage": "system",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "ToolMessage": "tool",
    "SystemMessagePromptTemplate": "system",
    "HumanMessagePromptTemplate": "user",
    "AIMessagePromptTemplate": "assistant",
    "UserContent": "user",
    "ModelContent": "assistant",
}
_TEXTS = ("text", "content", "parts", "prompt", "template")


@dataclass(slots=True, kw_only=True)
class Draft:
    """One request as far as it is known; ``fields`` says that ``{name}`` in a text is filled at run time."""

    library: Library
    function: str
    provider: str = ""
    model: str | None = None
    max_output_tokens: int | None = None
    prompts: list[tuple[str, Text]] = field(default_factory=list)
    not_literal: list[str] = field(default_factory=list)
    is_template: bool = False
    fields: bool = False
    agent: Span | None = None
    """The agent that is asked here: where it was made in the same text."""

    def leave_open(self, what: str, value: Value | None = None) -> None:
        """This part of the request is not written in the text; of a parameter it is said that its default is none."""
        if isinstance(value, Unknown) and value.parameter is not None:
            what = f"{what} (callers may give {value.parameter} another value than its default)"
        if what not in self.not_literal:
            self.not_literal.append(what)

    def set_model(self, value: Value | None, *, needed: bool = True) -> None:
        """The model, where its name is literal."""
        if isinstance(value, Text) and value.whole:
            self.model = value.whole
        elif value is not None or needed:
            self.leave_open("the model", value)

    def set_limit(self, value: Value | None) -> None:
        """The longest answer, where there is a number for it."""
        if isinstance(value, Plain) and (value.value is None or (type(value.value) is int and value.value > 0)):
            self.max_output_tokens = value.value
        elif value is not None:
            self.leave_open("the output limit")

    def set_tools(self, value: Value | None) -> None:
        """The definitions of tools, as the JSON that they travel as; a vendor may word them otherwise for its model."""
        if value is None or (isinstance(value, Items) and not value.items and not value.more):
            return
        json = as_json(value)
        if json is None:
            self.leave_open("the tools")
        else:
            self.prompts.append(("tools", Text(pieces=(json,), span=value.span)))

    def content(self, role: str, value: Value | None, what: str) -> None:
        """A text or a list of parts, sent under this role."""
        if isinstance(value, Text):
            text = formatted(value, value.span) if self.fields else value
            if isinstance(text, Text):
                self.prompts.append((role, text))
                return
        elif isinstance(value, Items):
            for each in value.items:
                self._part(role, each, what)
            if not value.more:
                return
        elif isinstance(value, Plain) and value.value is None:
            return
        elif isinstance(value, Record | Called):
            self._part(role, value, what)
            return
        self.leave_open(what, value)

    def messages(self, value: Value | None, *, what: str = "the messages", role: str = "user") -> None:
        """A list of messages, or one text that is sent as a message under this role."""
        if isinstance(value, Items):
            for number, each in enumerate(value.items, 1):
                self.message(each, f"message {number}", role)
            if value.more:
                self.leave_open("further messages")
        elif value is not None:
            self.message(value, what, role)

    def message(self, value: Value, what: str, role: str) -> None:
        """One message: a record, a class of a library, a pair of role and text, or a text alone."""
        if isinstance(value, Text):
            self.content(role, value, what)
        elif isinstance(value, Items) and len(value.items) == 2 and not value.more and _is_word(value.items[0]):
            self.content(_role(value.items[0]), value.items[1], what)
        elif isinstance(value, Called) and (of_class := self._class_role(value)) is not None:
            first = value.args[0] if value.args else None
            record = first if isinstance(first, Record) else value.named
            found = record.get(*_TEXTS) or (None if isinstance(first, Record) else first)
            self.content(of_class, found or Unknown(span=value.span), what)
        else:
            record_of = as_record(value)
            if record_of is None or not record_of.entries:
                self.leave_open(what, value)
                return
            self._record(record_of, what, role)

    def _record(self, record: Record, what: str, role: str) -> None:
        said = record.get("role")
        if said is not None:
            role = _role(said)
        found = record.get("content", "parts")
        if found is None and record.get("type") is not None and record.get("role") is None:
            self._part(role, record, what)
        elif found is not None:
            self.content(role, found, what)
        elif record.get("text") is not None:
            self.content(role, record.get("text"), what)
        else:
            self.leave_open(what)
        if record.more or record.get("tool_calls", "function_call") is not None:
            self.leave_open(f"other parts of {what}")

    def _part(self, role: str, value: Value, what: str) -> None:
        if isinstance(value, Text):
            self.content(role, value, what)
            return
        record = as_record(value)
        text = None if record is None else record.get("text")
        if isinstance(text, Text):
            self.content(role, text, what)
            return
        kind = None if record is None else record.get("type")
        if record is not None and isinstance(kind, Text) and kind.whole in ("tool_result", "tool-result", "message"):
            self.content(_role(record.get("role")) or "tool", record.get("content", "output"), what)
        elif record is not None and record.get("role") is not None:
            self._record(record, what, role)
        else:
            self.leave_open(f"a part of {what}")

    def _class_role(self, call: Called) -> str | None:
        for name in call.names[-2:]:
            if name in _MESSAGE_CLASSES:
                return _MESSAGE_CLASSES[name]
        return None


def without_fields(draft: Draft) -> Draft:
    """The same draft, whose further texts are sent as they are."""
    return replace(draft, fields=False)


def _is_word(value: Value) -> bool:
    return isinstance(value, Text) and value.whole is not None and value.whole.isalpha()


def _role(value: Value | None) -> str:
    if not isinstance(value, Text) or value.whole is None:
        return ""
    return _ROLES.get(value.whole, value.whole)
