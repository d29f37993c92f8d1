"""Files that an agent reads: what each is, what it is made of, what it refers to."""

from bursar.domain.instructions.file import InstructionFile, Part, Reference
from bursar.domain.instructions.kinds import DEFAULT_GLOBS, FileKind, kind_of
from bursar.domain.instructions.read import read_instructions

__all__ = [
    "DEFAULT_GLOBS",
    "FileKind",
    "InstructionFile",
    "Part",
    "Reference",
    "kind_of",
    "read_instructions",
]
