"""The ways by which people are told, each by apprise's own code: robots, mail."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tidegate.demo.server import free_port
from tidegate.watch.alerts.courier import ProcessCourier
from tidegate.watch.alerts.ports import Delivery, Letter

DEADLINE_S = 60.0
ROBOTS = Path(__file__).with_name("alerts_robots.py")
spec = importlib.util.spec_from_file_location(
    "alerts_receiver", Path(__file__).with_name("alerts_receiver.py")
)
assert spec is not None
assert spec.loader is not None
alerts_receiver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alerts_receiver)

Receiver = Any  # alerts_receiver.py has the class


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = alerts_receiver.Receiver()
    yield receiver
    receiver.close()


def carried(courier: ProcessCourier, address: str, title: str = "[own] 告警 1") -> Delivery:
    """One letter, and what became of it."""
    courier.send(Letter(1, "w", address, title, "商品 A：低价", "tidegate-k1", 3))
    deadline_s = time.monotonic() + DEADLINE_S
    while not (found := courier.done()):
        assert time.monotonic() < deadline_s, "it was never answered"
        time.sleep(0.02)
    return found[0]


def test_robots_get_text_and_key_and_a_200_that_refuses_is_no_delivery(receiver: Receiver) -> None:
    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, str(ROBOTS), str(receiver.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    courier = ProcessCourier(start, wait_s=30.0)
    assert carried(courier, "dingtalk://abcdef/") == Delivery(1, True)
    assert carried(courier, "feishu://abcdef") == Delivery(1, True)
    refused = "the receiver answered errcode 310000"
    assert carried(courier, "wecombot://abcdef") == Delivery(1, False, refused)
    courier.close()
    dingtalk, feishu, wecom = receiver.bodies
    for text in (dingtalk["text"]["content"], feishu["content"]["text"], wecom["text"]["content"]):
        assert text.splitlines()[0] == "[own] 告警 1"
        assert text.splitlines()[1:] == ["商品 A：低价", "(tidegate-k1)"]


class Mailbox:
    """Mails that were taken in."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: ANN401, N802
        from email import message_from_bytes, policy

        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def test_mail_carries_the_key() -> None:
    mailbox = Mailbox()
    port = free_port()
    smtp = Controller(mailbox, hostname="127.0.0.1", port=port)
    smtp.start()
    courier = ProcessCourier(wait_s=30.0)
    address = f"mailto://127.0.0.1:{port}?from=tidegate@example.com&to=duty@example.com&format=text"
    assert carried(courier, address) == Delivery(1, True)
    smtp.stop()
    assert not carried(courier, address).delivered
    courier.close()
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[own] 告警 1"
    assert "tidegate-k1" in mail.as_string()
    assert "商品 A：低价" in str(mail.get_body().get_content())
