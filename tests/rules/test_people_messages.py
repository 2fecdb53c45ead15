"""Messages to persons: the gate twice, keys that count once, nothing kept of whom it went to."""

import email
import email.policy
import os
import runpy
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.people.messages import outbox as ob
from tidegate.people.messages.outbox import KeyReused
from tidegate.people.messages.port import MessageRefused, Wanted
from tidegate.testing.people_house import ACTOR, PUSH

_house = runpy.run_path(str(Path(__file__).with_name("messages_house.py")))
house, mails, sms = _house["house"], _house["mails"], _house["sms"]  # fixtures
kinds, newest = _house["kinds"], _house["newest"]
ANN, BEN, CAT = _house["ANN"], _house["BEN"], _house["CAT"]
MAIL, PHONE, VALUES = _house["MAIL"], _house["PHONE"], _house["VALUES"]
House = Mails = Sms = Anything = Any  # messages_house.py has the classes


def test_a_mail_about_an_order_arrives_with_its_sender(house: House, mails: Mails) -> None:
    row = house.send(ANN, key="order T-1 shipped")
    assert (row.state, row.purpose, row.is_marketing) == (ob.QUEUED, "order.fulfil", False)
    assert house.turn()._asdict() == {
        "sent": 1, "stopped": 0, "refused": 0, "later": 0, "unknown": 0, "lapsed": 0,
    }  # fmt: skip
    ((to, content),) = mails.mails
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert to == mail["To"] == MAIL
    assert (mail["Subject"], mail["From"]) == (
        "订单 T-1 已发货", "示例酒业网店 <shop@example.com>",
    )  # fmt: skip
    key = sha256(b"order T-1 shipped").hexdigest()
    assert mail["Message-ID"] == f"<{key[:32]}@example.com>"
    assert mail["List-Unsubscribe"] is None
    assert mail.get_content().splitlines() == [
        "您的订单 T-1 已于 2026-10-28 发货。", "", "示例酒业网店 · 店铺客服邮箱",
    ]  # fmt: skip
    assert kinds(house) == ["message.queued", "message.sent"]
    event = newest(house)
    assert (event["message"], event["code"]) == (key, "250")
    assert event["evidence"].startswith("order.fulfil: PIPL 13(2), notice main@1")
    assert house.outbox.counts()["sent"] == 1


def test_neither_record_nor_outbox_knows_an_address(house: House, mails: Mails, sms: Sms) -> None:
    house.agree(ANN, PUSH)
    for channel in ("mail", "sms"):
        house.send(ANN, "spring", channel)
        house.send(ANN, "shipped", channel)
    assert house.turn().sent == 4
    house.outbox.close()
    said = b"".join(entry.payload for entry in house.store.entries)
    for name in os.listdir(house.folder):
        said += (house.folder / name).read_bytes()
    assert MAIL.encode() not in said
    assert PHONE.encode() not in said
    assert b"T-1" in said
    house.open_port()


def test_marketing_says_who_sends_and_how_to_stop_it(house: House, mails: Mails, sms: Sms) -> None:
    house.agree(ANN, PUSH)
    house.send(ANN, "spring", "mail")
    house.send(ANN, "spring", "sms")
    assert house.turn().sent == 2
    mail = email.message_from_bytes(mails.mails[0][1], policy=email.policy.default)
    assert mail["List-Unsubscribe"] == "<mailto:stop@example.com>"
    assert "点击邮件底部的退订链接" in mail.get_content()
    (document,) = sms.sent.values()
    assert document["to"] == PHONE
    assert document["text"].splitlines() == [
        "全场八折", "", "示例酒业网店 · 店铺客服热线", "回复 R 退订",
    ]  # fmt: skip


def test_nothing_is_queued_that_the_gate_refuses(house: House, mails: Mails) -> None:
    with pytest.raises(MessageRefused) as no:
        house.send(ANN, "spring")
    assert (no.value.reason, no.value.article[:4]) == ("consent_missing", "PIPL")
    assert newest(house)["kind"] == "message.stopped"
    assert newest(house)["reason"] == "consent_missing"
    assert sum(house.outbox.counts().values()) == 0


def test_a_withdrawal_between_queueing_and_sending_stops_it(house: House, mails: Mails) -> None:
    house.agree(ANN, PUSH)
    row = house.send(ANN, "spring")
    house.withdraw(ANN, PUSH)
    assert house.turn().stopped == 1
    assert (mails.mails, house.outbox.get(row.id).reason) == ([], "consent_withdrawn")
    assert newest(house)["reason"] == "consent_withdrawn"


def test_a_withdrawal_while_the_address_is_read_stops_it_too(house: House, mails: Mails) -> None:
    house.agree(ANN, PUSH)
    house.send(ANN, "spring")
    read = house.table.address

    def address(*asked: Anything) -> str:
        house.withdraw(ANN, PUSH)
        return str(read(*asked))

    house.table.address = address
    assert (house.turn().stopped, mails.mails) == (1, [])


def test_in_quiet_hours_it_waits_for_the_morning_or_lapses(house: House, mails: Mails) -> None:
    house.agree(ANN, PUSH)
    house.later(hours=11)  # 23:00
    row = house.send(ANN, "spring")
    assert house.turn().sent == 0
    assert house.outbox.get(row.id).due_ms == house.now_ms + 10 * 3_600_000  # mail: from 9:00
    house.later(hours=9)
    assert house.turn() == (0, 0, 0, 0, 0, 0)
    house.later(hours=1)
    assert house.turn().sent == 1
    evening = house.send(ANN, "spring", key="evening")
    house.later(hours=12.5)  # queued by day, its turn comes at 21:30
    assert house.turn().later == 1
    now = house.outbox.get(evening.id)
    assert (now.reason, now.due_ms) == ("quiet_hours", house.now_ms + int(11.5 * 3_600_000))
    house.later(hours=-12.5)
    house.outbox.mark(evening.id, ob.DROPPED, house.now_ms)
    late = house.send(ANN, "spring", key="late")
    house.later(hours=24)
    assert (house.turn().lapsed, house.outbox.get(late.id).state) == (1, ob.LAPSED)


def test_no_more_than_was_agreed(house: House, sms: Sms) -> None:
    house.agree(ANN, PUSH)
    for number in range(3):  # all before the first has left
        house.send(ANN, "spring", "sms", key=f"k{number}")
    turn = house.turn()
    assert (turn.sent, turn.stopped, len(sms.sent)) == (2, 1, 2)
    assert house.outbox.in_state(ob.STOPPED)[0].reason == "frequency_exceeded"


def test_a_key_counts_once(house: House, mails: Mails) -> None:
    first = house.send(ANN, key="once")
    assert house.send(ANN, key="once") == first
    with pytest.raises(KeyReused):
        house.port.send(
            Wanted("once", ANN, "shipped", "mail", "zh-CN", VALUES | {"order": "T-2"}), ACTOR
        )
    house.turn()
    assert house.send(ANN, key="once").state == ob.SENT
    assert (house.turn().sent, len(mails.mails)) == (0, 1)


def test_who_has_no_address_gets_nothing(house: House, mails: Mails) -> None:
    row = house.send(BEN)
    assert house.turn().stopped == 1
    assert house.outbox.get(row.id).reason == "not_held"


def test_a_push_asks_the_gate_about_everybody(house: House, mails: Mails) -> None:
    house.agree(ANN, PUSH)
    house.agree(BEN, PUSH)
    house.refuse(CAT, PUSH)
    house.table.rows[BEN, "email"] = "ben@example.com"
    persons = np.array([ANN, BEN, CAT, 99], np.uint64)
    wanted = Wanted("", 0, "spring", "mail", "zh-CN", {})
    expected = {"allowed": 2, "consent_refused": 1, "consent_missing": 1}
    assert dict(house.port.push("spring-1", wanted, persons, ACTOR)) == expected
    event = newest(house)
    assert (event["persons"], event["reasons"]) == (
        [f"{person:016x}" for person in persons.tolist()], [0, 0, 11, 10],
    )  # fmt: skip
    house.withdraw(BEN, PUSH)
    assert house.turn()[:2] == (1, 1)
    assert [to for to, _ in mails.mails] == [MAIL]
    again = house.port.push("spring-1", wanted, persons, ACTOR)  # cut off, given again
    assert again["allowed"] == 1
    assert (house.turn().sent, len(mails.mails)) == (0, 1)


def test_a_reply_ends_the_consent_of_whoever_got_the_message(house: House, sms: Sms) -> None:
    house.agree(ANN, PUSH)
    house.send(ANN, "spring", "sms", key="spring-1")
    house.turn()
    assert list(sms.sent) == ["spring-1"]  # all that a bridge knows of a reply
    assert house.port.unsubscribe("spring-1", ACTOR).purpose == PUSH
    assert house.why(ANN, PUSH) == "consent_withdrawn"
    house.send(ANN, key="order-1")
    for other in ("order-1", "none"):
        with pytest.raises(LookupError):
            house.port.unsubscribe(other, ACTOR)


def test_who_is_forgotten_leaves_nothing_in_the_outbox(house: House, mails: Mails) -> None:
    row = house.send(ANN)
    house.note("person.forgotten", ANN)
    assert (house.turn().stopped, mails.mails) == (1, [])
    assert house.outbox.get(row.id).reason == "person_unknown"
    assert house.outbox.forget([ANN]) == 1
    assert house.outbox.of_person(ANN) == []


def test_what_ended_long_ago_is_deleted(house: House, mails: Mails) -> None:
    house.send(ANN)
    house.turn()
    house.send(ANN)
    house.agree(ANN, PUSH)
    advert = house.send(ANN, "spring")
    house.turn()
    waits = house.send(ANN)
    assert house.outbox.forget_before(house.now_ms + 1, marketing_too=False) == 2
    assert [row.id for row in house.outbox.of_person(ANN)] == [advert.id, waits.id]
    assert house.outbox.forget_before(house.now_ms + 1, marketing_too=True) == 1
    assert [row.id for row in house.outbox.of_person(ANN)] == [waits.id]
