"""Each rule can be silenced or shown at another level, in the file and in the editor; every list names all."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from bursar.domain.errors import BadInput
from bursar.domain.rules.codes import CODES
from bursar.domain.rules.registry import RULES
from bursar.settings import load_settings

MANIFEST = Path(__file__).parents[2] / "client-vscode" / "package.json"


def test_every_list_of_codes_names_all_rules() -> None:
    assert tuple(each.code for each in RULES) == CODES
    schema = json.loads(resources.files("bursar").joinpath("schemas/settings.json").read_text("utf-8"))
    assert {"requestCost", "forecast", *CODES} == set(schema["properties"]["diagnostics"]["properties"])
    offered = json.loads(MANIFEST.read_text("utf-8"))["contributes"]["configuration"]["properties"]
    for each in RULES:
        if each.check is not None:
            setting = offered[f"bursar.diagnostics.{each.code}"]
            assert setting["enum"] == ["default", "off", "hint", "information", "warning", "error"]
            assert each.title in setting["markdownDescription"]
            assert f"`{each.severity}`" in setting["markdownDescription"]


def test_a_server_that_starts_loads_no_rule() -> None:
    look = "import sys, bursar.lsp.loop; print(*sorted(each for each in sys.modules if '.rules.' in each))"
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["bursar.domain.rules.codes", "bursar.domain.rules.rule"]


def test_off_silences_and_a_level_replaces_the_rules_own(tmp_path: Path) -> None:
    write(tmp_path, {"verbose-text": "off", "ears-form": "error", "missing-reference": "default", "forecast": False})
    settings = load_settings(tmp_path, {})
    assert settings.silenced == {"verbose-text", "probably-unfinished"}
    assert settings.levels == {"ears-form": "error"}


def test_what_the_editor_leaves_at_its_default_is_what_the_file_says(tmp_path: Path) -> None:
    write(tmp_path, {"verbose-text": "off", "ears-form": "error"})
    editor = {"diagnostics": {"verbose-text": "default", "ears-form": "hint", "duplicated-text": "default"}}
    settings = load_settings(tmp_path, {}, editor)
    assert settings.silenced == {"verbose-text"}
    assert settings.levels == {"ears-form": "hint"}


@pytest.mark.parametrize("given", [{"verbose": "off"}, {"verbose-text": "loud"}, {"verbose-text": True}, {"ears": 1}])
def test_what_would_be_passed_over_is_refused(tmp_path: Path, given: dict[str, object]) -> None:
    write(tmp_path, given)
    with pytest.raises(BadInput, match=r"settings\.json: diagnostics"):
        load_settings(tmp_path, {})


def write(home: Path, diagnostics: dict[str, object]) -> None:
    (home / "settings.json").write_text(json.dumps({"diagnostics": diagnostics}), "utf-8")
