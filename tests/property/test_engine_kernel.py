"""One source, two ways to run it: compiled, and in the interpreter. Both write the same bytes.

The histories are wild (`testing.story`); the interpreter runs with every warning an error and
another hash seed, so neither overflow nor the order of a set can make a difference.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.domain import jit
from tidegate.engine.orders import decide_orders

SOURCE = Path(jit.__file__).parents[2]
PROGRAM = """
import hashlib, sys
from tidegate.testing.story import told
story = told(int(sys.argv[1]), int(sys.argv[2]))
for entry in story.scene.entries:
    print(hashlib.sha256(entry).hexdigest())
print(story.scene.machine.digest())
"""


def run(seed: int, steps: int, *, uncompiled: bool, hash_seed: str) -> list[str]:
    """The hashes of a history's entries, then its digest, from a process of its own."""
    settings = {"PYTHONPATH": str(SOURCE), "PYTHONHASHSEED": hash_seed}
    settings["TIDEGATE_UNCOMPILED"] = "1" if uncompiled else "0"
    warnings = "error" if uncompiled else "default"
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", PROGRAM, str(seed), str(steps)],
        env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def compare(seed: int, steps: int) -> None:
    compiled = run(seed, steps, uncompiled=False, hash_seed="1")
    interpreted = run(seed, steps, uncompiled=True, hash_seed="2")
    assert len(compiled) > steps // 2
    assert interpreted == compiled


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_interpreter_and_the_compiled_kernel_write_the_same_bytes(seed: int) -> None:
    compare(seed, 700)


@pytest.mark.long
def test_long_histories_agree_too() -> None:
    for seed in range(100, 130):
        compare(seed, 4_000)


def test_a_changed_source_makes_every_compiled_function_stale(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    guard = tmp_path / "engine" / "guards.py"
    guard.write_text("@kernel\ndef guard() -> int:\n    return 1\n".replace("@", "\n@", 1))
    before = jit.sources_stamp(tmp_path)
    guard.write_text(guard.read_text().replace("1", "2"))
    changed = jit.sources_stamp(tmp_path)
    (tmp_path / "engine" / "machine.py").write_text("plain = 'no kernel function'\n")
    assert before != changed
    assert jit.sources_stamp(tmp_path) == changed


@pytest.mark.skipif(jit.UNCOMPILED, reason="nothing is compiled in this run")
def test_the_cache_of_a_kernel_function_carries_the_stamp_of_all_sources() -> None:
    stamp = decide_orders._cache._cache_file._source_stamp
    assert stamp[-1] == jit.STAMP == jit.sources_stamp(SOURCE / "tidegate")
