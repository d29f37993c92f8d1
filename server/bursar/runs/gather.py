"""Which documents a run's first request carries: steering first, then the spec's own; the editor's text where open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from bursar.domain.context.pins import Pin, PinNow, pin_now
from bursar.domain.ports import EditorBuffers, ToolRefused, WorkspaceFiles
from bursar.domain.specs import SpecUnreadable, decode_spec
from bursar.runs.assemble import Document, DocumentOrigin

_BESIDE = (
    "requirements.md",
    "bugfix.md",
    "spec.md",
    "design.md",
    "plan.md",
    "research.md",
    "data-model.md",
    "quickstart.md",
)
_RESIDENT = ("AGENTS.md", ".specify/memory/constitution.md")
_STEERING = ".kiro/steering"


def gather_documents(
    files: WorkspaceFiles, buffers: EditorBuffers, spec_path: str, pins: Sequence[Pin] = ()
) -> list[Document]:
    """The documents in the order of their stability, what is pinned last; what is absent or unreadable is left out."""
    folder = PurePosixPath(spec_path).parent
    paths = [*_RESIDENT, *_steering(files), *(str(folder / name) for name in _BESIDE)]
    documents = []
    for path in paths:
        text = text_of(files, buffers, path)
        if text is not None and text.strip():
            documents.append(Document(path=path, text=text, real_path=files.real_path(path), origin=origin_of(path)))
    own = {each.path for each in documents}
    for now in pinned(files, buffers, pins):
        path = now.pin.path
        if now.text is not None and now.text.strip() and path not in own:
            document = Document(
                path=path, text=now.text, real_path=files.real_path(path), origin="pinned", lines=now.lines
            )
            documents.append(document)
    return documents


def pinned(files: WorkspaceFiles, buffers: EditorBuffers, pins: Sequence[Pin]) -> list[PinNow]:
    """What each pin stands for now, in the editor's text where its file is open."""
    return [pin_now(each, text_of(files, buffers, each.path)) for each in pins]


def origin_of(path: str) -> DocumentOrigin:
    """Whether a document of a first request tells how to work here, or what is to be made."""
    return "steering" if path in _RESIDENT or path.startswith(f"{_STEERING}/") else "spec"


def text_of(files: WorkspaceFiles, buffers: EditorBuffers, path: str) -> str | None:
    """A file's text as the user sees it: the unsaved buffer, else the disk; None when there is none to read."""
    # The guard comes first: the path may be a link, and what is open in the editor at its end nobody's business.
    data = files.read_bytes(path)
    if isinstance(data, ToolRefused):
        return None
    unsaved = buffers.unsaved_text(f"{files.root}/{path}")
    if unsaved is not None:
        return unsaved
    try:
        return decode_spec(data)
    except SpecUnreadable:
        return None


def _steering(files: WorkspaceFiles) -> list[str]:
    listing = files.list(_STEERING)
    if not isinstance(listing, str):
        return []
    names = (line.split("\t")[0] for line in listing.splitlines())
    return sorted(f"{_STEERING}/{name}" for name in names if name.endswith(".md"))
