"""Messages to persons: the gate twice, keys that count once, honest outcomes, no advertising."""

import email
import email.policy
import json
import os
import runpy
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tidegate.domain.signed_requests import NONCE, SIGNATURE, TIME, signature
from tidegate.people.messages import outbox as ob
from tidegate.people.messages.advertising import AdvertisingFound, advertising_in
from tidegate.people.messages.outbox import KeyReused
from tidegate.people.messages.pace import Pace
from tidegate.people.messages.port import ATTEMPTS_MAX, MessageRefused, Wanted
from tidegate.people.messages.templates import TemplateRefused
from tidegate.people.messages.webhook import WebhookSettings, WebhookTransport
from tidegate.people.notices.document import Text
from tidegate.testing.people_house import ACTOR, PUSH

_house = runpy.run_path(str(Path(__file__).with_name("messages_house.py")))
PortHouse, mail_server, bridge = _house["PortHouse"], _house["mail_server"], _house["bridge"]
OFFER, SHIPPED, VALUES, BRIDGE_KEY = (
    _house["OFFER"], _house["SHIPPED"], _house["VALUES"], _house["BRIDGE_KEY"],
)  # fmt: skip
House = Mails = Sms = Anything = Any  # messages_house.py has the classes
ANN, BEN, CAT = 11, 12, 13
MAIL, PHONE = "ann@example.com", "13812345678"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = PortHouse(tmp_path)
    made.table.rows = {(ANN, "email"): MAIL, (ANN, "phone"): PHONE}
    yield made
    made.outbox.close()


@pytest.fixture
def mails(house: House) -> Iterator[Any]:
    with mail_server() as server:
        house.mail_port = server.port
        house.way("mail", "smtp", "email")
        yield server


@pytest.fixture
def sms(house: House) -> Iterator[Any]:
    with bridge() as made:
        house.bridge_url = made.url
        house.way("sms", "webhook", "phone")
        yield made


def kinds(house: House) -> list[str]:
    """What the newest entries say, oldest first, from the first message on."""
    found = [json.loads(line) for entry in house.store.entries if entry.kind == 1
             for line in entry.payload.split(b"\n")]  # fmt: skip
    return [event["kind"] for event in found if event["kind"].startswith("message.")]


def newest(house: House) -> dict[str, Any]:
    return dict(json.loads(house.store.entries[-1].payload.split(b"\n")[-1]))


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


def test_an_unknown_outcome_is_listed_and_never_sent_again_by_itself(
    house: House, mails: Mails
) -> None:
    def hang_up(server: Anything, envelope: Anything) -> str:
        server.transport.abort()  # after the text was taken, before the reply
        return "250 never heard"

    mails.answer = hang_up
    row = house.send(ANN, key="one")
    assert house.turn().unknown == 1
    for _ in range(3):
        house.later(hours=1)
        assert house.turn() == (0, 0, 0, 0, 0, 0)
    assert ([one.key for one in house.outbox.in_state(ob.UNKNOWN)], len(mails.mails)) == (
        ["one"],
        1,
    )
    assert kinds(house) == ["message.queued", "message.unknown"]
    mails.answer = lambda server, envelope: "250 taken"
    assert house.port.resolve(row.id, "again", ACTOR).state == ob.QUEUED
    assert (house.turn().sent, len(mails.mails)) == (1, 2)
    with pytest.raises(LookupError):
        house.port.resolve(row.id, "again", ACTOR)


@pytest.mark.parametrize(("said", "state"), [("sent", ob.SENT), ("drop", ob.DROPPED)])
def test_a_person_settles_what_is_unknown(
    house: House, mails: Mails, said: Anything, state: str
) -> None:
    mails.answer = lambda server, envelope: (server.transport.abort(), "250 x")[1]
    row = house.send(ANN)
    house.turn()
    assert house.port.resolve(row.id, said, ACTOR).state == state
    assert newest(house)["resolution"] == said


@pytest.mark.parametrize(
    ("rcpt", "data", "outcome"),
    [
        ("550 no such user", "250 ok", "refused"),
        ("450 busy", "250 ok", "later"),
        ("250 ok", "554 no", "refused"),
        ("250 ok", "451 busy", "later"),
    ],
)
def test_what_the_server_says_is_believed(
    house: House, mails: Mails, rcpt: str, data: str, outcome: str
) -> None:
    mails.rcpt = rcpt
    mails.answer = lambda server, envelope: data
    house.send(ANN)
    house.send(ANN)
    assert getattr(house.turn(), outcome) == 2


def test_a_server_that_is_away_is_tried_again_later_and_at_last_given_up(house: House) -> None:
    house.mail_port = 1  # nobody listens there
    house.way("mail", "smtp", "email")
    row = house.send(ANN)
    for attempt in range(1, ATTEMPTS_MAX):
        assert house.turn().later == 1
        now = house.outbox.get(row.id)
        assert (now.attempts, now.reason) == (attempt, "ConnectionRefusedError")
        assert house.turn().later == 0  # not before its time
        house.later(hours=1)
    assert (house.turn().refused, house.outbox.get(row.id).state) == (1, ob.REFUSED)


@pytest.mark.parametrize("to", ["a@b@c", "ann example.com", "ann@example.com\r\nBcc: x", "安@例"])
def test_what_is_no_address_is_not_handed_over(house: House, mails: Mails, to: str) -> None:
    house.table.rows[ANN, "email"] = to
    house.send(ANN)
    assert (house.turn().refused, mails.mails) == (1, [])


def test_who_has_no_address_gets_nothing(house: House, mails: Mails) -> None:
    row = house.send(BEN)
    assert house.turn().stopped == 1
    assert house.outbox.get(row.id).reason == "not_held"


def test_a_killed_process_left_it_half_way(house: House, mails: Mails, sms: Sms) -> None:
    mail, text = house.send(ANN), house.send(ANN, channel="sms")
    for row in (mail, text):
        house.outbox.mark(row.id, ob.SENDING, house.now_ms)
    house.outbox.close()
    house.open_port()
    assert house.port.start() == 1
    assert house.outbox.get(mail.id).state == ob.UNKNOWN  # perhaps it was taken
    assert house.outbox.get(text.id).state == ob.QUEUED  # its key counts once there
    assert (house.turn().sent, len(sms.sent), mails.mails) == (1, 1, [])


def test_the_bridge_gets_a_signed_request_once(house: House, sms: Sms) -> None:
    sms.status = 599
    house.send(ANN, channel="sms", key="sms-1")
    assert house.turn().later == 1
    sms.status = 200
    house.later(hours=1)
    assert house.turn().sent == 1
    assert (len(sms.requests), list(sms.sent)) == (2, ["sms-1"])
    for headers, body in sms.requests:
        assert headers["idempotency-key"] == "sms-1"
        assert headers[SIGNATURE] == signature(
            BRIDGE_KEY, int(headers[TIME]), headers[NONCE], "POST", "/sms", body
        )
    assert sms.requests[0][0][NONCE] != sms.requests[1][0][NONCE]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, "sent"), (400, "refused"), (403, "refused"), (429, "later"), (500, "later"),
     (302, "later")],
)  # fmt: skip
def test_what_the_bridge_says_is_believed(
    house: House, sms: Sms, status: int, outcome: str
) -> None:
    sms.status = status
    house.send(ANN, channel="sms")
    assert getattr(house.turn(), outcome) == 1


@pytest.mark.parametrize("url", ["ftp://x/", "http:///", "http://u:p@x/", "x"])
def test_a_webhooks_address_is_checked(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        WebhookTransport(WebhookSettings(url), BRIDGE_KEY, lambda: 0)


def test_letters_are_files_that_only_we_may_read(house: House) -> None:
    house.way("mail", "files", "email")
    row = house.send(ANN, key="letter")
    assert house.turn().sent == 1
    (path,) = (house.folder / "letters").iterdir()
    assert path.name == f"{sha256(b'letter').hexdigest()[:32]}.txt"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("utf-8").startswith(f"To: {MAIL}\nFrom: 示例酒业网店\n订单 T-1")
    assert house.outbox.get(row.id).state == ob.SENT


def test_a_channel_has_its_pace_and_goes_on_after_a_start(house: House, sms: Sms) -> None:
    house.way("sms", "webhook", "phone", 120)
    for number in range(7):
        house.send(ANN, channel="sms", key=f"n{number}")
    house.monotonic_s -= 60
    assert house.turn().sent == 2
    house.outbox.close()
    house.open_port()
    assert [house.turn().sent for _ in range(4)] == [2, 2, 1, 0]
    assert list(sms.sent) == [f"n{number}" for number in range(7)]


def test_the_pace_does_not_pile_up() -> None:
    now_s = 0.0
    pace = Pace(lambda: now_s)
    assert [pace.take("sms", 60, 50), pace.take("sms", 60, 50)] == [1, 0]
    now_s = 0.5
    assert pace.take("sms", 60, 50) == 0
    now_s = 100.0
    assert pace.take("sms", 600, 50) == 10
    pace.give_back("sms", 4)
    assert pace.take("sms", 600, 50) == 4


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


REPLACE = msgspec.structs.replace


@pytest.mark.parametrize(
    "text",
    ["全场 八 折 优 惠", "优惠", "ＳＡＬＥ now", "20% OFF", "限\u200b时抢购", "Buy   Now",
     "special-price", "立·即·购·买", "见 https://example.com/x", "新品上市"],
)  # fmt: skip
def test_a_transactional_template_carries_no_advertising(house: House, text: str) -> None:
    people = house.people
    for changes in ({"body": Text(text, "fine")}, {"subject": Text("好", text)}):
        with pytest.raises(AdvertisingFound, match="Advertising Law"):
            people.templates.put(people.stream, REPLACE(SHIPPED, **changes), ACTOR, house.now_ms)


@pytest.mark.parametrize(
    "text",
    ["您的订单已发货。", "Your order has been shipped.", "退款 12.50 元已原路退回", "wholesale"],
)
def test_plain_words_pass(text: str) -> None:
    assert advertising_in(text) == []


def test_what_is_filled_in_may_not_advertise_either(house: House) -> None:
    template = REPLACE(
        SHIPPED, template="item", body=Text("已发货：{item}{more}", "Left: {item} {more}"),
        subject=Text("发货", "Left"), values={"item": "text", "more": "text"},
    )  # fmt: skip
    people = house.people
    people.templates.put(people.stream, template, ACTOR, house.now_ms)

    def send(item: str, more: str) -> Anything:
        values = {"item": item, "more": more}
        return house.port.send(Wanted(f"{item}{more}", ANN, "item", "mail", "en", values), ACTOR)

    for item, more in (("大促装", "x"), ("优", "惠"), ("cheap sale", "x")):
        with pytest.raises(AdvertisingFound):
            send(item, more)
    with pytest.raises(TemplateRefused, match="personal"):
        send("call 13812345678", "x")
    assert send("红酒 6 支", "箱装").state == ob.QUEUED


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"purpose": "no.such"}, "no notice"),
        ({"purpose": PUSH}, "is marketing"),
        ({"kind": "marketing"}, "not marketing"),
        ({"channels": ["pigeon"]}, "does not name pigeon"),
        ({"body": Text("只有中文", "")}, "both languages"),
        ({"body": Text("{who}", "x")}, "not among the values"),
        ({"body": Text("{", "x")}, "braces"),
    ],
)
def test_a_template_is_checked(house: House, changes: dict[str, Any], why: str) -> None:
    people = house.people
    with pytest.raises(TemplateRefused, match=why):
        people.templates.put(people.stream, REPLACE(SHIPPED, **changes), ACTOR, house.now_ms)


@pytest.mark.parametrize(
    "values",
    [{}, {"order": "T-1"}, VALUES | {"more": "x"}, VALUES | {"order": "a b"},
     VALUES | {"day": "tomorrow"}],
)  # fmt: skip
def test_values_are_checked(house: House, values: dict[str, str]) -> None:
    with pytest.raises(TemplateRefused):
        house.port.send(Wanted("k", ANN, "shipped", "mail", "en", values), ACTOR)


def test_versions_of_templates_stay(house: House, mails: Mails) -> None:
    people = house.people
    house.send(ANN)
    changed = REPLACE(SHIPPED, subject=Text("{order} 在路上", "{order} is on its way"))
    assert people.templates.put(people.stream, changed, ACTOR, house.now_ms).version == 2
    assert people.templates.put(people.stream, changed, ACTOR, house.now_ms).version == 2
    house.turn()
    mail = email.message_from_bytes(mails.mails[0][1], policy=email.policy.default)
    assert mail["Subject"] == "订单 T-1 已发货"  # as it was when it was wanted
    assert people.templates.newest("spring").template == OFFER
    house.reopen()
    assert house.people.templates.newest("shipped").version == 2
