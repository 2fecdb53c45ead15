"""Change the price guard's code in one place, and its suite must notice: or it proves nothing.

Always every mutant of guard_mutants.txt with --long; in the ordinary run one in sixteen.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.pricing.guard import check

PROGRAM = Path(__file__).parent / "guard_mutants.py"
SOURCE = Path(check.__file__).parents[3]
ORDINARY_STEP = 16


def program() -> ModuleType:
    """The program as a module, for its table."""
    spec = importlib.util.spec_from_file_location("guard_mutants", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = [f"{module}: {name}" for module, name, _, _ in program().mutants()]


def said_of(step: int, first: int) -> dict[str, str]:
    """What a run of every `step`-th mutant said of each."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROGRAM), str(step), str(first)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(line.split("\t") for line in done.stdout.splitlines())


Record = Callable[[str, object], None]


def noticed(step: int, firsts: tuple[int, ...], record_property: Record) -> None:
    """All of them, on two cores; the score stands below the run (tests/conftest.py)."""
    with ThreadPoolExecutor(2) as pool:
        said = [
            row for rows in pool.map(lambda n: said_of(step, n), firsts) for row in rows.items()
        ]
    names = {name for first in firsts for name in NAMES[first::step]}
    killed = sum(verdict == "1" for name, verdict in said if name != "search: nothing")
    score = f"mutants of the guard: {killed} of {len(names - {'search: nothing'})} noticed"
    record_property("figure", score)
    print(score)  # for a run that fails, too
    assert dict(said) == dict.fromkeys(names, "1") | (
        {"search: nothing": "0"} if "search: nothing" in names else {}
    )


def test_one_change_in_sixteen_is_noticed(record_property: Record) -> None:
    noticed(ORDINARY_STEP * 2, (3, 3 + ORDINARY_STEP), record_property)


@pytest.mark.long
def test_every_change_is_noticed(record_property: Record) -> None:
    noticed(2, (0, 1), record_property)


def test_every_module_that_proves_is_changed_somewhere() -> None:
    changed = {name.partition(":")[0] for name in NAMES}
    modules = {path.stem for path in Path(check.__file__).parent.glob("*.py")}
    assert modules - changed == {"__init__", "answers", "compare", "explain"}


def test_every_change_is_of_code_that_stands_there() -> None:
    """Or the long run alone would find out that a mutant has lost its place."""
    there = program()
    for module, _, old, new in there.mutants():
        assert there.Changed(module, old, new).source.count(new) >= 1
