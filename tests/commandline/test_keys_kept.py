"""A key that the editor keeps goes to the host it was kept for."""

import json
from pathlib import Path

import pytest

from bursar.wiring import App


def app_with(home: Path, base_url: str, key_env: str) -> App:
    entry = {"wire": "anthropic", "base_url": base_url, "key_env": key_env}
    environ = {"BURSAR_PROVIDERS": json.dumps({"anthropic": entry})}
    return App(home=home, environ=environ, keys={"anthropic": "canary-kept"})


@pytest.mark.parametrize(
    ("base_url", "key_env", "is_missing"),
    [
        ("https://api.anthropic.com", "ANTHROPIC_API_KEY", False),
        ("https://api.anthropic.com/", "ANTHROPIC_API_KEY", False),
        ("https://elsewhere.example", "ELSEWHERE_KEY", True),
    ],
)
def test_a_kept_key_is_not_for_another_host_of_the_same_name(tmp_path, base_url, key_env, is_missing):
    app = app_with(tmp_path, base_url, key_env)
    provider, _ = app.provider(app.settings(), "anthropic/claude-sonnet-5-5")
    assert (provider.missing_key() is not None) == is_missing
