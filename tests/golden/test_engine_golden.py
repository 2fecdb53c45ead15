"""Journals that earlier releases wrote lead to the books they led to then, for ever."""

import importlib.util
import json
from pathlib import Path

import pytest

from tidegate.engine import layout as lo
from tidegate.testing.scene import TINY, decide_again

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
    entries = golden.entries_of(FOLDER / f"{name}.bin")
    machine = decide_again(entries, TINY)
    assert machine.digest() == EXPECTED[name]["digest"]
    assert machine.state.scalars[lo.DECIDED_COUNT] > 100
