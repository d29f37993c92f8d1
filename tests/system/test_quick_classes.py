"""A class whose methods are compiled at their first call does what the plain one does, and says the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from bursar.system import quick_classes

# Every dataclass of the domain: made from words, compared, shown, changed, and made wrongly.
USE = """
import dataclasses, gc, importlib, json, pkgutil, sys
from bursar.system import quick_classes
plain = dataclasses._create_fn if hasattr(dataclasses, "_create_fn") else None
if sys.argv[1] == "quick":
    quick_classes.begin()
import bursar.domain, bursar.views
for room in (bursar.domain, bursar.views):
    for each in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        importlib.import_module(each.name)
if sys.argv[1] == "quick":
    quick_classes.end()
    assert gc.isenabled() and (plain is None or dataclasses._create_fn is plain)

def said(act):
    try:
        return repr(act())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

found = {}
for name, module in sorted(sys.modules.items()):
    if not name.startswith("bursar."):
        continue
    for cls in vars(module).values():
        if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == name:
            one, other = object.__new__(cls), object.__new__(cls)
            for at, field in enumerate(dataclasses.fields(cls)):
                object.__setattr__(one, field.name, f"word {at}")
                object.__setattr__(other, field.name, f"word {at}")
            given = {field.name: f"word {at}" for at, field in enumerate(dataclasses.fields(cls)) if field.init}
            found[f"{name}.{cls.__qualname__}"] = [
                said(lambda: cls(**given)), said(lambda: one),
                said(lambda: (one == other, one == 1, hash(one) == hash(other))),
                said(lambda: setattr(one, "unknown", 1)), said(lambda: setattr(one, next(iter(given), "x"), 1)),
                said(lambda: delattr(one, next(iter(given), "x"))), said(lambda: cls(1, wrong=2)), said(lambda: cls()),
                str(__import__("inspect").signature(cls.__init__)), cls.__init__.__qualname__,
                sorted(vars(cls)), [str(each) for each in dataclasses.fields(cls)],
            ]
print(json.dumps(found))
"""


def used(mode: str) -> dict[str, list[str]]:
    command = [sys.executable, "-c", USE, mode]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(re.sub(r" at 0x[0-9a-f]+", "", ran.stdout))


def test_every_class_of_the_domain_behaves_as_the_plain_one() -> None:
    whole, quick = used("whole"), used("quick")
    assert len(whole) > 150
    assert {name: each for name, each in quick.items() if each != whole[name]} == {}
    assert quick.keys() == whole.keys()


def test_a_method_is_put_into_its_class_once_and_for_its_subclasses() -> None:
    made: list[str] = []

    def compiled(self: object, word: str) -> str:
        return word + str(len(made))

    def make() -> object:
        made.append("made")
        return compiled

    stand_in = quick_classes._stand_in("method", make)  # type: ignore[arg-type]

    class Base:
        method = stand_in

    class Copy(Base):
        pass

    assert (Copy().method("a"), Copy().method("b"), stand_in(Base(), "c")) == ("a1", "b1", "c1")
    assert (vars(Base)["method"], made) == (compiled, ["made"])
