"""Whatever a run, its commands and the user did: a rewind gives the files of before, and loses nothing unasked."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bursar.domain.errors import BadInput
from bursar.runs.rewinding import MINE, plan_rewind, rewind
from support.world import ScriptedModel, Workshop, call, finish, reply

NAMES = ("a", "deep/b")
Files = dict[str, str]
names = st.sampled_from(NAMES)
values = st.sampled_from(["one", "two", "three"])
changes = st.dictionaries(names, values | st.none(), min_size=1, max_size=2)
acts = st.one_of(
    st.tuples(st.just("write"), names, values),
    st.tuples(st.just("command"), changes),
    st.tuples(st.just("user"), changes),
)


def put(root: Path, wanted: dict[str, str | None]) -> None:
    for name, value in wanted.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if value is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(value)


def held(root: Path) -> Files:
    return {name: (root / name).read_text() for name in NAMES if (root / name).exists()}


def changed_by(before: Files, after: Files) -> set[str]:
    return {name for name in NAMES if before.get(name) != after.get(name)}


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.dictionaries(names, values), plan=st.lists(acts, min_size=3, max_size=6), pick=st.integers(0, 5))
@example(start={"a": "one"}, plan=[("write", "a", "two"), ("user", {"a": "three"})], pick=0)
@example(start={}, plan=[("command", {"a": "two"}), ("user", {"a": "three"}), ("write", "a", "one")], pick=0)
@example(start={"a": "one"}, plan=[("write", "a", "two"), ("user", {"a": None}), ("command", {"a": "one"})], pick=0)
@example(start={"a": "one"}, plan=[("write", "a", "two"), ("user", {"a": "three"}), ("write", "a", "one")], pick=1)
def test_files_are_those_of_before_the_step_and_the_users_changes_stay(
    start: Files, plan: list[Any], pick: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder))
        try:
            asyncio.run(play(shop, start, plan, pick))
        finally:
            shop.close()


async def play(shop: Workshop, start: Files, plan: list[Any], pick: int) -> None:
    put(shop.root, dict(start))
    history: list[tuple[str, Files, Files]] = []  # who, before, after
    steps: dict[str, int] = {}  # key of a step -> its place in the history

    script: list[Any] = []
    number = 0
    users: list[Any] = []

    def turn(users_before: list[Any], act: Any, key: str) -> Any:
        async def answer(_: bytes) -> Any:
            for wanted in users_before:
                before = held(shop.root)
                put(shop.root, wanted)
                history.append(("user", before, held(shop.root)))
            before = held(shop.root)
            after = dict(before)
            steps[key] = len(history)
            if act[0] == "write":
                after[act[1]] = act[2]
                history.append(("run", before, after))
                return reply(call("write_file", path=act[1], content=act[2]))
            after = {name: value for name, value in {**before, **act[1]}.items() if value is not None}
            history.append(("run", before, after))
            shop.programs.does = lambda: put(shop.root, act[1])
            return reply(call("run_command", argv=["work"]))

        return answer

    for act in plan:
        if act[0] == "user":
            users.append(act[1])
            continue
        number += 1
        script.append(turn(users, act, f"t{number}.0"))
        users = []
    shop.person.answers = ["Once"] * number
    _, _, summary = await shop.play(*script, finish())
    run = summary.record.run
    for wanted in users:
        before = held(shop.root)
        put(shop.root, wanted)
        history.append(("user", before, held(shop.root)))
    if not steps:
        return
    key = sorted(steps)[pick % len(steps)]
    first = steps[key]
    wanted_files = dict(history[first][1])
    now = held(shop.root)
    assert now == history[-1][2]
    by_run: set[str] = set()
    theirs: set[str] = set()
    for who, before, after in history[first:]:
        touched = changed_by(before, after)
        if who == "run":
            # What the user put there after the step and before the run's first touch of the file is theirs: it stays.
            wanted_files.update({name: before.get(name) for name in touched - by_run})
            by_run |= touched
        else:
            theirs |= touched & by_run
    # What ends as it was before needs nothing; what only the user touched is none of the run's.
    conflicts = {name for name in theirs if now.get(name) != wanted_files.get(name)}
    left_by_user = {name for name in NAMES if name not in by_run}

    model = ScriptedModel(clock=shop.clock)
    made = await plan_rewind(shop.world(model), run, key)
    shown = {each.path for each in made.files if each.conflict}
    assert shown >= conflicts - certain_returns(history[first:])
    if shown:
        try:
            await rewind(shop.world(model), made, can_ask=False)
        except BadInput:
            assert held(shop.root) == now
        else:
            raise AssertionError("it was not refused")
        shop.person.answers = [MINE]
        done = await rewind(shop.world(model), made, can_ask=True)
    else:
        done = await rewind(shop.world(model), made, can_ask=False)
    assert done.done
    after = held(shop.root)
    for name in NAMES:
        if name in left_by_user or name in shown:
            assert after.get(name) == now.get(name), name
        elif name not in theirs:
            assert after.get(name) == wanted_files.get(name), name
        else:
            # The user changed it and set it back to what the run had left: no byte of theirs is in it.
            assert after.get(name) in (wanted_files.get(name), now.get(name)), name


def certain_returns(history: list[tuple[str, Files, Files]]) -> set[str]:
    """Paths where every change of the user's was taken back by the user: what the run left is what is there."""
    returned = set()
    for name in NAMES:
        left: str | None = None
        seen = broken = False
        for who, before, after in history:
            if who == "run" and before.get(name) != after.get(name):
                broken |= seen and before.get(name) != left
                left, seen = after.get(name), True
        if seen and not broken and history[-1][2].get(name) == left:
            returned.add(name)
    return returned
