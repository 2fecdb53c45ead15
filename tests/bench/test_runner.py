"""Rounds run in their own process; a crash, a skip and an overrun are results, not the end."""

from pathlib import Path

import pytest

from tidegate.bench import runner
from tidegate.bench.registry import Bench

ROUND = """
import json, sys, time
which = sys.argv[1]
print("noise")
print(json.dumps({"progress": 0.5, "text": "half"}), flush=True)
if which == "crash":
    sys.exit(3)
if which == "hang":
    time.sleep(600)
if which == "skip":
    print(json.dumps({"format": 1, "skipped": "no such disk"}))
if which == "count":
    figure = {"name": "a.b.c", "value": VALUE, "unit": "", "better": "higher"}
    made = {"figures": [figure], "remarks": [], "foreign": {}, "beside": {}}
    print(json.dumps({"format": 1, "round": made}))
"""

Told = list[tuple[str, float, str]]


def checkout(folder: Path, value: float) -> Path:
    """A stand-in for a checkout: its rounds answer by script."""
    package = folder / "src" / "tidegate" / "bench"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "one_round.py").write_text(ROUND.replace("VALUE", str(value)))
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = checkout(tmp_path / "own", 1.0)
    monkeypatch.setattr(runner, "SOURCE", made / "src")
    return made


def bench(module: str, deadline_s: float = 20.0) -> Bench:
    return Bench(module, "a bench", module, 3, 0.1, 0.1, deadline_s, beside=False)


def run(
    module: str, options: runner.Options, deadline_s: float = 20.0
) -> tuple[runner.Outcome, Told]:
    told: Told = []
    outcomes = runner.run([bench(module, deadline_s)], options, lambda *seen: told.append(seen))
    return outcomes[0], told


def test_best_of_three_runs_three_rounds_and_tells_how_far_it_is(own: Path, tmp_path: Path) -> None:
    outcome, told = run("count", runner.Options(folder=tmp_path))
    assert outcome.status == runner.DONE
    assert [one.value("a.b.c") for one in outcome.rounds] == [1.0, 1.0, 1.0]
    assert [round(share, 3) for _, share, _ in told] == [0.167, 0.5, 0.833, 1.0]
    assert {path.name for path in tmp_path.iterdir()} == {"own"}  # scratch folders are gone


def test_a_quick_run_is_one_round(own: Path, tmp_path: Path) -> None:
    outcome, _ = run("count", runner.Options(quick=True, folder=tmp_path))
    assert len(outcome.rounds) == 1


def test_the_other_checkout_takes_turns_in_the_same_run(own: Path, tmp_path: Path) -> None:
    other = checkout(tmp_path / "other", 2.0)
    outcome, _ = run("count", runner.Options(folder=tmp_path, against=other))
    assert [one.value("a.b.c") for one in outcome.rounds] == [1.0, 1.0, 1.0]
    assert [one.value("a.b.c") for one in outcome.against] == [2.0, 2.0, 2.0]


def test_a_folder_without_benches_cannot_be_compared_with(own: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no checkout of Tidegate"):
        run("count", runner.Options(folder=tmp_path, against=tmp_path))


@pytest.mark.parametrize(
    ("module", "deadline_s", "status", "reason"),
    [
        ("skip", 20.0, "skipped", "no such disk"),
        ("crash", 20.0, "failed", "the round ended with status 3"),
        ("hang", 0.5, "failed", "a round took longer than 0 s and was stopped"),
    ],
)
def test_what_went_wrong_is_told(
    own: Path, tmp_path: Path, module: str, deadline_s: float, status: str, reason: str
) -> None:
    outcome, _ = run(module, runner.Options(folder=tmp_path), deadline_s)
    assert (outcome.status, outcome.reason) == (status, reason)


def test_raw_figures_are_measured_anew_only_after_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    beside = runner.Beside(clock=lambda: now_s[0])
    measured = []
    monkeypatch.setattr(beside, "_measure", lambda _: measured.append(1) or {"n": len(measured)})
    seen = []
    for at_s in (0.0, 30.0, 60.0, 61.0):
        now_s[0] = at_s
        seen.append(beside.figures(tmp_path)["n"])
    assert seen == [1, 1, 1, 2]
