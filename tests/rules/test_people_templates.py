"""Templates of messages: versions on record, no advertising on the sly, values of their kind."""

import email
import email.policy
import runpy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidegate.people.messages import outbox as ob
from tidegate.people.messages.advertising import AdvertisingFound, advertising_in
from tidegate.people.messages.port import Wanted
from tidegate.people.messages.templates import TemplateRefused
from tidegate.people.notices.document import Text
from tidegate.testing.people_house import ACTOR, PUSH

_house = runpy.run_path(str(Path(__file__).with_name("messages_house.py")))
house, mails = _house["house"], _house["mails"]  # fixtures
newest = _house["newest"]
ANN, OFFER, SHIPPED = _house["ANN"], _house["OFFER"], _house["SHIPPED"]
VALUES = _house["VALUES"]
House = Mails = Anything = Any  # messages_house.py has the classes


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
