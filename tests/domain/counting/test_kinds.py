"""The classifier: what a passage is, and parts that add up."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.counting import count_kinds, kind_parts
from bursar.tokens import TiktokenCounter

CORPUS = Path(__file__).parents[2] / "fixtures" / "corpus"
COUNTER = TiktokenCounter()
CODE = '''def weigh(parcel: Parcel, *, rates: dict[str, Decimal]) -> Decimal:
    """The price."""
    for zone in parcel.zones[1:]:
        if rates.get(zone) is not None and zone != "none":
            return (rates[zone] * parcel.grams).quantize(Decimal("0.01"))
    raise KeyError(f"no rate for {parcel!r}")


'''


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "The carrier asks for the weight of each parcel before it is handed over, and answers with a price. ",
            "prose",
        ),
        ("- Write a test first, then the code; keep functions short and name what they return.\n", "prose"),
        (CODE, "code"),
        (json.dumps({"name": "Parcel", "grams": 120, "zones": ["a", "b"], "fragile": None}), "json"),
        (json.dumps({"name": "Parcel", "lines": [{"n": 1, "text": "a b"}]}, indent=2), "json"),
        ("今天的天气很好,我们去公园散步。孩子们在草地上玩耍。", "cjk"),
        ("배송 요금은 무게와 구역에 따라 정해집니다. 자세한 내용은 표를 보세요.", "cjk"),
        ("Die schöne Straße führt über den Hügel, und die Aussicht lässt uns für einen Augenblick verweilen.", "other"),
        ("Стоимость доставки зависит от веса посылки и от зоны, в которую её отправляют.", "other"),
        ("", None),
        ("ok", "prose"),
    ],
)
def test_a_text_is_one_kind(text: str, kind: str | None) -> None:
    assert [each for each, _ in kind_parts(text * 9)] == ([] if kind is None else [kind])


def test_what_lies_between_prose_is_told_apart() -> None:
    prose = "The carrier asks for the weight of each parcel before it is handed over, and answers with it.\n" * 14
    kinds = [kind for kind, _ in kind_parts(prose + CODE * 8 + prose)]
    assert kinds == ["prose", "code", "prose"]


@pytest.mark.parametrize("path", sorted(CORPUS.rglob("*.md"))[::3], ids=lambda path: path.parent.name)
def test_the_kinds_of_a_real_file_add_up(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "replace")
    assert "".join(part for _, part in kind_parts(text)) == text
    assert sum(count_kinds(text, COUNTER.count).values()) == COUNTER.count(text)


@given(
    st.lists(st.sampled_from(["word ", "\n", "/", "{x}", '"a": 1,', "字", "é", "\r\n", "    ", "1234"]), max_size=400)
)
def test_the_kinds_of_any_text_add_up_and_take_turns(pieces: list[str]) -> None:
    text = "".join(pieces)
    parts = list(kind_parts(text))
    assert "".join(part for _, part in parts) == text
    assert all(before != after for (before, _), (after, _) in pairwise(parts))
    assert sum(count_kinds(text, COUNTER.count).values()) == COUNTER.count(text)


def test_a_long_line_is_looked_at_in_bounded_time() -> None:
    line = "x" * 1_000_000
    assert [(kind, len(part)) for kind, part in kind_parts(line)] == [("prose", 1_000_000)]
