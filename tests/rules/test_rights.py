"""Requests about one's own data: who asks is checked, deadlines run, refusals have their ground."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tidegate.people.rights.answers import as_html
from tidegate.people.rights.desk import RightsDesk, RightsRefused, item_of
from tidegate.people.rights.identity_check import CODE_TTL_MS
from tidegate.people.rights.places import PlaceFailed
from tidegate.people.rights.terms import EPOCH_ORDINAL, date_text, due_after, load_terms
from tidegate.people.vault.events import RequestMoved
from tidegate.people.vault.parts import Asking, VaultRefused
from tidegate.people.vault.writing import NewValue
from tidegate.testing.rights_house import ANN, BOB, OPERATOR, RightsHouse
from tidegate.testing.vault_house import ANNS, BOBS, DAY, ORDER

TO_DELIVER = Asking(OPERATOR, "order.fulfil")


@pytest.fixture
def rights(tmp_path: Path) -> Iterator[RightsHouse]:
    found = RightsHouse(tmp_path)
    found.fill()
    yield found
    found.close()


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL


@pytest.mark.parametrize(
    ("opened", "days", "due", "is_provisional"),
    [
        ("2026-11-24", 1, "2026-11-25", False),  # Tuesday to Wednesday
        ("2026-11-27", 1, "2026-11-30", False),  # over a weekend
        ("2026-09-30", 1, "2026-10-08", False),  # the national day, seven days off
        ("2026-10-09", 1, "2026-10-10", False),  # a Saturday that is worked
        ("2026-02-13", 2, "2026-02-24", False),  # worked on Saturday 14, then the spring festival
        ("2026-11-24", 15, "2026-12-15", False),
        ("2026-12-31", 1, "2027-01-01", True),  # a year that is not published yet
    ],
)
def test_deadlines_count_working_days_of_china(
    opened: str, days: int, due: str, is_provisional: bool
) -> None:
    found = due_after(day(opened), days)
    assert (date_text(found.day), found.is_provisional) == (due, is_provisional)


def test_every_kind_and_ground_names_its_law() -> None:
    terms = load_terms()
    assert [kind for kind, term in terms.kinds.items() if not term.law.startswith("PIPL ")] == []
    assert [kind for kind, term in terms.kinds.items() if not 1 <= term.working_days <= 30] == []
    assert [ground for ground, law in terms.refusals.items() if not law] == []


def reason_of(desk: RightsDesk, name: str, *given: object, **more: object) -> str:
    with pytest.raises(RightsRefused) as refused:
        getattr(desk, name)(*given, **more)
    return refused.value.reason


def test_a_request_has_its_deadline_and_its_words_lie_in_the_vault(rights: RightsHouse) -> None:
    request = rights.desk.open(OPERATOR, ANN, "delete", text="删除我的手机号 13812345678")
    assert (request.state, date_text(request.due_day)) == ("received", "2026-12-15")
    held = [one.name for one in rights.house.vault.reading.held(ANN)]
    assert f"rights_text:{item_of(request.id)}" in held
    assert b"13812345678" not in (rights.folder / "rights.db").read_bytes()
    moved = [event for event in rights.house.events() if isinstance(event, RequestMoved)]
    assert [(event.request, event.kind, event.state) for event in moved] == [
        (request.id, "delete", "received")
    ]


@pytest.mark.parametrize(
    ("kind", "asked_by", "reason"),
    [
        ("forget", "self", "unknown_kind"),
        ("kin", "kin", "unknown_kind"),
        ("kin.move", "kin", "unknown_kind"),
        ("delete.all", "self", "unknown_kind"),
        ("kin.delete", "self", "unknown_asker"),
        ("delete", "kin", "unknown_asker"),
        ("delete", "anybody", "unknown_asker"),
    ],
)
def test_what_there_is_not_cannot_be_asked_for(
    rights: RightsHouse, kind: str, asked_by: str, reason: str
) -> None:
    assert reason_of(rights.desk, "open", OPERATOR, ANN, kind, asked_by=asked_by) == reason


def test_nothing_happens_before_it_is_known_who_asks(rights: RightsHouse) -> None:
    for kind, call in (
        ("access", lambda one: rights.desk.show(OPERATOR, one)),
        ("delete", lambda one: rights.desk.delete(OPERATOR, one)),
        ("restrict", lambda one: rights.desk.restrict(OPERATOR, one)),
        ("correct", lambda one: rights.desk.correct(OPERATOR, one, [])),
        ("explain", lambda one: rights.desk.answer(OPERATOR, one, "so")),
    ):
        request = rights.desk.open(OPERATOR, ANN, kind)
        with pytest.raises(RightsRefused, match="identity_not_shown"):
            call(request.id)
    assert len(rights.house.vault.reading.held(ANN)) == len(ANNS)


def test_a_code_serves_once_for_ten_minutes_and_five_tries(rights: RightsHouse) -> None:
    desk, codes = rights.desk, rights.codes
    request = desk.open(OPERATOR, ANN, "access")
    codes.send(request, "sms")
    (to, code), wrong = rights.sent[-1], "x"
    assert to == ANN
    assert reason_of(desk, "identify", 0, request.id, "code", wrong) == "identity_not_shown"
    assert desk.identify(0, request.id, "code", code).checked_by == "one_time_code"
    assert reason_of(desk, "identify", 0, request.id, "code", code) == "identity_not_shown"
    codes.send(request, "sms")
    for _ in range(5):
        assert reason_of(desk, "identify", 0, request.id, "code", wrong) == "identity_not_shown"
    late = rights.sent[-1][1]
    assert reason_of(desk, "identify", 0, request.id, "code", late) == "identity_not_shown"
    codes.send(request, "sms")
    before = rights.house.days.now_ms()
    rights.house.days.now_ms = lambda: before + CODE_TTL_MS + 1  # type: ignore[method-assign]
    rights.codes._now_ms = rights.house.days.now_ms
    assert (
        reason_of(desk, "identify", 0, request.id, "code", rights.sent[-1][1])
        == "identity_not_shown"
    )


def test_a_code_for_one_request_opens_no_other(rights: RightsHouse) -> None:
    one, other = (rights.desk.open(OPERATOR, who, "access") for who in (ANN, BOB))
    rights.codes.send(one, "sms")
    assert (
        reason_of(rights.desk, "identify", 0, other.id, "code", rights.sent[-1][1])
        == "identity_not_shown"
    )


def test_refusing_needs_a_ground_and_a_reason_and_names_the_court(rights: RightsHouse) -> None:
    request = rights.desk.open(OPERATOR, ANN, "delete")
    refuse = (rights.desk, "refuse", OPERATOR, request.id)
    assert reason_of(*refuse, "because", "no") == "reason_missing"
    assert reason_of(*refuse, "kept_by_law", " ") == "reason_missing"
    assert reason_of(*refuse, "kept_by_law", "call 13812345678") == "personal_text"
    ended = rights.desk.refuse(OPERATOR, request.id, "kept_by_law", "the tax file of the year")
    assert (ended.state, ended.why) == ("refused", "kept_by_law")
    assert ended.document["law"] == "PIPL 47"
    assert "人民法院" in ended.document["court"]["zh"]
    assert reason_of(*refuse, "kept_by_law", "again") == "ended"


def test_access_shows_everything_with_why_and_who_read_it(rights: RightsHouse) -> None:
    rights.house.vault.reading.read(TO_DELIVER, ANN, ["phone"])
    document = rights.desk.show(OPERATOR, rights.identified(ANN, "access").id)
    assert {one["name"]: one["value"] for one in document["held"]} == {
        one.field: one.value for one in ANNS
    }
    phone = next(one for one in document["held"] if one["name"] == "phone")
    assert [(one["purpose"], one["until"], one["basis"]) for one in phone["purposes"]] == [
        ("marketing.push", "2027-11-24", "consent"), ("order.fulfil", "2027-05-23", "contract"),
    ]  # fmt: skip
    assert [(one["purpose"], one["fields"], one["masked"]) for one in document["readings"][:1]] == [
        ("order.fulfil", ["phone"], True)
    ]
    assert document["elsewhere"]["identity table"] == [{"what": "keyed hashes", "number": 3}]
    assert BOBS[1].value not in json.dumps(document, ensure_ascii=False)
    assert "13812345678" in as_html("副本", document)
    (request,) = rights.store.of(ANN)
    assert (request.state, "13812345678" in request.outcome) == ("done", False)


def test_only_what_the_person_gave_may_be_taken_along(rights: RightsHouse) -> None:
    document = rights.desk.show(OPERATOR, rights.identified(ANN, "move").id)
    assert [one["field"] for one in document["data"]] == ["account", "address", "name", "phone"]


def test_only_what_is_held_is_corrected(rights: RightsHouse) -> None:
    request = rights.identified(ANN, "correct")
    device = [NewValue("device", "d-1", ("limits.count",))]
    assert reason_of(rights.desk, "correct", OPERATOR, request.id, device) == "not_held"
    right = [NewValue("name", "安湖静", ORDER)]
    assert rights.desk.correct(OPERATOR, request.id, right).document == {"corrected": ["name"]}
    read = rights.house.vault.reading.read(TO_DELIVER, ANN, ["name"], whole=True)
    assert read == {"name": "安湖静"}


def test_restricting_stops_reading_and_lifting_starts_it(rights: RightsHouse) -> None:
    rights.desk.restrict(OPERATOR, rights.identified(ANN, "restrict").id)
    with pytest.raises(VaultRefused, match="restricted"):
        rights.house.vault.reading.read(TO_DELIVER, ANN, ["phone"])
    rights.desk.restrict(OPERATOR, rights.identified(ANN, "lift").id)
    assert rights.house.vault.reading.read(TO_DELIVER, ANN, ["phone"]) == {"phone": "138****5678"}


def test_an_explanation_says_what_the_register_says(rights: RightsHouse) -> None:
    request = rights.identified(ANN, "explain")
    ended = rights.desk.answer(OPERATOR, request.id, "your order is delivered with it")
    assert [one["purpose"] for one in ended.document["register"]] == [
        "marketing.push", "order.fulfil", "tax.keep",
    ]  # fmt: skip


def test_next_of_kin_show_that_they_are(rights: RightsHouse) -> None:
    request = rights.desk.open(OPERATOR, ANN, "kin.delete", asked_by="kin")
    identify = (rights.desk, "identify", OPERATOR, request.id, "operator")
    assert reason_of(*identify, "document_seen") == "identity_not_shown"
    rights.desk.identify(OPERATOR, request.id, "operator", "kinship_shown")
    assert rights.desk.delete(OPERATOR, request.id).state == "done"


def test_open_requests_are_shown_when_their_last_day_is_near(rights: RightsHouse) -> None:
    request = rights.desk.open(OPERATOR, ANN, "explain")
    assert rights.desk.overdue() == []
    rights.house.days.day = request.due_day - 3
    assert rights.desk.overdue() == [(request.id, "explain", "2026-12-15", 3)]
    rights.house.days.day = request.due_day + 1
    assert rights.desk.overdue()[0].days_left == -1
    rights.desk.withdraw(OPERATOR, request.id)
    assert rights.desk.overdue() == []


def test_a_place_that_fails_keeps_the_request_open_and_it_is_done_again(
    rights: RightsHouse,
) -> None:
    (rights.logs / "serve.log").write_text("buyer 13812345678 called\n")
    request = rights.identified(ANN, "delete")
    with pytest.raises(PlaceFailed, match="plain value"):
        rights.desk.delete(OPERATOR, request.id)
    assert rights.desk.get(request.id).state == "identified"
    assert len(rights.house.vault.reading.held(ANN)) == len(ANNS)
    (rights.logs / "serve.log").write_text("buyer called\n")
    assert rights.desk.delete(OPERATOR, request.id).state == "done"


def test_files_that_people_exchange_lose_the_person_and_nobody_else(rights: RightsHouse) -> None:
    sheet = rights.exports / "orders.csv"
    sheet.write_bytes(
        "T-1,安湖静波,13812345678\nT-2,王,13987654321\nT-3,安湖静波,13500000000\n".encode("gb18030")
    )
    packed = rights.exports / "orders.bin"
    packed.write_bytes(b"\0ann-of-the-lake\0")
    rights.desk.delete(OPERATOR, rights.identified(ANN, "delete").id)
    assert sheet.read_bytes().decode("gb18030") == (
        "T-1,****,****\nT-2,王,13987654321\nT-3,安湖静波,13500000000\n"  # another of that name
    )
    assert not packed.exists()


def test_a_product_of_the_same_name_keeps_nobody_s_request_open(rights: RightsHouse) -> None:
    (rights.logs / "catalogue.db").write_text("安湖静波商行 rice wine, 安湖静波")
    assert rights.desk.delete(OPERATOR, rights.identified(ANN, "delete").id).state == "done"


def test_the_certificate_names_places_laws_and_both_last_days(rights: RightsHouse) -> None:
    from tidegate.people.vault.key_backups import KeyBackups

    backups = KeyBackups(rights.house.vault.parts)
    backups.make(OPERATOR, rights.folder / "keys-elsewhere")
    request = rights.identified(ANN, "delete")
    document = rights.desk.delete(OPERATOR, request.id).document
    assert document["erased"] == ["account", "address", "name", "phone"]
    assert [(one["name"], one["law"], one["until"]) for one in document["kept_by_law"]] == [
        ("trade_name", "电子商务法 31", "2029-11-23")
    ]
    assert [(one["place"], one["found"], one["kept"]) for one in document["places"]] == [
        ("files of channels", 0, 0), ("logs", 0, 0), ("identity table", 3, 3), ("vault", 5, 1),
    ]  # fmt: skip
    assert (document["limit_period_end"], document["key_backups_end"]) == (
        date_text(DAY + 20), date_text(DAY + 30),
    )  # fmt: skip
    assert (document["complete_after"], document["confirmed"]) == (date_text(DAY + 30), "")
    rights.house.days.day = DAY + 30
    assert rights.desk.complete() == []
    rights.house.days.day = DAY + 31
    assert rights.desk.complete() == []  # nobody has swept yet, and the copy is still there
    rights.identity.sweep(lambda: None)
    backups.expire()
    assert rights.desk.complete() == [request.id]
    assert rights.desk.get(request.id).document["confirmed"] == "2026-12-25T10:00:00Z"
