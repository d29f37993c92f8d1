"""``bursar context files``: which files of the workspace a task needs, with why."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bursar.commandline.output import FINE, message, result, result_json
from bursar.commandline.specs import open_spec, pick_task
from bursar.domain.context.ranking import Ranked
from bursar.domain.context.repository import MOST_FILES, FileQuestion
from bursar.domain.context.task_question import task_question
from bursar.domain.errors import BadInput
from bursar.domain.text import split_lines
from bursar.runs.gather import gather_documents
from bursar.system.nobody import NoEditor
from bursar.views.needed_files import why_needed
from bursar.wiring import App, workspace_here

_MOST = 500


def files(app: App, args: argparse.Namespace) -> int:
    """Print the files, best first."""
    if not 1 <= args.limit <= _MOST:
        raise BadInput(f"--limit {args.limit} is no number of files to list: give one from 1 to {_MOST}")
    root, question = _asked(app, args)
    repository = app.repository(root)
    refreshed = repository.refresh()
    if refreshed.more:
        message(
            f"bursar: {root} has more than {MOST_FILES:,} files: the nearest to its top were indexed, the others were"
            " not looked at. Run it in the folder that you work in."
        )
    ranked = repository.ranked(question, most=args.limit)
    if args.json:
        result_json({"workspace": str(root), "indexed": refreshed.files, "files": [_json(each) for each in ranked]})
        return FINE
    if not ranked:
        message(f"bursar: none of the {refreshed.files:,} files of {root} has a word of it: say it in other words")
    for each in ranked:
        result(f"{each.score:6.3f}  {each.path}\n        {why_needed(each)}")
    return FINE


def _asked(app: App, args: argparse.Namespace) -> tuple[Path, FileQuestion]:
    if args.spec is None:
        if not args.what.strip():
            raise BadInput("there is nothing to look for: say in some words what is to be done")
        return Path(workspace_here()), FileQuestion(text=args.what)
    opened = open_spec(app, args.spec)
    documents = gather_documents(app.files(opened.root), NoEditor(), opened.path)
    question = task_question(
        opened.spec,
        pick_task(opened, args.what),
        spec_path=opened.path,
        spec_lines=split_lines(opened.text),
        documents=[(each.path, each.text) for each in documents],
    )
    return opened.root, question


def _json(ranked: Ranked) -> dict[str, Any]:
    return {
        "path": ranked.path,
        "score": round(ranked.score, 6),
        "why": why_needed(ranked),
        "signals": {name: round(worth, 6) for name, worth in ranked.parts},
        "words": list(ranked.words),
        "line": ranked.line,
    }
