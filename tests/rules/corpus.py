"""The corpus as workspaces: its files at the paths that they had in their repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bursar.domain.instructions import InstructionFile, kind_of, read_instructions
from bursar.domain.rules.rule import Surroundings

FIXTURES = Path(__file__).parents[1] / "fixtures" / "corpus"
DEMO = Path(__file__).parents[2] / "server" / "bursar" / "demo" / "workspace"


def workspaces() -> Iterator[tuple[str, dict[str, str]]]:
    """Each workspace of the corpus with its texts by path; a name of ``__`` in a prompt's file is a folder."""
    for folder in sorted((FIXTURES / "kiro").iterdir()):
        yield folder.name, _texts(folder, lambda name, at=folder: f".kiro/specs/{at.name}/{name}")
    for folder in sorted((FIXTURES / "speckit").iterdir()):
        if folder.name.endswith("__templates"):
            yield folder.name, _texts(folder, _template)
        else:
            yield folder.name, _texts(folder, lambda name, at=folder: f"specs/{at.name}/{name}")
    for folder in sorted((FIXTURES / "prompts").iterdir()):
        yield folder.name, _texts(folder, lambda name: name.replace("__", "/"))
    demo = {path: (DEMO / path).read_text("utf-8") for path in _relative(DEMO) if path.endswith(".md")}
    yield "demo", demo


def instruction_files(texts: Mapping[str, str]) -> tuple[InstructionFile, ...]:
    """What an agent reads of a workspace; documents beside a tasks file are that spec's."""
    beside = {
        "requirements.md": "requirements",
        "bugfix.md": "requirements",
        "design.md": "design",
        "spec.md": "spec",
        "plan.md": "plan",
    }
    files = []
    for path, text in sorted(texts.items()):
        folder, _, name = path.rpartition("/")
        kind = kind_of(path) or (beside.get(name) if f"{folder}/tasks.md" in texts else None)
        if kind is not None:
            files.append(read_instructions(path, text, kind))
    return tuple(files)


def surroundings(
    texts: Mapping[str, str],
    path: str,
    tokens: Callable[[str], int],
    files: tuple[InstructionFile, ...] | None = None,
) -> Surroundings:
    """What the rules may ask about one file of a workspace, whose instruction files may be known already."""
    others = tuple(each for each in files or instruction_files(texts) if each.path != path)
    folders = {parent for each in texts for parent in map(str, Path(each).parents)}
    return Surroundings(
        tokens=tokens,
        files=lambda: others,
        exists=lambda asked: asked in texts or asked in folders,
        read=lambda asked: texts.get(asked),
    )


def _texts(folder: Path, path_of: Callable[[str], str]) -> dict[str, str]:
    return {
        path_of(each.name): each.read_bytes().decode("utf-8")
        for each in sorted(folder.iterdir())
        if each.is_file() and each.name != "expected.json"
    }


def _template(name: str) -> str:
    return f".specify/templates/{name.replace('__', '/')}"


def _relative(root: Path) -> list[str]:
    return sorted(each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file())
