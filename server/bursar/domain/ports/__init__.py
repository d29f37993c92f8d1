"""What the middle needs from the world, as protocols; adapters implement them, wiring hands them in."""

from bursar.domain.ports.callsites import CallSites
from bursar.domain.ports.instructions import InstructionTexts
from bursar.domain.ports.journal import Claimed, HeldElsewhere, Journal
from bursar.domain.ports.providers import CountMemory, ModelProvider, PriceBook, TokenCounter
from bursar.domain.ports.system import Clock, Failpoint, Ids, nowhere
from bursar.domain.ports.user import Asker, EditorBuffers, Question, QuestionKind
from bursar.domain.ports.workspace import (
    CommandOutcome,
    CommandPlan,
    CommandRunner,
    EditPlan,
    FileText,
    NeedsYes,
    ToolRefused,
    WorkspaceFiles,
)

__all__ = [
    "Asker",
    "CallSites",
    "Claimed",
    "Clock",
    "CommandOutcome",
    "CommandPlan",
    "CommandRunner",
    "CountMemory",
    "EditPlan",
    "EditorBuffers",
    "Failpoint",
    "FileText",
    "HeldElsewhere",
    "Ids",
    "InstructionTexts",
    "Journal",
    "ModelProvider",
    "NeedsYes",
    "PriceBook",
    "Question",
    "QuestionKind",
    "TokenCounter",
    "ToolRefused",
    "WorkspaceFiles",
    "nowhere",
]
