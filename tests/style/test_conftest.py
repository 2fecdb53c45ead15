"""The rules of tests/conftest.py on small suites: skips say why, long ones wait, areas are timed.

Always runs pytest in a process of its own, over a copy of conftest.py and pyproject.toml.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Suite = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Run one module of an area called `rules`; returns what pytest did."""
    area = tmp_path / "tests" / "rules"
    area.mkdir(parents=True)
    (tmp_path / "src").mkdir()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")

    def run(body: str, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        (area / "test_sample.py").write_text("import pytest\n" + body, "utf-8")
        inherited = {name: os.environ[name] for name in os.environ if name != "TIDEGATE_LONG"}
        inherited["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what is not tested here loads slowly
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "pytest_timeout", *arguments],
            cwd=tmp_path,
            env=inherited | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def closing(done: "subprocess.CompletedProcess[str]") -> str:
    """Pytest's closing line, without its seconds."""
    return done.stdout.splitlines()[-1].partition(" in ")[0]


@pytest.mark.parametrize(
    "body",
    [
        "def test_a():\n    pytest.skip()",
        "@pytest.mark.skip\ndef test_a():\n    pass",
        "@pytest.mark.xfail\ndef test_a():\n    assert False",
        "import unittest as u\nclass TestA(u.TestCase):\n    @u.skip('')\n    def test_a(_): pass",
    ],
    ids=["call", "mark", "xfail", "unittest"],
)
def test_a_skip_without_a_reason_fails(suite: Suite, body: str) -> None:
    done = suite(body)
    assert done.returncode == 1
    assert closing(done) in ("1 failed", "1 error")  # an error where a mark skips before the call
    assert "must say why" in done.stdout


def test_a_module_that_skips_itself_without_a_reason_fails(suite: Suite) -> None:
    done = suite("pytest.skip(allow_module_level=True)")
    assert done.returncode == 2
    assert "must say why" in done.stdout


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("def test_a():\n    pytest.skip('no wrk here')", "1 skipped"),
        ("@pytest.mark.skip(reason='no wrk here')\ndef test_a():\n    pass", "1 skipped"),
        ("@pytest.mark.xfail(reason='known')\ndef test_a():\n    assert False", "1 xfailed"),
    ],
    ids=["call", "mark", "xfail"],
)
def test_a_reason_is_enough(suite: Suite, body: str, expected: str) -> None:
    done = suite(body)
    assert (done.returncode, closing(done)) == (0, expected)


LONG = "@pytest.mark.long\ndef test_a():\n    pass\ndef test_b():\n    pass"


def test_long_tests_wait_for_the_option_or_the_variable(suite: Suite) -> None:
    assert closing(suite(LONG)) == "1 passed, 1 skipped"
    assert closing(suite(LONG, "--long")) == "2 passed"
    assert closing(suite(LONG, TIDEGATE_LONG="1")) == "2 passed"


def test_each_area_is_printed_with_its_allotment(suite: Suite) -> None:
    lines = suite(LONG).stdout.splitlines()
    (row,) = [line.split() for line in lines if line.startswith("rules ")]
    assert (row[0], row[1], row[2]) == ("rules", "1", "tests")
    assert row[5:] == ["of", "110", "s"]
