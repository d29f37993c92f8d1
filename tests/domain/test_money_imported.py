"""Which of several records of one request counts."""

from __future__ import annotations

from functools import reduce
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as some

from bursar.domain.money.imported import fuller
from bursar.domain.money.usage import Usage

counts = some.integers(min_value=0, max_value=3)
usages = some.builds(
    Usage,
    uncached_input=counts,
    cache_read=counts,
    cache_write_5m=counts,
    cache_write_1h=counts,
    output=counts,
    reasoning=counts,
)


def test_the_one_that_saw_more_of_the_answer_counts() -> None:
    placeholder, whole = Usage(uncached_input=100, output=1), Usage(uncached_input=100, output=90)
    assert fuller(placeholder, whole) == fuller(whole, placeholder) == whole
    silent, told = Usage(output=5), Usage(output=5, uncached_input=7)
    assert fuller(silent, told) == fuller(told, silent) == told


@given(some.lists(usages, min_size=1, max_size=4))
def test_the_order_of_the_records_makes_no_difference(records: list[Usage]) -> None:
    found = {reduce(fuller, each) for each in permutations(records)}
    assert len(found) == 1
    assert found <= set(records)
