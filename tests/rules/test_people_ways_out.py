"""Ways out of messages: SMTP, a signed webhook, files; honest outcomes, a pace, a person."""

import runpy
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tidegate.domain.signed_requests import NONCE, SIGNATURE, TIME, signature
from tidegate.people.messages import outbox as ob
from tidegate.people.messages.pace import Pace
from tidegate.people.messages.port import ATTEMPTS_MAX
from tidegate.people.messages.webhook import WebhookSettings, WebhookTransport
from tidegate.testing.people_house import ACTOR

_house = runpy.run_path(str(Path(__file__).with_name("messages_house.py")))
house, mails, sms = _house["house"], _house["mails"], _house["sms"]  # fixtures
kinds, newest = _house["kinds"], _house["newest"]
ANN, MAIL, BRIDGE_KEY = _house["ANN"], _house["MAIL"], _house["BRIDGE_KEY"]
House = Mails = Sms = Anything = Any  # messages_house.py has the classes


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


def test_a_way_that_cannot_be_built_keeps_no_other_from_sending(house: House, sms: Sms) -> None:
    house.send(ANN, channel="mail")
    house.send(ANN, channel="sms")
    build = house.transport_of

    def transport_of(way: Anything) -> Anything:
        if way.kind == "smtp":
            raise FileNotFoundError("message-mail.key")
        return build(way)

    house.transport_of = transport_of
    house.outbox.close()
    house.open_port()
    house.way("mail", "smtp", "email")
    assert (house.turn().sent, house.port.faults) == (1, {"mail": "FileNotFoundError"})
    house.way("mail", "files", "email")  # connected anew
    assert (house.turn().sent, house.port.faults) == (1, {})


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
