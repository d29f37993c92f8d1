"""How many tokens a model takes, as far as the card knows."""

from bursar.prices import price_book

BOOK = price_book(override_file=None, free_providers=frozenset())


def test_the_window_is_the_models_own():
    assert BOOK.window_tokens(provider="sim", model="claude-sonnet-5-5") == 1_000_000
    assert BOOK.window_tokens(provider="openai", model="gpt-6-sol") == 1_050_000


def test_an_unknown_model_has_no_known_window():
    assert BOOK.window_tokens(provider="sim", model="no-such-model") is None
