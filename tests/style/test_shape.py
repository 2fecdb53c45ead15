"""How long things may be, and that a module says what it is for.

Always the limits of CONTRIBUTING.md; a longer function or file is split, the limit is not raised.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
SHORT_MODULE_LINES = 15  # so short that its content says it all
FORBIDDEN_NAMES = ("util", "utils", "helper", "helpers", "manager", "misc", "common")

SOURCES = [*sorted((ROOT / "src").rglob("*.py")), ROOT / "tidegate"]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
DOCS = sorted((ROOT / "docs").rglob("*.py"))
EVERY_FILE = [*SOURCES, *TESTS, *DOCS]


def shown(path: Path) -> str:
    """The path as a person at the root of the checkout would type it."""
    return str(path.relative_to(ROOT))


def long_functions(source: str) -> list[tuple[str, int]]:
    """Each function over the limit, with its lines, decorators left out."""
    return [
        (node.name, length)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def test_no_function_is_longer_than_70_lines() -> None:
    found = [
        (shown(path), *function)
        for path in EVERY_FILE
        for function in long_functions(path.read_text("utf-8"))
    ]
    assert found == []


def test_no_file_is_longer_than_400_lines() -> None:
    counted = [(shown(path), path.read_text("utf-8").count("\n")) for path in EVERY_FILE]
    assert [row for row in counted if row[1] > FILE_LINES_MAX] == []


def test_every_module_starts_by_saying_what_it_is_for() -> None:
    found = []
    for path in EVERY_FILE:
        source = path.read_text("utf-8")
        if source.count("\n") > SHORT_MODULE_LINES and not ast.get_docstring(ast.parse(source)):
            found.append(shown(path))
    assert found == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [shown(path) for path in EVERY_FILE if path.stem.strip("_") in FORBIDDEN_NAMES] == []


@pytest.mark.parametrize(("lines", "expected"), [(70, []), (71, [("f", 71)])])
def test_the_limit_is_noticed(lines: int, expected: list[tuple[str, int]]) -> None:
    source = "def f():\n" + "    x = 1\n" * (lines - 1)
    assert long_functions(source) == expected
