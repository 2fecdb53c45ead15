"""Journals that earlier releases wrote lead to the books they led to then, for ever."""

import importlib.util
import json
from pathlib import Path

import pytest

from tidegate.engine import layout as lo
from tidegate.engine.machine import Machine
from tidegate.record import entry as en
from tidegate.testing.scene import SEED, TINY

FOLDER = Path(__file__).parent
spec = importlib.util.spec_from_file_location("engine_books", FOLDER / "engine_books.py")
assert spec is not None
assert spec.loader is not None
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

EXPECTED = json.loads(golden.EXPECTED.read_text())


def test_every_golden_file_is_described() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in FOLDER.glob("*.bin"))
    assert len(EXPECTED) >= 1


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_golden_journal_leads_to_the_books_of_its_day(name: str) -> None:
    entries = golden.entries_of(FOLDER / f"{name}.bin")
    expected = dict(EXPECTED[name])
    found = golden.description(entries)
    digest, expected_digest = found.pop("digest"), expected.pop("digest")
    assert found == expected
    assert digest == expected_digest, (
        "the books are the same, the memory is not: if its layout was meant to change, "
        "run tests/golden/engine_books.py --digest"
    )


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_same_version_decides_a_golden_journal_as_it_did(name: str) -> None:
    if EXPECTED[name]["engine"] != lo.ENGINE_VERSION:
        pytest.skip(reason=f"engine {EXPECTED[name]['engine']} decided it: re-folded only")
    machine, decided = Machine(SEED, TINY), 0
    for payload in golden.entries_of(FOLDER / f"{name}.bin"):
        data = en.aligned(payload)
        head = en.read_head(data)
        machine.begin(head.now_ms, head.local_day)
        for frame in en.read_frames(data):
            if frame.kind == en.ORDERS:
                rows, outcomes = en.read_orders(frame.body)
                assert machine.decide_orders(rows).tobytes() == outcomes.tobytes()
            elif frame.kind == en.OPERATIONS:
                rows, outcomes = en.read_operations(frame.body)
                assert machine.decide_operations(rows).tobytes() == outcomes.tobytes()
            else:
                machine.fold_frame(frame)
                continue
            decided += len(outcomes)
        machine.end_fold()
    assert machine.digest() == EXPECTED[name]["digest"]
    assert decided > 100
