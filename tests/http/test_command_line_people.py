"""People by command, against a served store: a mail about an order leaves by a real SMTP server,
with its address from the vault; a withdrawal stops the next one.

Always `tidegate serve` as a process of its own, and aiosmtpd on this machine's loopback.
"""

import email
import email.policy
import importlib.util
import json
import runpy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest


def beside(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOUSE = beside("command_line_house")
House = HOUSE.House
RULES = Path(__file__).parents[1] / "rules"
mail_server = runpy.run_path(str(RULES / "messages_house.py"))["mail_server"]
MAIL_S = 60.0
SHIPPED = """
template: shipped
kind: transactional
purpose: after.sales
channels: [mail]
subject: {zh: "订单 {order}", en: "Order {order}"}
body: {zh: "已发货", en: "It has left"}
values: {order: id}
"""
OFFER = """
template: spring
kind: marketing
purpose: marketing.push
channels: [mail]
subject: {zh: "八折", en: "20 % off"}
body: {zh: "全场", en: "everything"}
"""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with HOUSE.opened_house("own") as opened:
        opened.shop = "own"
        notice = opened.folder / "notice.yaml"
        notice.write_text(opened.did("people", "notice", "example").out, "utf-8")
        for name, text in (("shipped", SHIPPED), ("spring", OFFER)):
            (opened.folder / f"{name}.yaml").write_text(text, "utf-8")
        opened.did("people", "notice", "publish", str(notice), who="boss")
        yield opened


def ask(house: House, person: str, purpose: str = "marketing.push") -> str:
    made = house.did("people", "consent", "ask", person, purpose, "--words", "may we?", "--json")
    return str(made.document["ask"])


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + MAIL_S
    while not holds():
        assert time.monotonic() < deadline_s, "it never came to hold"
        time.sleep(0.05)


def state_of(house: House, number: int) -> str:
    """How a message stands."""
    for state in ("queued", "sent", "stopped", "unknown", "refused", "lapsed"):
        found = house.did("people", "message", "list", "--state", state, "--json").document
        if number in [one["number"] for one in found["messages"]]:
            return state
    return "sending"


def test_a_notice_is_checked_published_and_read(house: House, tmp_path: Path) -> None:
    good = house.folder / "notice.yaml"
    assert "0 gaps" in house.did("people", "notice", "check", str(good), who="boss").out
    again = house.did("people", "notice", "publish", str(good), "--json", who="boss").document
    assert again["version"] == 1  # the same again changes nothing
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(good.read_text("utf-8").replace("复制", "").replace(
        "  copy: {zh:", "  copied: {zh:"), "utf-8")  # fmt: skip
    said = house.run("people", "notice", "check", str(wrong), who="boss")
    assert (said.code, said.err) == (1, "")
    assert "rights.copy: say how a person does that" in said.out
    assert "notice_incomplete" in house.refused(
        "people", "notice", "publish", str(wrong), who="boss"
    )
    assert "not_permitted" in house.refused("people", "notice", "publish", str(good))
    assert "How we process" in house.did("people", "notice", "read", "main").out
    assert "<html" in house.did("people", "notice", "read", "main", "--html").out
    assert "main 1 " in house.did("people", "notice", "list").out
    assert "no such notice" in house.wrong("people", "notice", "read", "none")
    wrong.write_text("notice: [", "utf-8")
    assert "wrong.yaml" in house.wrong("people", "notice", "check", str(wrong), who="boss")


def test_a_persons_choices_by_command(house: House) -> None:
    ann = "account:ann-1"
    assert "notice_not_served" in json.dumps(
        json.loads(house.run("people", "consent", "ask", ann, "marketing.push", "--words", "x",
                             "--json").out)
    )  # fmt: skip
    assert "已出示" in house.did("people", "notice", "serve", ann).out
    said = house.did("people", "consent", "answer", ann, ask(house, ann), "--agree")
    assert said.out.startswith("granted · ")
    assert house.did("people", "may", ann, "marketing.push").out.startswith("yes 可以: ")
    shown = house.did("people", "consent", "show", ann, "--language", "en").out
    assert "[x] marketing.push: granted" in shown
    assert "[ ] share.partner: none" in shown
    receipt = house.did("people", "consent", "receipt", ann, "marketing.push", "--json").document
    assert receipt["state"] == "consent given"
    assert house.did("people", "consent", "withdraw", ann, "marketing.push").out.startswith(
        "withdrawn · "
    )
    refused = house.run("people", "may", ann, "marketing.push")
    assert (refused.code, refused.out[:27]) == (1, "no 不可以: consent_withdrawn: ")
    house.did("people", "consent", "profiling", ann, "--refuse")
    house.did("people", "consent", "age", ann, "child")
    house.did("people", "consent", "guardian", ann, "account:mum-1", "--evidence", "paper-1",
              who="boss")  # fmt: skip
    house.did("people", "consent", "settle", "--reason", "nothing was lost", who="boss")
    assert "a person is written" in house.wrong("people", "may", "ann", "marketing.push")


def test_a_mail_leaves_by_a_real_server_with_its_address_from_the_vault(house: House) -> None:
    person = {"account": "ben-1"}
    headers = {"Authorization": f"Bearer {house.keys['boss']}"}
    with mail_server() as mails, httpx.Client(base_url=house.address, headers=headers) as client:
        settings = {"host": "127.0.0.1", "port": mails.port, "mail_from": "shop@example.com",
                    "security": "none"}  # fmt: skip
        house.did("people", "message", "connect", "mail", "--kind", "smtp", "--settings",
                  json.dumps(settings), "--field", "email", "--per-minute", "6000")  # fmt: skip
        for name in ("shipped", "spring"):
            file = str(house.folder / f"{name}.yaml")
            house.did("people", "message", "template", file, who="boss")
        token = client.post("/v1/shops/own/persons", json={"person": person}).json()["person"]
        value = {"field": "email", "value": "ben@example.com", "purposes": ["after.sales"]}
        path = f"/v1/shops/own/persons/{token}/fields"
        assert client.put(path, json={"values": [value]}).status_code == 200

        sent = ("people", "message", "send", "account:ben-1", "shipped", "--channel", "mail",
                "--value", "order=T-1", "--id", "m-1", "--json")  # fmt: skip
        number = house.did(*sent).document["number"]
        until(lambda: state_of(house, number) == "sent")
        ((to, content),) = mails.mails
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert (to, mail["Subject"]) == ("ben@example.com", "订单 T-1")
        assert house.did(*sent).document["state"] == "sent"  # the same id counts once

        nobody = house.did("people", "message", "send", "account:nobody-1", "shipped",
                           "--channel", "mail", "--value", "order=T-2", "--json")  # fmt: skip
        until(lambda: state_of(house, nobody.document["number"]) == "stopped")
        assert "not_lawful" in house.refused(
            "people", "message", "send", "account:ben-1", "spring", "--channel", "mail"
        )
        assert len(mails.mails) == 1
    pushed = house.did("people", "message", "push", "spring", "--channel", "mail", "--json")
    assert pushed.document["asked"] == sum(pushed.document["decided"].values())
    assert "there is no such template" in house.refused(
        "people", "message", "send", "account:ben-1", "none", "--channel", "mail"
    )
    store = house.folder / "store" / "shops" / "own"
    for file in (*store.glob("people/*"), store / "journal.db"):
        assert b"ben@example.com" not in file.read_bytes(), file
