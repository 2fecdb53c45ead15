"""Take a guard away, and the suite must notice: otherwise the suite proves nothing.

Each file of the engine's rules is run in the interpreter with one function replaced at a time.
"""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tidegate.domain import jit

PROGRAM = Path(__file__).parent / "take_away.py"
SOURCE = Path(jit.__file__).parents[2]


def what_is_taken() -> dict[str, dict[str, object]]:
    """The program's own table."""
    spec = importlib.util.spec_from_file_location("take_away", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TAKEN


TAKEN = what_is_taken()


def said_of(file: str) -> dict[str, str]:
    """What a run of one file of rules said of each thing taken away."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROGRAM), file],
        env={**os.environ, "TIDEGATE_UNCOMPILED": "1", "PYTHONPATH": str(SOURCE)},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(line.split()[1:] for line in done.stdout.splitlines())


def test_the_suite_notices_what_was_taken_away() -> None:
    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(TAKEN, pool.map(said_of, TAKEN), strict=True))
    noticed = {file: {"nothing": "0"} | dict.fromkeys(names, "1") for file, names in TAKEN.items()}
    assert said == noticed


def test_every_guard_is_taken_away_once() -> None:
    judge = (SOURCE / "tidegate" / "engine" / "judge.py").read_text("utf-8")
    taken = {name.partition(".")[2] for names in TAKEN.values() for name in names}
    called = {
        word.partition("(")[0].partition(".")[2]
        for word in judge.replace("(", "( ").split()
        if word.startswith(("g.", "c.")) and word.endswith("(")
    }
    assert called - taken == {"demand_of", "find_keys", "merged_rules"}
