"""The user's files and programs below one root."""

from bursar.workspace.commands import LocalCommands
from bursar.workspace.files import LocalFiles
from bursar.workspace.instruction_texts import LocalInstructionTexts
from bursar.workspace.snapshots import LocalSnapshots
from bursar.workspace.sources import LocalSources

__all__ = ["LocalCommands", "LocalFiles", "LocalInstructionTexts", "LocalSnapshots", "LocalSources"]
