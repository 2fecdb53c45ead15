"""Linter, formatter and type checker, run as a person would: same programs, same settings.

Always over everything that is in the checkout; a finding is mended, or ignored on its line with the
reason beside it. Never skipped: the three programs are in requirements-test.lock.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOQA_WITH_REASON = re.compile(r"# noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*\W+\w")


def run_tool(*arguments: str) -> str:
    """What a tool prints where it finds something; empty where it finds nothing."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("ruff", "check", "--output-format=concise", "."), id="lint"),
        pytest.param(("ruff", "format", "--check", "."), id="format"),
        pytest.param(("mypy", "--no-error-summary"), id="types"),
        pytest.param(("mypy", "--no-error-summary", "tidegate"), id="types-of-the-front-door"),
    ],
)
def test_the_tool_finds_nothing(arguments: tuple[str, ...]) -> None:
    found = run_tool(*arguments)
    if found:
        pytest.fail(found, pytrace=False)


def test_every_ignored_rule_has_its_reason_beside_it() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    start = lines.index("[tool.ruff.lint]")
    rules = [line for line in lines[start:] if line.startswith('    "')]
    assert [line for line in rules if "# " not in line] == []


def test_every_noqa_names_its_rule_and_its_reason() -> None:
    found = []
    for path in sorted((ROOT / "src").rglob("*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if "# noqa" in line and not NOQA_WITH_REASON.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number} {line.strip()}")
    assert found == []
