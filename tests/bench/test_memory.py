"""Bytes an order, a counter and a key: these do not depend on the machine, so they are targets."""

from pathlib import Path

import pytest

from tidegate.bench import memory
from tidegate.bench.figures import Context, Round
from tidegate.bench.registry import TARGETS


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Round:
    folder: Path = tmp_path_factory.mktemp("memory")
    return memory.run(Context(0.2, folder, 1, quick=True, progress=lambda _share, _text: None))


@pytest.mark.parametrize("name", ["closed_order", "limit_counter", "identity_key"])
def test_memory_stays_within_its_target(measured: Round, name: str) -> None:
    figure = f"memory.{name}.bytes"
    (target,) = (target for target in TARGETS if target.figure == figure)
    assert target.met(measured.value(figure)), f"{measured.value(figure):.1f} B"


def test_a_live_order_under_a_limit_and_a_budget_does_not_grow(measured: Round) -> None:
    # Its target of 96 B is for the order alone; each rule that it is charged to adds two words.
    assert measured.value("memory.live_order.bytes") <= 106
