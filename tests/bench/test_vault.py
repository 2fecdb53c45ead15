"""The vault's bench measures what it says: real readings, on record, of persons that are there."""

from pathlib import Path

from tidegate.bench import vault
from tidegate.bench.figures import Context
from tidegate.people.vault.events import FieldsRead
from tidegate.people.vault.reading import Reading


def context_in(folder: Path, *, quick: bool) -> Context:
    return Context(0.05, folder, 1, quick, lambda _share, _what: None)


def test_a_quick_round_has_names_that_meet_no_target(tmp_path: Path) -> None:
    figures = vault.run(context_in(tmp_path, quick=True)).figures
    names = {figure.name for figure in figures}
    assert "vault.quick_20000.p99_ms" in names
    assert "vault.read.p99_ms" not in names
    assert next(one.value for one in figures if one.name == "vault.quick_20000.persons") == 20_000


def test_readings_are_of_whole_values_and_on_record(tmp_path: Path) -> None:
    parts = vault.open_parts(tmp_path)
    tokens = vault.filled(parts, 50, context_in(tmp_path, quick=True))
    assert len(set(tokens)) == 50
    reading = Reading(parts)
    assert reading.read(vault.ASKING, tokens[7], ("phone",), whole=True) == {
        "phone": vault.phone_of(7)
    }
    assert reading.find(vault.ASKING, "phone", vault.phone_of(9)) == tokens[9]
    events = [recorded.event for recorded in parts.stream.after(0)]
    assert [event.fields for event in events if isinstance(event, FieldsRead)] == [("phone",)]
