"""What is corrected, over, asked to be erased or cut off: gone for good, and the rest whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.journal.protocol import StoreFull
from tidegate.people.vault.events import FieldsStored, PersonShredded
from tidegate.people.vault.parts import Asking, VaultInterrupted
from tidegate.people.vault.writing import NewValue
from tidegate.testing.vault_house import ANN, ANNS, BOB, DAY, OPERATOR, ORDER, House

TO_DELIVER = Asking(OPERATOR, "order.fulfil", ticket="order T-1")
WHOLE = {one.field: one.value for one in ANNS}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.fill()
    yield house
    house.vault.close()


# -- correcting and ends of purposes ---------------------------------------------------------------


def test_a_corrected_value_takes_the_place_of_the_old_one_and_its_key(house: House) -> None:
    house.vault.writing.store(OPERATOR, ANN, [NewValue("phone", "13700001111", ORDER)])
    read = house.vault.reading.read
    assert read(TO_DELIVER, ANN, ["phone"], whole=True) == {"phone": "13700001111"}
    assert house.vault.reading.find(TO_DELIVER, "phone", "13812345678") == 0
    assert house.vault.reading.find(TO_DELIVER, "phone", "13700001111") == ANN
    keys = house.vault.parts.keys
    assert (keys.key(ANN, 2, 1), keys.newest_number(ANN, 2)) == (None, 2)
    assert read(TO_DELIVER, ANN, ["account"], whole=True) == {"account": "ann-of-the-lake"}


def test_several_values_of_a_field_are_told_apart(house: House) -> None:
    at_work = NewValue("address", "上海市黄浦区人民大道200号", ORDER, "work")
    house.vault.writing.store(OPERATOR, ANN, [at_work])
    assert house.vault.reading.read(TO_DELIVER, ANN, ["address"], whole=True) == {
        "address": WHOLE["address"], "address:work": "上海市黄浦区人民大道200号",
    }  # fmt: skip
    erased = house.vault.erasing.erase_fields(OPERATOR, ANN, ["address:work"], "asked_for")
    assert erased.erased == ("address:work",)
    assert house.vault.reading.read(TO_DELIVER, ANN, ["address"], whole=True) == {
        "address": WHOLE["address"]
    }


def test_values_go_when_their_last_purpose_is_over(house: House) -> None:
    house.days.day = DAY + 180
    assert house.vault.erasing.retain(0) == (0, 0, False)
    house.days.day = DAY + 181  # orders are carried out; marketing runs for a year
    assert house.vault.erasing.retain(0) == (2, 5, False)
    assert [(one.name, one.purposes) for one in house.vault.reading.held(ANN)] == [
        ("account", {"marketing.push": DAY + 365}), ("phone", {"marketing.push": DAY + 365}),
        ("trade_name", {"tax.keep": DAY + 1095}),
    ]  # fmt: skip
    assert house.vault.reading.held(BOB) == []
    assert not house.vault.parts.keys.is_anybody(BOB)
    asking = Asking(OPERATOR, "marketing.push")
    assert house.vault.reading.read(asking, ANN, ["phone"], whole=True) == {"phone": "13812345678"}
    house.days.day = DAY + 1096
    assert house.vault.erasing.retain(0) == (1, 3, False)
    assert not house.vault.parts.keys.is_anybody(ANN)


# -- destroying ------------------------------------------------------------------------------------


def test_erasing_leaves_what_a_statute_asks_to_keep_and_only_keeps_it(house: House) -> None:
    erased = house.vault.erasing.erase(OPERATOR, ANN, "asked_for")
    assert erased.erased == ("account", "address", "name", "phone")
    assert erased.kept == (("trade_name", "tax.keep", "电子商务法 31", DAY + 1095),)
    assert [held.name for held in house.vault.reading.held(ANN)] == ["trade_name"]
    restriction = house.vault.reading.restriction(ANN)
    assert restriction is not None
    assert house.vault.reading.find(TO_DELIVER, "phone", "13812345678") == 0
    asking = Asking(OPERATOR, "tax.keep")
    assert house.vault.reading.read(asking, ANN, ["trade_name"], whole=True) == {
        "trade_name": "安湖静波商行"
    }


def test_a_class_is_destroyed_alone(house: House) -> None:
    house.vault.erasing.shred(OPERATOR, ANN, ["contact"], "consent_withdrawn")
    assert [held.name for held in house.vault.reading.held(ANN)] == [
        "account", "address", "name", "trade_name",
    ]  # fmt: skip
    assert house.vault.reading.find(TO_DELIVER, "phone", "13812345678") == 0
    assert house.vault.reading.find(TO_DELIVER, "account", "ann-of-the-lake") == ANN


def test_who_comes_back_is_not_buried_with_who_they_were(house: House) -> None:
    house.vault.erasing.shred(OPERATOR, BOB, (), "asked_for")
    house.vault.writing.store(OPERATOR, BOB, [NewValue("phone", "13655556666", ORDER)])
    read = house.reopen().reading.read
    assert read(TO_DELIVER, BOB, ["phone"], whole=True) == {"phone": "13655556666"}


@pytest.mark.parametrize("grave", ["keys", "cells", "index"])
def test_a_destruction_that_was_cut_off_is_finished_when_the_vault_is_opened(
    house: House, monkeypatch: pytest.MonkeyPatch, grave: str
) -> None:
    kind = type(getattr(house.vault.parts, grave))
    with monkeypatch.context() as patched:

        def cut_off(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(kind, "bury", cut_off)
        with pytest.raises(KeyboardInterrupt):
            house.vault.erasing.shred(OPERATOR, BOB, (), "asked_for")
        for file in (house.vault.parts.keys, house.vault.parts.cells, house.vault.parts.index):
            file.close()  # as a crash leaves them: nothing is noted as done
        house.vault.parts.stream.close()
    vault = house.open()
    assert [one.person for one in vault.buried] == ["b0b0000000000002"]
    assert vault.reading.held(BOB) == []
    assert not vault.parts.keys.is_anybody(BOB)
    assert vault.reading.find(TO_DELIVER, "phone", "13987654321") == 0
    assert vault.reading.read(TO_DELIVER, ANN, ["phone"]) == {"phone": "138****5678"}


@pytest.mark.parametrize("step", ["append", "replace_class", "end_replacing"])
def test_a_replacement_that_was_cut_off_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    parts = house.vault.parts
    owner = {"append": parts.log, "replace_class": parts.cells, "end_replacing": parts.keys}[step]
    with monkeypatch.context() as patched:

        def cut_off(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(type(owner), "note" if step == "append" else step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            house.vault.erasing.erase_fields(OPERATOR, ANN, ["name"], "asked_for")
        for file in (parts.keys, parts.cells, parts.index):
            file.close()
        parts.stream.close()
    read = house.open().reading.read
    assert read(TO_DELIVER, ANN, ["account"], whole=True) == {"account": "ann-of-the-lake"}
    assert house.vault.parts.keys.unfinished() == []
    house.vault.erasing.erase_fields(OPERATOR, ANN, ["name"], "asked_for")
    assert "name" not in [held.name for held in house.vault.reading.held(ANN)]
    assert house.vault.parts.keys.key(ANN, 1, 1) is None


@pytest.mark.parametrize("step", ["add", "drop"])
def test_whoever_was_not_entered_in_the_index_is_found_after_a_restart(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    parts = house.vault.parts
    values = [NewValue("phone", "13700001111", ORDER)]
    with monkeypatch.context() as patched:

        def cut_off(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(type(parts.index), step, cut_off)
        who = 7 if step == "add" else BOB  # somebody new, or another number of Bob's
        with pytest.raises(KeyboardInterrupt):
            house.vault.writing.store(OPERATOR, who, values)
        with pytest.raises(VaultInterrupted, match="cut off"):
            house.vault.writing.store(OPERATOR, ANN, values)
        assert house.vault.reading.read(TO_DELIVER, ANN, ["phone"]) == {"phone": "138****5678"}
        for file in (parts.keys, parts.cells, parts.index):
            file.close()
        parts.stream.close()
    house.open()
    assert house.vault.reading.find(TO_DELIVER, "phone", "13700001111") == who
    assert house.vault.reading.find(TO_DELIVER, "phone", "13812345678") == ANN
    old = house.vault.parts.index.bits_of("phone", "8613987654321", 18)
    assert house.vault.parts.index.candidates("phone", old) == ([BOB] if step == "add" else [])


def test_a_full_disk_interrupts_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise StoreFull(1, 2)

    values = [NewValue("phone", "13700001111", ORDER)]
    with monkeypatch.context() as patched:
        patched.setattr(type(house.vault.parts.stream), "append", full)
        with pytest.raises(StoreFull):
            house.vault.writing.store(OPERATOR, 7, values)
    house.vault.writing.store(OPERATOR, 7, values)
    assert house.vault.reading.find(TO_DELIVER, "phone", "13700001111") == 7


def test_events_name_nobody(house: House) -> None:
    house.vault.reading.read(TO_DELIVER, ANN, list(WHOLE)[:4], whole=True)
    house.vault.reading.find(TO_DELIVER, "phone", "13812345678")
    house.vault.erasing.erase(OPERATOR, ANN, "asked_for")
    said = "".join(str(event) for event in house.events())
    assert [value for value in WHOLE.values() if value in said] == []
    kinds = [type(event) for event in house.events()]
    assert kinds.count(FieldsStored) == 2
    assert kinds.count(PersonShredded) == 1
