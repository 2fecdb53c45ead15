"""The gate's bench measures what it says: every figure is there, half of everybody agreed."""

from pathlib import Path

import pytest

from tidegate.bench import push_gate
from tidegate.bench.figures import Context


def test_it_reports_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_gate, "PERSONS_QUICK", 2_000)
    result = push_gate.run(Context(0.05, tmp_path, 1, True, lambda done, what: None))
    assert [figure.name for figure in result.figures] == [
        "push_gate.fold.events_per_s", "push_gate.one.median_us", "push_gate.one.p99_us",
        "push_gate.many.decisions_per_s", "push_gate.many.allowed_share",
        "push_gate.columns.decisions_per_s",
    ]  # fmt: skip
    assert 0.35 < result.value("push_gate.many.allowed_share") < 0.45
