"""SIGKILL at random moments under load: no acknowledged order is lost, oversold or over a limit.

The judge is a process that knows only the answers it got; tests/bench shows that it convicts.
"""

import tempfile
from pathlib import Path

import pytest

from tidegate.bench.kill import KILLS, LONG_KILLS, run_kills
from tidegate.bench.kill_judge import Verdict


def kill(kills: int, seed: int) -> Verdict:
    """A folder with a short path: a Unix socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        verdict = run_kills(Path(folder), kills, seed, lambda _share, text: print(text))
    print(f"seed {seed}: {verdict}")
    return verdict


def require_innocence(verdict: Verdict, kills: int) -> None:
    assert verdict.lost == 0
    assert verdict.changed == 0
    assert verdict.oversold == 0
    assert verdict.over_limit == 0
    assert verdict.connections >= kills  # it was there between the kills
    assert verdict.asked_again >= verdict.acknowledged  # each at least once at the end
    assert verdict.accepted > 0


def test_thirty_kills_under_load_lose_nothing() -> None:
    require_innocence(kill(KILLS, seed=26), KILLS)


@pytest.mark.long
@pytest.mark.timeout(4 * 3_600)
def test_a_thousand_kills_under_load_lose_nothing() -> None:
    require_innocence(kill(LONG_KILLS, seed=27), LONG_KILLS)
