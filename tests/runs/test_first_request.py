"""The first request: the same bytes for the same spec, the stable parts first, and no secrets in it."""

from __future__ import annotations

import os
from pathlib import Path

from support.world import Editor, ScriptedModel, Workshop, finish

KEY = "sk-ant-api03-" + "Zx9" * 30


async def body_of(shop: Workshop, task: str = "1") -> bytes:
    model = ScriptedModel(finish(), clock=shop.clock)
    run = await shop.begin(model, task)
    await shop.drive(model, run)
    return model.bodies[0]


async def test_two_builds_have_no_byte_that_differs(tmp_path: Path) -> None:
    bodies = []
    for name in ("one", "two"):
        shop = Workshop(tmp_path / name)
        shop.write(".kiro/steering/b.md", "second")
        shop.write(".kiro/steering/a.md", "first")
        shop.clock.advance(1_000 if name == "two" else 0)
        bodies.append(await body_of(shop))
        shop.close()
    assert bodies[0] == bodies[1]


async def test_two_tasks_share_everything_up_to_the_task(shop: Workshop) -> None:
    shop.write(".kiro/specs/demo/design.md", "The design.\n" * 50)
    one = await body_of(shop, "1")
    shop.tasks.write_text(shop.tasks.read_text().replace("[x]", "[ ]"))
    two = await body_of(shop, "2")
    same = next(at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)
    assert b"The design." in one[:same]
    assert b"Current task: [" in one[:same]


async def test_documents_stand_in_the_order_of_their_stability(shop: Workshop) -> None:
    for path in (
        ".kiro/specs/demo/design.md",
        ".kiro/specs/demo/requirements.md",
        ".kiro/steering/tech.md",
        "AGENTS.md",
    ):
        shop.write(path, f"text of {path}")
    body = (await body_of(shop)).decode()
    places = [
        body.index(f"text of {path}")
        for path in ("AGENTS.md", ".kiro/steering/tech.md", ".kiro/specs/demo/requirements.md")
    ]
    assert places == sorted(places)
    assert body.index("text of .kiro/specs/demo/design.md") > places[-1]


async def test_keys_are_masked_wherever_they_stand(shop: Workshop) -> None:
    for path in (".kiro/specs/demo/requirements.md", ".kiro/steering/tech.md", "AGENTS.md"):
        shop.write(path, f"Use the key {KEY} for it.\n")
    shop.tasks.write_text(shop.tasks.read_text() + f"  - with {KEY}\n- [ ] 3. Use {KEY}\n")
    body = (await body_of(shop, "2")).decode()
    assert KEY not in body
    assert body.count("⟦secret:") + body.count("\\u27e6secret:") >= 4


async def test_the_kept_opening_is_masked_too(shop: Workshop) -> None:
    shop.write(".kiro/specs/demo/requirements.md", f"Use the key {KEY} for it.\n")
    await body_of(shop)
    shop.close()
    for each in shop.home.rglob("*"):
        if each.is_file():
            assert KEY.encode() not in each.read_bytes()


async def test_a_document_that_is_a_link_does_not_send_what_is_open_at_its_end(shop: Workshop) -> None:
    """The editor's text is looked up by where a path leads: a link must not make an open file part of a request."""
    outside = shop.root.parent / "diary.md"
    outside.write_text("on the disk")
    secret = shop.write(".env", "NAME=on-the-disk\n")
    (shop.root / "AGENTS.md").symlink_to(outside)
    (shop.root / ".kiro/specs/demo/design.md").symlink_to(secret)

    class Following(Editor):
        def unsaved_text(self, path: str) -> str | None:
            return super().unsaved_text(os.path.realpath(path))

    shop.editor = Following(unsaved={str(outside): "canary of a diary", str(secret): "NAME=canary\n"})
    assert b"canary" not in await body_of(shop)


async def test_what_the_user_sees_in_the_editor_is_sent(shop: Workshop) -> None:
    path = shop.write(".kiro/specs/demo/requirements.md", "on the disk")
    shop.editor.unsaved[str(path)] = "in the editor"
    body = await body_of(shop)
    assert b"in the editor" in body
    assert b"on the disk" not in body
