"""The vault against a naive model: whatever happens, what was destroyed is never read again.

Stores, corrections, erasures, days, reopenings, and restores from copies of data and keys of
different days, with the newest tombstones. The model is a dictionary; every value is there once in
the whole history, so that a value that comes back is known.
"""

import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tidegate.people.vault import vault as opening
from tidegate.people.vault.events import PersonShredded
from tidegate.people.vault.key_backups import KeyBackups, take_back
from tidegate.people.vault.parts import Asking, VaultRefused
from tidegate.people.vault.tombstones import catch_up
from tidegate.people.vault.vault import RESTORED_FILE
from tidegate.people.vault.writing import NewValue
from tidegate.testing.vault_house import OPERATOR, House

PERSONS = (0x11, 0x22, 0x33)
FIELDS = ("phone", "account", "name", "trade_name")
PURPOSES = {
    "phone": ("order.fulfil", "marketing.push"), "account": ("order.fulfil",),
    "name": ("order.fulfil",), "trade_name": ("tax.keep",),
}  # fmt: skip
PERSON, FIELD = st.sampled_from(PERSONS), st.sampled_from(FIELDS)
DATA = ("vault.db", "vault-index.db", "journal.db", "tombstones.log")


class VaultMachine(RuleBasedStateMachine):
    """`held`: what must be readable; `gone`: what must never be again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-vault-"))
        self.house = House(self.folder)
        self.numbers = itertools.count(10_000_000)
        self.held: dict[tuple[int, str], tuple[str, dict[str, int]]] = {}
        self.gone: set[str] = set()
        self.copies: list[tuple[Path, dict[tuple[int, str], tuple[str, dict[str, int]]]]] = []
        self.keys: list[tuple[Path, set[str]]] = []
        self.lost: set[str] = set()  # stored after the copies that were restored: may be gone

    @initialize()
    def first(self) -> None:
        self.store(PERSONS[0], "phone")

    # -- what happens ----------------------------------------------------------------------------

    @rule(person=PERSON, field=FIELD)
    def store(self, person: int, field: str) -> None:
        """Take a value in, or put it in the place of another."""
        value = f"139{next(self.numbers)}"
        if (person, field) in self.held:
            self.gone.add(self.held[person, field][0])
        self.house.vault.writing.lift(OPERATOR, person, "again")
        self.house.vault.writing.store(OPERATOR, person, [NewValue(field, value, PURPOSES[field])])
        purposes = self.house.register.purposes
        today = self.house.days.day
        ends = {name: today + purposes[name].days for name in PURPOSES[field]}
        self.held[person, field] = (value, ends)

    @rule(person=PERSON)
    def erase(self, person: int) -> None:
        """Everything but what a statute asks to keep."""
        self.house.vault.erasing.erase(OPERATOR, person, "asked")
        for one, field in list(self.held):
            if one == person and not self._is_kept(field, self.held[one, field][1]):
                self.gone.add(self.held.pop((one, field))[0])

    @rule(person=PERSON, field=FIELD)
    def erase_field(self, person: int, field: str) -> None:
        """One value."""
        self.house.vault.erasing.erase_fields(OPERATOR, person, [field], "asked")
        found = self.held.get((person, field))
        if found is not None and not self._is_kept(field, found[1]):
            self.gone.add(self.held.pop((person, field))[0])

    @rule(person=PERSON)
    def shred(self, person: int) -> None:
        """Every key of a person."""
        self.house.vault.erasing.shred(OPERATOR, person, (), "asked")
        for one, field in list(self.held):
            if one == person:
                self.gone.add(self.held.pop((one, field))[0])

    @rule(days=st.sampled_from([1, 40, 185, 400]))
    def days_pass(self, days: int) -> None:
        """Time passes, and the daily job ends what is over."""
        self.house.days.day += days
        today = self.house.days.day
        self.house.vault.erasing.retain(0)
        for place, (value, ends) in list(self.held.items()):
            running = {name: day for name, day in ends.items() if day >= today}
            if running:
                self.held[place] = (value, running)
            else:
                self.gone.add(self.held.pop(place)[0])

    @rule()
    def reopen(self) -> None:
        """A restart."""
        self.house.reopen()

    # -- copies and restores -----------------------------------------------------------------------

    @rule()
    def copy_data(self) -> None:
        """A backup of everything but the keys, at rest."""
        self.house.vault.close()
        to = self.folder / f"data-{next(self.numbers)}"
        to.mkdir()
        for name in DATA:
            if (self.folder / "vault" / name).exists():
                shutil.copy(self.folder / "vault" / name, to)
        self.copies.append((to, dict(self.held)))
        self.house.open()

    @rule()
    def copy_keys(self) -> None:
        """A backup of the keys."""
        made = KeyBackups(self.house.vault.parts).make(
            OPERATOR, self.folder / f"keys-{next(self.numbers)}"
        )
        self.keys.append((made, {value for value, _ in self.held.values()}))

    @rule()
    def copy_both(self) -> None:
        """As a careful operator does."""
        self.copy_data()
        self.copy_keys()

    @precondition(lambda self: self.copies and self.keys)
    @rule(person=PERSON, data=st.integers(0, 9), keys=st.integers(0, 9))
    def shred_and_restore(self, person: int, data: int, keys: int) -> None:
        """The day after somebody left, the disk breaks."""
        self.shred(person)
        self.restore(data, keys)

    @precondition(lambda self: self.copies and self.keys)
    @rule(data=st.integers(0, 9), keys=st.integers(0, 9))
    def restore(self, data: int, keys: int) -> None:
        """Data of one day, keys of another, the newest tombstones."""
        usable = [one for one in self.keys if one[0].exists() and self._days_left(one[0]) >= 0]
        if not self.copies or not usable:
            return
        there, held_then = self.copies[data % len(self.copies)]
        backup, _ = usable[keys % len(usable)]
        self.house.vault.close()
        newest = (self.folder / "vault" / "tombstones.log").read_bytes() if (
            self.folder / "vault" / "tombstones.log"
        ).exists() else b""  # fmt: skip
        shutil.rmtree(self.folder / "vault")
        shutil.copytree(there, self.folder / "vault")
        take_back(backup, self.folder / "vault" / "vault-keys.db", self.house.days.day)
        (self.folder / "vault" / "tombstones.log").write_bytes(newest)
        (self.folder / "vault" / RESTORED_FILE).write_bytes(b"")
        self.house.open()
        self.house.vault.erasing.retain(0)
        self._believe(held_then)

    def _believe(self, held_then: dict[tuple[int, str], tuple[str, dict[str, int]]]) -> None:
        """Take over what the copies hold, once it is clear that nothing destroyed is among it."""
        found = {}
        for person in PERSONS:
            for one in self.house.vault.reading.held(person):
                value = self._read(person, one.field, dict(one.purposes))
                if value is not None:
                    assert value not in self.gone, "a restore brought somebody back"
                    found[person, one.field] = (value, dict(one.purposes))
        now = {value for value, _ in self.held.values()}
        assert {value for value, _ in found.values()} <= now | {
            value for value, _ in held_then.values()
        }
        self.held = found
        # What does not open now, for want of its key, is not destroyed for all that: leave it out.
        for person in PERSONS:
            stay = {field for one, field in found if one == person}
            for one in self.house.vault.reading.held(person):
                if one.field not in stay:
                    self.house.vault.erasing.shred(OPERATOR, person, (), "unreadable")
                    self.held = {
                        place: value for place, value in self.held.items() if place[0] != person
                    }
                    self.gone |= {value for (who, _), (value, _) in found.items() if who == person}
                    break
        self.copies.clear()  # the stream has forked: a copy of the other branch is another vault
        self.keys.clear()

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def what_is_held_is_what_the_model_says(self) -> None:
        for person in PERSONS:
            names = {one.field for one in self.house.vault.reading.held(person)}
            assert names == {field for one, field in self.held if one == person}
            restricted = self.house.vault.reading.restriction(person) is not None
            for field in names:
                value, ends = self.held[person, field]
                if not restricted or "tax.keep" in ends:
                    assert self._read(person, field, ends) == value

    @invariant()
    def nobody_is_found_by_what_is_gone(self) -> None:
        asking = Asking(OPERATOR, "order.fulfil")
        for (person, field), (value, ends) in self.held.items():
            if field == "phone" and "order.fulfil" in ends:
                assert self.house.vault.reading.find(asking, "phone", value) in {person, 0}
        for value in sorted(self.gone)[-3:]:
            assert self.house.vault.reading.find(asking, "phone", value) == 0

    def _read(self, person: int, field: str, ends: dict[str, int]) -> str | None:
        asking = Asking(OPERATOR, min(ends))
        try:
            return self.house.vault.reading.read(asking, person, [field], whole=True)[field]
        except VaultRefused as refused:
            if refused.reason in {"key_gone", "restricted"}:
                return None
            raise

    def _is_kept(self, field: str, ends: dict[str, int]) -> bool:
        return field == "trade_name" and ends["tax.keep"] >= self.house.days.day

    def _days_left(self, backup: Path) -> int:
        return int(backup.stem.rpartition("-")[2]) - self.house.days.day

    def teardown(self) -> None:
        events = self.house.events()
        shredded = [event for event in events if isinstance(event, PersonShredded)]
        assert all(len(event.person) == 16 for event in shredded)
        self.house.vault.close()
        shutil.rmtree(self.folder)


VaultMachine.TestCase.settings = settings(
    max_examples=12, stateful_step_count=16, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
TestVault = VaultMachine.TestCase


@pytest.mark.long
class TestVaultLong(VaultMachine.TestCase):  # type: ignore[misc,valid-type]
    """The same, longer."""

    settings = settings(VaultMachine.TestCase.settings, max_examples=400, stateful_step_count=40)


@pytest.mark.parametrize("taken_away", ["nothing", "all of it", "what was kept apart"])
def test_the_machine_notices_a_restore_that_forgets(
    monkeypatch: pytest.MonkeyPatch, taken_away: str
) -> None:
    """The control: without the tombstones a restore brings somebody back, and that is seen."""
    if taken_away == "all of it":
        monkeypatch.setattr(opening, "catch_up_after_restore", lambda *_: [])
    elif taken_away == "what was kept apart":
        monkeypatch.setattr(opening, "catch_up_after_restore", catch_up)
    machine = VaultMachine()
    machine.store(PERSONS[0], "phone")
    machine.store(PERSONS[1], "name")
    machine.copy_both()
    if taken_away == "nothing":
        machine.shred_and_restore(PERSONS[0], 0, 0)
        machine.what_is_held_is_what_the_model_says()
        assert list(machine.held) == [(PERSONS[1], "name")]
    else:
        with pytest.raises(AssertionError, match="brought somebody back"):
            machine.shred_and_restore(PERSONS[0], 0, 0)
    machine.teardown()
