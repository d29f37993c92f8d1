"""What is pinned in a workspace goes into runs that begin later, under the rules that hold for all documents."""

from __future__ import annotations

import pytest

from bursar.domain.context.pins import pin_of
from bursar.domain.errors import BadInput
from bursar.domain.routes import LocalOnly
from bursar.domain.specs import decode_spec, find_task, parse_spec
from bursar.domain.specs.model import SpecTask
from bursar.runs.assemble import Document, FirstRequest
from bursar.runs.context_parts import Window
from bursar.runs.gather import gather_documents, pinned
from bursar.runs.modes import Modes
from bursar.runs.prepare import estimate_task
from bursar.runs.staying import why_it_stays
from support.world import MODEL, SPEC_PATH, ScriptedModel, WordCounter, Workshop, finish

SOURCE = "import os\n\nAPI_KEY = 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'\nLIMIT = 3\n"


def first_of(
    shop: Workshop, documents: list[Document], *, is_here: bool = True, local: LocalOnly | None = None
) -> FirstRequest:
    text = decode_spec(shop.tasks.read_bytes())
    spec = parse_spec(text, path_hint=SPEC_PATH)
    task = find_task(spec, "1")
    assert isinstance(task, SpecTask)
    model = ScriptedModel()
    model.is_loopback = is_here
    return estimate_task(
        spec=spec,
        text=text,
        task=task,
        documents=documents,
        provider=model,
        model=MODEL,
        price=shop.prices.price(provider=model.name, model=MODEL, at=shop.clock.now_utc()),
        counter=WordCounter(),
        ceiling_pico=None,
        spec_path=SPEC_PATH,
        local_only=local or LocalOnly(),
    ).first


def gathered(shop: Workshop) -> list[Document]:
    pins = shop.journal.pins(str(shop.root))
    return gather_documents(shop.files(), shop.editor, SPEC_PATH, pins)


async def test_pinned_lines_are_a_part_of_the_first_request_masked_and_counted(shop: Workshop) -> None:
    shop.write("AGENTS.md", "Write plainly.\n")
    shop.write("src/app.py", SOURCE)
    without = first_of(shop, gathered(shop))
    for lines in ((3, 4), None):
        await shop.journal.put_pin(str(shop.root), pin_of("src/app.py", SOURCE, lines))
    assert [each.item for each in gathered(shop)] == [
        "steering:AGENTS.md",
        "pinned:src/app.py#L3-L4",
        "pinned:src/app.py",
    ]
    first = first_of(shop, gathered(shop))
    assert '<document path="src/app.py" lines="3-4">\nAPI_KEY = ' in first.shared
    assert "LIMIT = 3" in first.shared and "sk-ant-api03" not in first.shared
    # It stands behind what does not change with it, so that the bytes before it are those of every other run.
    assert first.shared.startswith(without.shared)
    assert first.prompt == without.prompt
    record = shop.journal.run(await shop.begin(ScriptedModel(finish(), clock=shop.clock)))
    assert record is not None
    items = {each.item: each for each in Window(first, (), Modes()).pieces(record)}
    assert items["pinned:src/app.py#L3-L4"].origin == "pinned"


async def test_a_pin_of_what_is_there_anyway_or_gone_adds_nothing(shop: Workshop) -> None:
    shop.write("AGENTS.md", "Write plainly.\n")
    await shop.journal.put_pin(str(shop.root), pin_of("AGENTS.md", "Write plainly.\n", None))
    await shop.journal.put_pin(str(shop.root), pin_of("gone.py", "x\n", (1, 1)))
    await shop.journal.put_pin("/elsewhere", pin_of("other.py", "x\n", None))
    assert [each.item for each in gathered(shop)] == ["steering:AGENTS.md"]
    states = [each.state for each in pinned(shop.files(), shop.editor, shop.journal.pins(str(shop.root)))]
    assert states == ["as_pinned", "gone"]


async def test_unsaved_text_is_what_is_pinned_and_sent(shop: Workshop) -> None:
    path = shop.write("a.py", "one\ntwo\n")
    await shop.journal.put_pin(str(shop.root), pin_of("a.py", "one\ntwo\n", (2, 2)))
    shop.editor.unsaved[str(path)] = "zero\none\ntwo\n"
    (now,) = pinned(shop.files(), shop.editor, shop.journal.pins(str(shop.root)))
    assert (now.state, now.lines, now.text) == ("moved", (3, 3), "two")


async def test_a_pin_that_stays_here_is_not_sent_elsewhere(shop: Workshop) -> None:
    shop.write("secret/app.py", "one\ntwo\n")
    await shop.journal.put_pin(str(shop.root), pin_of("secret/app.py", "one\ntwo\n", (1, 2)))
    local = LocalOnly(paths=("secret/**",))
    assert "one\ntwo" not in first_of(shop, gathered(shop), is_here=False, local=local).shared
    first = first_of(shop, gathered(shop), local=local)
    assert "one\ntwo" in first.shared and first.local
    record = shop.journal.run(await shop.begin(ScriptedModel(finish(), clock=shop.clock)))
    assert record is not None
    assert "secret/app.py" in str(why_it_stays(local, record, first, ()))
    assert (
        why_it_stays(LocalOnly(paths=("other/**",)), record, FirstRequest.from_json(record.first_request), ()) is None
    )


async def test_protected_files_cannot_be_read_for_a_pin(shop: Workshop) -> None:
    shop.write(".env", "KEY=1\n")
    await shop.journal.put_pin(str(shop.root), pin_of(".env", "KEY=1\n", None))
    await shop.journal.put_pin(str(shop.root), pin_of("../outside", "KEY=1\n", None))
    assert gathered(shop) == []


async def test_pins_are_kept_replaced_removed_and_erased(shop: Workshop) -> None:
    one, two = pin_of("a.py", "1\n2\n", (1, 2)), pin_of("b.py", "x", None)
    root = str(shop.root)
    for each in (one, two, pin_of("a.py", "3\n4\n", (1, 2))):
        await shop.journal.put_pin(root, each)
    assert [(each.item, each.sha256 == one.sha256) for each in shop.journal.pins(root)] == [
        ("pinned:a.py#L1-L2", False),
        ("pinned:b.py", False),
    ]
    await shop.journal.remove_pin(root, one)
    assert shop.journal.pins(root) == [two]
    await shop.journal.put_pin("/elsewhere", two)
    await shop.journal.erase(workspace=root)
    assert shop.journal.pins(root) == [] and shop.journal.pins("/elsewhere") == [two]
    await shop.journal.erase(everything=True)
    assert shop.journal.pins("/elsewhere") == []


def test_pinning_what_is_not_there(shop: Workshop) -> None:
    with pytest.raises(BadInput, match="has 1 lines"):
        pin_of("a.py", "x", (1, 2))
