"""Take a guard of the vault away, and a test of its rules notices.

Always the very tests of tests/rules, run again with the guard gone; each must fail.
"""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tidegate.people.vault import reading
from tidegate.people.vault import vault as opening
from tidegate.people.vault.cells import CellStore
from tidegate.people.vault.erasing import Erasing
from tidegate.people.vault.key_store import KeyStore
from tidegate.people.vault.parts import VaultParts, VaultRefused
from tidegate.people.vault.reading import Reading
from tidegate.people.vault.register import PurposeEnds
from tidegate.people.vault.sealing import CellPlace
from tidegate.people.vault.stream import EventStream
from tidegate.people.vault.writing import Writing
from tidegate.testing.vault_house import House

RULES = Path(__file__).parents[1] / "rules"
READING, ERASING = "test_vault.py", "test_vault_erasing.py"


def nothing(*_: object, **__: object) -> None:
    return None


def evidence(*_: object) -> str:
    return "whoever asks"


def zero(*_: object) -> int:
    return 0


def unbound(*_: object) -> bytes:
    return b"anywhere"


def itself(given: object, *_: object) -> object:
    return given


def empty(*_: object) -> list[object]:
    return []


def shown(_: str, value: str) -> str:
    return value


# How a test fails: it finds something else, nothing, or somebody's data lost.
NOTICED = (AssertionError, IndexError, VaultRefused, pytest.fail.Exception)


class Control(NamedTuple):
    """A guard, what stands in its place, and the test that must fail."""

    owner: object
    name: str
    weaker: Callable[..., object]
    file: str
    test: str
    given: tuple[str, ...] = ()


READ = "test_what_may_not_be_read_is_refused_and_on_record"
CUT_OFF = "test_a_destruction_that_was_cut_off_is_finished_when_the_vault_is_opened"
REPLACED = "test_a_replacement_that_was_cut_off_loses_nothing"
CHANGED = "test_what_was_changed_in_the_files_does_not_open_and_is_on_record"
CONTROLS = [
    Control(Reading, "_require_bound", nothing, READING, READ, ("wrong_purpose", "wrong_purpose")),
    Control(Reading, "_require_bound", nothing, READING, READ, ("basis_expired", "basis_expired")),
    Control(VaultParts, "ask_gate", evidence, READING, READ,
            ("gate_refuses", "gate:consent_withdrawn")),
    Control(CellStore, "restriction", nothing, READING, READ, ("restricted", "restricted")),
    Control(EventStream, "append", zero, READING,
            "test_a_reading_is_on_record_with_who_why_and_on_which_ground"),
    Control(reading, "masked", shown, READING,
            "test_values_are_masked_unless_the_whole_is_asked_for"),
    Control(Writing, "_require_sound", nothing, READING,
            "test_what_may_not_be_stored_is_refused_and_on_record", ("handle_needed",)),
    Control(CellPlace, "bound", unbound, READING, CHANGED, ("a longer life",)),
    Control(CellPlace, "bound", unbound, READING, CHANGED, ("an older version",)),
    Control(KeyStore, "_destroy", zero, ERASING,
            "test_a_corrected_value_takes_the_place_of_the_old_one_and_its_key"),
    Control(PurposeEnds, "running", itself, ERASING,
            "test_values_go_when_their_last_purpose_is_over"),
    Control(Erasing, "_kept_of", empty, ERASING,
            "test_erasing_leaves_what_a_statute_asks_to_keep_and_only_keeps_it"),
    Control(opening, "catch_up", empty, ERASING, CUT_OFF, ("keys",)),
    Control(Writing, "mend", zero, ERASING, REPLACED, ("replace_class",)),
    Control(Writing, "reindex", nothing, ERASING,
            "test_whoever_was_not_entered_in_the_index_is_found_after_a_restart", ("add",)),
]  # fmt: skip


def run(control: Control, house: House) -> None:
    """Run the test that watches that guard, as pytest would."""
    module = runpy.run_path(str(RULES / control.file))
    test = module[control.test]
    code = test.__code__
    names = code.co_varnames[: code.co_argcount]
    given: dict[str, Any] = {"house": house}
    rest = [name for name in names if name not in {"house", "monkeypatch"}]
    given |= {
        name: module.get(value, value) if name == "attempt" else value
        for name, value in zip(rest, control.given, strict=True)
    }
    with pytest.MonkeyPatch.context() as patch:
        if "monkeypatch" in names:
            given["monkeypatch"] = patch
        test(**given)


@pytest.mark.parametrize(
    "control", CONTROLS, ids=[f"{one.name}-{'-'.join(one.given) or one.file}" for one in CONTROLS]
)
def test_a_missing_guard_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, control: Control
) -> None:
    whole = House(tmp_path / "whole")
    whole.fill()
    run(control, whole)
    whole.vault.close()
    monkeypatch.setattr(control.owner, control.name, control.weaker)
    weak = House(tmp_path / "weak")
    weak.fill()
    with pytest.raises(NOTICED):
        run(control, weak)
