"""Cline and Roo Code: a folder for each task, with the messages that the user saw; newer programs keep sessions."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from bursar.domain.money.imported import ImportedRequest
from bursar.domain.money.usage import Usage
from bursar.imports.reading import (
    BadRecord,
    digest,
    ident,
    moment_of_ms,
    nothing_used,
    parsed,
    parsed_list,
    part,
    reported,
    tokens,
    word,
)

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
_SERVERS = (".vscode-server", ".vscode-server-insiders", ".cursor-server", ".windsurf-server")
# Of our price books' names those that are others there.
_PROVIDERS = {"openai-native": "openai", "openai-codex": "openai", "gemini": "google", "vertex": "google"}
# Where the input is told without what was read from or written to the cache, and where it is told with it.
_APART = ("anthropic", "bedrock", "claude-code", "cline", "deepseek", "gemini", "openai-native", "openrouter", "vertex")
_WITHIN = ("openai", "litellm")
_SUMS = ("api_req_started", "deleted_api_reqs", "subagent_usage")
_MODEL = re.compile(r"<model>([^<>\n]{1,200})</model>")
_FOLDER = re.compile(r"Current (?:Working|Workspace) Directory \(([^\n]{1,1000}?)\) Files")
_SESSION = ".messages.json"


class Cline:
    """One of the two, which are told apart by the name of the extension in the path."""

    by_line = False

    def __init__(self, agent: str, extension: str, *, others: tuple[str, ...] = ()) -> None:
        self.agent = agent
        self._extension = extension
        self._others = others

    def places(self, environ: Mapping[str, str], home: Path) -> Sequence[Path]:
        """The extension's storage in each editor, here and where an editor is used from afar; Cline's own folder."""
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        user = [config / each / "User" for each in _EDITORS]
        user += [home / "Library" / "Application Support" / each / "User" for each in _EDITORS]
        user += [home / each / "data" / "User" for each in _SERVERS]
        found = [each / "globalStorage" / self._extension / "tasks" for each in user]
        if self.agent == "cline":
            own = Path(environ.get("CLINE_DIR") or home / ".cline") / "data"
            found += [own / "tasks", own / "sessions"]
        return tuple(found)

    def is_log(self, path: PurePath) -> bool:
        """``ui_messages.json`` of a task, ``*.messages.json`` of a session."""
        if any(each in path.parts for each in self._others):
            return False
        if self.agent != "cline" and self._extension not in path.parts:
            return False
        return path.name == "ui_messages.json" or path.name.endswith(_SESSION)

    def beside(self, path: PurePath) -> tuple[PurePath, Sequence[str]]:
        """What says which model and project it was."""
        if path.name.endswith(_SESSION):
            return path.parent, (f"{glob.escape(path.parent.name)}.json",)
        return path.parent, ("task_metadata.json", "history_item.json")

    def open(self, file: str, state: Mapping[str, Any]) -> ClineReader:
        """The whole file, each time that it changed."""
        return ClineReader(self.agent, file, state)


class ClineReader:
    """A request is known by its time and that of its task's first message, which a copied task has, too.

    Who goes back in a task takes messages out of it; a message of its own then has their sums. It counts where the
    task was not read before: else what it sums up was.
    """

    def __init__(self, agent: str, file: str, state: Mapping[str, Any]) -> None:
        self._agent = agent
        self._file = file
        self._read_before = state.get("read") is True
        self._models: list[tuple[int, str, str]] = []
        self._model = ("", "")
        self._project = ""
        self._problems: list[tuple[int, str]] = []

    def state(self) -> dict[str, Any]:
        """That it was read."""
        return {"read": True}

    def companion(self, name: PurePath, data: bytes) -> None:
        """What is said about the task or the session."""
        value = parsed(data)
        self._project = word(value, "workspace") or word(value, "cwd") or self._project
        used = value.get("model_usage")
        for each in used if isinstance(used, list) else ():
            if isinstance(each, dict) and isinstance(each.get("ts"), int):
                self._models.append((each["ts"], word(each, "model_provider_id"), word(each, "model_id")))

    def record(self, number: int, data: bytes) -> Sequence[ImportedRequest]:
        """All requests of a task or a session."""
        if self._file.endswith(_SESSION):
            return list(self._session(parsed(data)))
        return list(self._task(parsed_list(data)))

    def problems(self) -> Sequence[tuple[int, str]]:
        """The messages whose request could not be used."""
        return self._problems

    def _told(self, number: int, told: Callable[[], ImportedRequest | None]) -> Iterator[ImportedRequest]:
        try:
            found = told()
        except BadRecord as error:
            self._problems.append((number, str(error)))
            return
        if found is not None:
            yield found

    def _session(self, session: Mapping[str, Any]) -> Iterator[ImportedRequest]:
        messages = session.get("messages")
        for number, each in enumerate(messages if isinstance(messages, list) else (), start=1):
            if isinstance(each, dict) and each.get("role") == "assistant":
                yield from self._told(number, partial(self._answer, session, each, number))

    def _answer(self, session: Mapping[str, Any], message: Mapping[str, Any], number: int) -> ImportedRequest | None:
        metrics, model = part(message, "metrics"), part(message, "modelInfo")
        given, output = tokens(metrics, "inputTokens"), tokens(metrics, "outputTokens")
        read, written = tokens(metrics, "cacheReadTokens"), tokens(metrics, "cacheWriteTokens")
        usage = _usage(given, output, read, written, apart=given < read + written)
        if nothing_used(usage):
            return None
        return self._request(
            session=word(session, "sessionId") or PurePath(self._file).name.removesuffix(_SESSION),
            parent=word(part(session, "origin"), "parentThreadId"),
            key=digest(message.get("id"), message.get("ts")),
            at=message.get("ts"),
            model=(word(model, "provider"), word(model, "id")),
            usage=usage,
            number=number,
            cost=metrics.get("cost"),
        )

    def _task(self, messages: Sequence[Any]) -> Iterator[ImportedRequest]:
        first = messages[0] if messages else None
        begun = first.get("ts") if isinstance(first, dict) else None
        for number, each in enumerate(messages, start=1):
            if isinstance(each, dict) and each.get("type") == "say" and each.get("partial") is not True:
                yield from self._told(number, partial(self._said, begun, each, number))

    def _said(self, begun: object, message: Mapping[str, Any], number: int) -> ImportedRequest | None:
        said = word(message, "say")
        value = _figures(message, said)
        if value is None:
            return None
        text = word(value, "request")
        found = _FOLDER.search(text)
        if found and not self._project:
            self._project = found[1]
        self._model = self._model_of(message, text)
        given, output = tokens(value, "tokensIn"), tokens(value, "tokensOut")
        read, written = tokens(value, "cacheReads"), tokens(value, "cacheWrites")
        apart = _apart(self._model[0], word(value, "apiProtocol"), given, read + written)
        usage = _usage(given, output, read, written, apart=apart)
        if nothing_used(usage):
            if value.get("cancelReason"):
                raise BadRecord("it is a request that was cancelled, and what it used is not written down")
            return None
        if said == "deleted_api_reqs" and self._read_before:
            return None
        return self._request(
            session=PurePath(self._file).parent.name,
            parent="",
            key=digest(begun, message.get("ts"), said),
            at=message.get("ts"),
            model=self._model,
            usage=usage,
            number=number,
            cost=value.get("cost"),
        )

    def _model_of(self, message: Mapping[str, Any], text: str) -> tuple[str, str]:
        """The message's own, else what the request told the model that it is, else what the task says of its time."""
        info = part(message, "modelInfo")
        if word(info, "modelId"):
            return word(info, "providerId"), word(info, "modelId")
        told = _MODEL.findall(text)
        if told:
            return "", told[-1]
        ts = message.get("ts")
        earlier = [each for each in self._models if isinstance(ts, int) and each[0] <= ts]
        return (earlier[-1][1], earlier[-1][2]) if earlier else self._model

    def _request(
        self,
        *,
        session: str,
        parent: str,
        key: str,
        at: object,
        model: tuple[str, str],
        usage: Usage,
        number: int,
        cost: object,
    ) -> ImportedRequest:
        provider, name = model
        return ImportedRequest(
            agent=self._agent,
            session=ident(session),
            parent_session=ident(parent) if parent else None,
            message_id=key,
            request_id="",
            at=moment_of_ms(at),
            project=self._project,
            provider=_PROVIDERS.get(provider, provider),
            model=name,
            usage=usage,
            file=self._file,
            line=number,
            reported_pico=reported(cost),
        )


def _figures(message: Mapping[str, Any], said: str) -> Mapping[str, Any] | None:
    """What a message says about requests; None where it says nothing of them."""
    if said in _SUMS:
        return parsed(word(message, "text").encode("utf-8", "surrogatepass"))
    if said == "condense_context":
        # Of this request only the conversation's length before and after is told.
        told = part(message, "contextCondense")
        given, output = told.get("prevContextTokens"), told.get("newContextTokens")
        return {"tokensIn": given, "tokensOut": output, "cost": told.get("cost")}
    return None


def _apart(provider: str, protocol: str, given: int, cached: int) -> bool:
    """Whether cached tokens are counted beside the input, and not within it."""
    if given < cached:
        return True
    if provider in _WITHIN or protocol:
        # Versions that name the protocol write the whole input down, unless it was too small for that above.
        return False
    return provider in _APART


def _usage(given: int, output: int, read: int, written: int, *, apart: bool) -> Usage:
    return Usage(
        uncached_input=given if apart else given - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=output,
    )
