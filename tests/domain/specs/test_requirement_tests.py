"""Which tests belong to a requirement."""

from __future__ import annotations

import pytest

from bursar.domain.specs import is_test_file, requirements_named


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_rates.py",
        "tests.py",
        "pkg/rates_test.go",
        "web/rates.test.ts",
        "web/rates.spec.tsx",
        "spec/rates_spec.rb",
        "src/RatesTest.java",
        "src/RatesTests.cs",
    ],
)
def test_named_as_tests_are(path: str) -> None:
    assert is_test_file(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/rates.py",
        "tests/conftest.py",
        "tests/helpers.py",
        "tests/test_rates.md",
        "web/rates.test.ts.snap",
        "tests/test_data.json",
        "latest.py",
        "CONTEST.java",
        "test_rates",
        ".kiro/specs/demo/requirements.md",
    ],
)
def test_no_tests(path: str) -> None:
    assert not is_test_file(path)


@pytest.mark.parametrize(
    "line",
    [
        "# Requirement 1.2",
        '    """Requirement 1.2: a sum of rates."""',
        "_Requirements: 1.1, 1.2_",
        "# **Validates: Requirements 1.1 and 1.2, 3**",
        '@pytest.mark.requirement("1.2")',
        "@requirement('4', '1.2')",
        "it('adds (Requirement 1.2)', () => {",
        "// req: 1.2.",
        "# requirement 1.2.1 is a part of it",
    ],
)
def test_lines_that_name_it(line: str) -> None:
    assert requirements_named([line], ["1.2"]) == {"1.2"}


@pytest.mark.parametrize(
    "line",
    [
        "# Requirement 1.20",
        "# Requirement 11.2",
        "# Requirement 1",
        "# version 1.2",
        "# requirements are in section 1.2",
        "def test_requirement_1_2(): ...",
        "# Requirement 1.1 - 1.3",
        "# prerequirement 1.2",
        "# Requirement 2, see 1.2",
    ],
)
def test_lines_that_do_not(line: str) -> None:
    assert requirements_named([line], ["1.2"]) == frozenset()


def test_several_and_ids_with_letters() -> None:
    lines = ["# Requirement FR-002", "", "# requirements 1.1, 7"]
    assert requirements_named(lines, ["fr-002", "1", "7", "8"]) == {"fr-002", "1", "7"}
