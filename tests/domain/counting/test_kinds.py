"""The classifier: what a passage is, and parts that add up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.counting import are_kinds_counted, count_kinds, kinds_in, passage_kind
from bursar.domain.text.blocks import TextBlocks
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
        ("ok", "prose"),
    ],
)
def test_a_text_is_one_kind(text: str, kind: str) -> None:
    assert passage_kind(text) == kind
    assert set(count_kinds(text * 90, COUNTER.count)) == {kind}


def test_what_lies_between_prose_is_told_apart() -> None:
    prose = "The carrier asks for the weight of each parcel before it is handed over, and answers with it.\n" * 14
    found = count_kinds(prose * 4 + CODE * 30, COUNTER.count)
    assert found["prose"] == pytest.approx(COUNTER.count(prose * 4), rel=0.2)
    assert found["code"] == pytest.approx(COUNTER.count(CODE * 30), rel=0.2)
    assert set(found) == {"prose", "code"}


@pytest.mark.parametrize("path", sorted(CORPUS.rglob("*.md"))[::3], ids=lambda path: path.parent.name)
def test_the_kinds_of_a_real_file_add_up(path: Path) -> None:
    text = path.read_bytes().decode("utf-8", "replace")
    assert sum(count_kinds(text, COUNTER.count).values()) == COUNTER.count(text)


@given(
    st.lists(st.sampled_from(["word ", "\n", "/", "{x}", '"a": 1,', "字", "é", "\r\n", "    ", "1234"]), max_size=400)
)
def test_the_kinds_of_any_text_add_up(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert sum(count_kinds(text, COUNTER.count).values()) == COUNTER.count(text)


def test_a_long_line_is_looked_at_in_bounded_pieces() -> None:
    assert count_kinds("x" * 1_000_000, COUNTER.count).keys() == {"prose"}


def test_after_an_edit_only_what_it_changed_is_counted() -> None:
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return COUNTER.count(text)

    blocks = TextBlocks.of((CODE + "Some words of prose about a parcel and its weight.\n") * 400)
    assert not are_kinds_counted(blocks, "o200k_base")
    kinds_in(blocks, "o200k_base", count)
    assert are_kinds_counted(blocks, "o200k_base")
    whole = sum(counted)
    assert whole == len(blocks.text)
    counted.clear()
    edited = blocks.replaced(90_000, 90_000, "{")
    assert not are_kinds_counted(edited, "o200k_base")
    assert sum(kinds_in(edited, "o200k_base", count).values()) == COUNTER.count(edited.text)
    assert sum(counted) < whole / 20
    counted.clear()
    kinds_in(edited, "o200k_base", count)
    assert counted == []


def test_no_text_is_of_no_kind() -> None:
    assert count_kinds("", COUNTER.count) == {}
