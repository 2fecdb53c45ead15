"""Take a promise of publishing away, and its tests must notice: or they prove nothing.

Always every mutant with --long; in the ordinary run the version that a check is bound to.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.publishing import service

PROGRAM = Path(__file__).parent / "publishing_mutants.py"
SOURCE = Path(service.__file__).parents[2]
ORDINARY = (1, 2)
Record = Callable[[str, object], None]


def program() -> ModuleType:
    """The program as a module, for its table."""
    spec = importlib.util.spec_from_file_location("publishing_mutants", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MUTANTS = program().MUTANTS


def said_of(number: int) -> str:
    """Whether the tests noticed one: 1 or 0."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROGRAM), str(number)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def noticed(numbers: Sequence[int], record_property: Record) -> None:
    """All of them, on two cores; the score stands below the run."""
    with ThreadPoolExecutor(2) as pool:
        said = {
            MUTANTS[n].name: one for n, one in zip(numbers, pool.map(said_of, numbers), strict=True)
        }
    names = [name for name in said if name != "nothing"]
    killed = sum(said[name] == "1" for name in names)
    record_property("figure", f"mutants of publishing: {killed} of {len(names)} noticed")
    assert said == dict.fromkeys(said, "1") | ({"nothing": "0"} if "nothing" in said else {})


def test_the_version_that_was_checked_is_missed_when_it_is_taken_away(
    record_property: Record,
) -> None:
    noticed(ORDINARY, record_property)


@pytest.mark.long
def test_every_promise_is_missed_when_it_is_taken_away(record_property: Record) -> None:
    noticed(range(len(MUTANTS)), record_property)


def test_every_change_is_of_code_that_stands_there() -> None:
    there = program()
    for mutant in MUTANTS:
        assert there.Changed(mutant).name == f"tidegate.{mutant.module}"
