"""The probes measure what they say and leave nothing behind; the machine is described in full."""

import json
from pathlib import Path

import pytest

from tidegate.bench import machine, probe


def test_appends_are_counted_and_the_file_is_gone(tmp_path: Path) -> None:
    rate = probe.fdatasync_appends(tmp_path, 4096, 0.05)
    assert rate.append_bytes == 4096
    assert 0 < rate.p50_ms <= rate.p99_ms
    assert rate.mb_per_s == pytest.approx(rate.per_s * 4096 / 1e6)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.001, 1.0)]
)
def test_quantiles_are_by_nearest_rank(share: float, value: float) -> None:
    assert probe.quantile([float(n) for n in range(1, 101)], share) == value


def test_copying_and_hashing_give_rates() -> None:
    assert probe.memcpy_gb_per_s(0.02, 1 << 20) > 0
    assert probe.sha256_gb_per_s(0.02, 1 << 16) > 0


def test_the_machine_is_described_without_a_path(tmp_path: Path) -> None:
    described = machine.describe(tmp_path)
    assert {
        "cpu", "cores", "cores_usable", "memory_bytes", "disk", "kernel", "architecture",
        "python", "sqlite", "packages", "commit", "dirty",
    } == set(described)  # fmt: skip
    assert str(tmp_path) not in json.dumps(described)
