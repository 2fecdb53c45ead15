"""The vault's rules: nothing without a purpose, nothing unsaid, nothing readable elsewhere."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tidegate.people.vault.events import FieldsRead, PersonFound
from tidegate.people.vault.parts import Asking, VaultRefused
from tidegate.people.vault.root_key import RootKeyUnusable
from tidegate.people.vault.writing import NewValue
from tidegate.testing.vault_house import ANN, ANNS, BOB, DAY, DAY_MS, OPERATOR, ORDER, House

TO_DELIVER = Asking(OPERATOR, "order.fulfil", ticket="order T-1")
WHOLE = {one.field: one.value for one in ANNS}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.fill()
    yield house
    house.vault.close()


def refusal(work: Callable[[], object]) -> str:
    """The reason of a refusal."""
    with pytest.raises(VaultRefused) as refused:
        work()
    return refused.value.reason


def test_values_are_masked_unless_the_whole_is_asked_for(house: House) -> None:
    read = house.vault.reading.read
    assert read(TO_DELIVER, ANN, ["phone", "name", "address", "account"]) == {
        "account": "a****e", "address": "浙江省杭州市****", "name": "安***", "phone": "138****5678",
    }  # fmt: skip
    assert read(TO_DELIVER, ANN, ["phone"], whole=True) == {"phone": "13812345678"}


def test_a_reading_is_on_record_with_who_why_and_on_which_ground(house: House) -> None:
    house.vault.reading.read(TO_DELIVER, ANN, ["phone"], whole=True)
    assert house.events()[-1] == FieldsRead(
        DAY * DAY_MS + 36_000_000, "000000000000000a", "a1a1000000000001", "order.fulfil",
        "contract", ("phone",), "rule 1.0", ticket="order T-1", is_masked=False,
    )  # fmt: skip
    assert house.gate.asked[-1] == (
        ANN, "order.fulfil", frozenset({"phone"}), "", "", DAY * DAY_MS + 36_000_000
    )  # fmt: skip
    assert house.vault.reading.readers(ANN) == [house.events()[-1]]


def test_what_cannot_be_put_on_record_is_not_handed_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError("no room")

    monkeypatch.setattr(type(house.vault.parts.stream), "append", full)
    with pytest.raises(OSError, match="no room"):
        house.vault.reading.read(TO_DELIVER, ANN, ["phone"])


STORE_REFUSALS = {
    "purpose_missing": [NewValue("phone", "13812345678", ())],
    "wrong_purpose": [NewValue("address", "somewhere", ("marketing.push",))],
    "unknown_purpose": [NewValue("phone", "13812345678", ("fun",))],
    "unknown_field": [NewValue("face", "x", ORDER)],
    "malformed": [NewValue("phone", "", ORDER)],
    "handle_needed": [NewValue("platform_recipient", "王小明 13812345678", ORDER)],
    "gate:consent_missing": [NewValue("phone", "13812345678", ("marketing.push",))],
}


@pytest.mark.parametrize("reason", STORE_REFUSALS)
def test_what_may_not_be_stored_is_refused_and_on_record(house: House, reason: str) -> None:
    house.gate.refused[7, "marketing.push"] = "consent_missing"
    values = STORE_REFUSALS[reason]
    assert refusal(lambda: house.vault.writing.store(OPERATOR, 7, values)) == reason
    assert [event.reason for event in house.refusals()] == [reason]
    assert house.vault.reading.held(7) == []


def test_the_table_itself_refuses_a_value_without_a_purpose(house: House) -> None:
    cell = house.vault.parts.cells.of(ANN)[0]
    with pytest.raises(sqlite3.IntegrityError, match="purposes"):
        house.vault.parts.cells.add([cell._replace(person=7, purposes="")])


def test_a_handle_of_a_platform_is_kept_as_it_is(house: House) -> None:
    handle = NewValue("platform_recipient", "rcp_9fKq2-77ab==", ORDER)
    house.vault.writing.store(OPERATOR, 7, [handle])
    found = house.vault.reading.read(TO_DELIVER, 7, ["platform_recipient"], whole=True)
    assert found == {"platform_recipient": "rcp_9fKq2-77ab=="}


def test_a_purpose_that_needs_an_assessment_waits_for_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    security = house.register.purposes["security.keep"]
    security = msgspec.structs.replace(security, needs_assessment=True)
    house.vault.close()
    house.register = msgspec.structs.replace(
        house.register, purposes=house.register.purposes | {"security.keep": security}
    )
    house.open()
    values = [NewValue("phone", "13812345678", ("security.keep",))]
    assert refusal(lambda: house.vault.writing.store(OPERATOR, 7, values)) == "assessment_missing"
    house.assessed = lambda purpose: purpose == "security.keep"
    house.reopen().writing.store(OPERATOR, 7, values)
    assert [held.name for held in house.vault.reading.held(7)] == ["phone"]
    house.vault.close()


def wrong_purpose(house: House) -> None:
    house.vault.reading.read(Asking(OPERATOR, "marketing.push"), BOB, ["phone"])


def basis_expired(house: House) -> None:
    house.days.day += 181
    house.vault.reading.read(TO_DELIVER, ANN, ["phone"])


def restricted(house: House) -> None:
    house.vault.writing.restrict(OPERATOR, ANN, "asked_for")
    house.vault.reading.read(TO_DELIVER, ANN, ["phone"])


def gate_refuses(house: House) -> None:
    house.gate.refused[ANN, "order.fulfil"] = "consent_withdrawn"
    house.vault.reading.read(TO_DELIVER, ANN, ["phone"])


def not_held(house: House) -> None:
    house.vault.reading.read(TO_DELIVER, 7, ["phone"])


def own_data_without_a_request(house: House) -> None:
    house.vault.reading.read(Asking(OPERATOR, "rights.answer"), ANN, ["phone"], whole=True)


def personal_ticket(house: House) -> None:
    house.vault.reading.read(TO_DELIVER._replace(ticket="for 13812345678"), ANN, ["phone"])


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (wrong_purpose, "wrong_purpose"),
        (basis_expired, "basis_expired"),
        (restricted, "restricted"),
        (gate_refuses, "gate:consent_withdrawn"),
        (not_held, "not_held"),
        (personal_ticket, "personal_text"),
        (own_data_without_a_request, "request_needed"),
    ],
)
def test_what_may_not_be_read_is_refused_and_on_record(
    house: House, attempt: Callable[[House], None], reason: str
) -> None:
    assert refusal(lambda: attempt(house)) == reason
    assert [event.reason for event in house.refusals()] == [reason]
    assert [event for event in house.events() if isinstance(event, FieldsRead)] == []


def test_what_is_restricted_is_read_for_what_the_law_asks_and_as_before_when_lifted(
    house: House,
) -> None:
    house.vault.writing.restrict(OPERATOR, ANN, "asked_for")
    read = house.vault.reading.read
    assert read(Asking(OPERATOR, "tax.keep"), ANN, ["trade_name"]) == {"trade_name": "安***"}
    house.vault.writing.lift(OPERATOR, ANN, "asked_for")
    assert read(TO_DELIVER, ANN, ["phone"]) == {"phone": "138****5678"}


# -- somebody writes in the files ------------------------------------------------------------------


def change(house: House, file: str, *statements: str) -> None:
    """Change a closed vault's file as somebody with the disk would."""
    house.vault.close()
    connection = sqlite3.connect(house.folder / "vault" / file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    house.open()


def hexed(person: int) -> str:
    return f"x'{person:016x}'"


def swap(table: str, column: str, one: str, other: str) -> str:
    """Two rows change places in one column."""
    return (
        f"UPDATE {table} SET {column} = (SELECT b.{column} FROM {table} b WHERE b.rowid <>"
        f" {table}.rowid AND ({one} OR {other})) WHERE {one} OR {other}"
    )


ANNS_PHONE = f"(person = {hexed(ANN)} AND field = 'phone')"
BOBS_PHONE = f"(person = {hexed(BOB)} AND field = 'phone')"
ANNS_NAME = f"(person = {hexed(ANN)} AND field = 'name')"
ANNS_KEY = f"(person = {hexed(ANN)} AND data_class = 2)"
BOBS_KEY = f"(person = {hexed(BOB)} AND data_class = 2)"
TAMPERINGS = {
    "cell of another person": ("vault.db", swap("cell", "sealed", ANNS_PHONE, BOBS_PHONE)),
    "cell of another field": ("vault.db", swap("cell", "sealed", ANNS_PHONE, ANNS_NAME)),
    "key of another person": ("vault-keys.db", swap("slot", "wrapped", ANNS_KEY, BOBS_KEY)),
    "cut short": ("vault.db", f"UPDATE cell SET sealed = substr(sealed, 1, 20) WHERE {ANNS_PHONE}"),
    "a bit less": (
        "vault.db", f"UPDATE cell SET sealed = substr(sealed, 1, 39) WHERE {ANNS_PHONE}"
    ),
    "a purpose added": (
        "vault.db", f"UPDATE cell SET purposes = 'x@30000 ' || purposes WHERE {ANNS_PHONE}"
    ),
    "a longer life": (
        "vault.db",
        f"UPDATE cell SET purposes = 'marketing.push@30000 order.fulfil@30000' WHERE {ANNS_PHONE}",
    ),
    "an older version": ("vault.db", f"UPDATE cell SET version = 2 WHERE {ANNS_PHONE}"),
}  # fmt: skip


@pytest.mark.parametrize("how", TAMPERINGS)
def test_what_was_changed_in_the_files_does_not_open_and_is_on_record(
    house: House, how: str
) -> None:
    change(house, *TAMPERINGS[how])
    asked = ["phone", "name"]
    assert refusal(lambda: house.vault.reading.read(TO_DELIVER, ANN, asked)) == "tampered"
    read_whole = lambda: house.vault.reading.read(TO_DELIVER, ANN, asked, whole=True)  # noqa: E731
    assert refusal(read_whole) == "tampered"
    assert [(event.reason, event.person) for event in house.refusals()] == [
        ("tampered", "a1a1000000000001")
    ] * 2


def test_a_purpose_that_was_written_over_another_is_refused_before_anything_opens(
    house: House,
) -> None:
    change(
        house, "vault.db",
        f"UPDATE cell SET purposes = 'after.sales@30000' WHERE {ANNS_PHONE}",
    )  # fmt: skip
    assert refusal(lambda: house.vault.reading.read(TO_DELIVER, ANN, ["phone"])) == "wrong_purpose"
    asking = Asking(OPERATOR, "after.sales")
    assert refusal(lambda: house.vault.reading.read(asking, ANN, ["phone"])) == "tampered"


def test_another_root_key_opens_nothing(house: House) -> None:
    house.vault.close()
    root = house.folder / "secrets" / "vault-root.key"
    kept = root.read_bytes()
    root.write_bytes(bytes(32))
    with pytest.raises(RootKeyUnusable, match="another root key"):
        house.open()
    root.unlink()
    with pytest.raises(RootKeyUnusable, match="is missing"):
        house.open()
    root.write_bytes(kept)
    root.chmod(0o600)
    house.open()


# -- finding ---------------------------------------------------------------------------------------


def test_a_person_is_found_by_any_spelling_of_a_value_and_that_is_on_record(house: House) -> None:
    find = house.vault.reading.find
    assert find(TO_DELIVER, "phone", "+86 138-1234-5678") == ANN
    assert find(TO_DELIVER, "phone", "13800000000") == 0
    found = [event for event in house.events() if isinstance(event, PersonFound)]
    assert [(event.person, event.field) for event in found] == [
        ("a1a1000000000001", "phone"), ("", "phone"),
    ]  # fmt: skip
    assert (
        refusal(lambda: find(TO_DELIVER, "address", "浙江省杭州市西湖区文三路90号"))
        == "not_indexed"
    )


def test_those_who_share_an_entry_are_told_apart_by_their_own_values(house: House) -> None:
    index = house.vault.parts.index
    bits = index.bits_of("phone", "8613812345678", 18)
    entry = index.candidates("phone", bits)
    assert entry == [ANN]
    from tidegate.people.vault.blind_index import Entry

    index.add([Entry("phone", bits, BOB, 2)])
    assert index.candidates("phone", bits) == [ANN, BOB]
    assert house.vault.reading.find(TO_DELIVER, "phone", "13812345678") == ANN
