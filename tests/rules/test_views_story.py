"""What an order's story says, word for word, for every kind of event.

Each story is told from followed views and from the bare journal; `views_shop` compares the two.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record import facts as f
from tidegate.testing.scene import ANNA, ORDERS_HI, Scene


def load(name: str) -> ModuleType:
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


shop = load("views_shop")
FIRST_END = "2026-10-26 00:15:00"
UNFIT, UNFIT_ZH = "returned, not fit for sale", "残次不回库"
LATE_ZH = "逾期付款，已重新占货，120.00 元"
SHORT = ("TEA: available 10, asked 11", "TEA：可用 10 件，本次 11 件")
Told = tuple[str, str, str, str]  # event, reason, English, Chinese


def said(event: str, english: str, chinese: str) -> Told:
    """What is told of something accepted."""
    return event, "accepted", english, chinese


def refused(event: str, reason: Reason, english: str = "", chinese: str = "") -> Told:
    """What is told of a refusal: the reason's own words, then its figures."""
    text = REASON_TEXTS[reason]
    word = "拒单" if event == "order" else "拒绝"
    return (
        event,
        text.name,
        f"refused: {text.english}" + (f" ({english})" if english else ""),
        f"{word}：{text.chinese}" + (f"（{chinese}）" if chinese else ""),
    )


def again(event: str, first: Told) -> Told:
    """What is told of a repeat."""
    return (
        event,
        first[1],
        f"sent again, same answer: {first[2]}",
        f"重复提交，答复不变：{first[3]}",
    )


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.do(f.PutChannel("web"))
    made.do(f.PutChannel("market", kind="marketplace"))
    made.do(f.PutSku("TEA", 1_500, cost_floor_fen=1_000))
    made.do(f.PutSku("CUP", 900, cost_floor_fen=500))
    for code in ("TEA", "CUP"):
        made.do(f.ReceiveStock(code, 10))
    made.do(f.PutPromotion("NIGHT"))
    return made


def tea(quantity: int, **more: int) -> dict[str, int]:
    return {"sku": 0, "quantity": quantity, "receivable_fen": 1_500 * quantity, **more}


def told(scene: Scene, order: int, folder: Path) -> list[Told]:
    lines: list[Told] = shop.texts(shop.story_of(scene, order, folder))
    return lines


def test_an_order_from_its_hold_to_its_return(scene: Scene, tmp_path: Path) -> None:
    order = scene.order(tea(3), paid=False).id
    scene.wait(s=60)
    scene.operate("extend", order, quantity=1_800)
    scene.operate("pay", order, fen=4_499)
    scene.operate("cancel", order, quantity=1)
    scene.operate("pay", order, fen=3_000)
    scene.operate("ship", order)
    scene.operate("return", order, quantity=1)
    scene.operate("return_defective", order, line=0)
    scene.operate("cancel", order)
    story = shop.story_of(scene, order, tmp_path)
    assert shop.texts(story) == [
        said("order", f"accepted, units held until {FIRST_END}", f"已接单，占货至 {FIRST_END}"),
        said("extend", "hold extended until 2026-10-26 00:31:00", "占货延长至 2026-10-26 00:31:00"),
        refused("pay", Reason.AMOUNT_MISMATCH, "due 45.00, paid 44.99", "应付 45.00，实付 44.99"),
        said("cancel", "1 unit cancelled", "取消 1 件"),
        said("pay", "paid 30.00", "已付款 30.00 元"),
        said("ship", "2 units shipped", "发货 2 件"),
        said("return", "1 unit returned to stock", "退货 1 件，已回库"),
        said("return_defective", f"line 0: 1 unit {UNFIT}", f"第 0 行：退货 1 件，{UNFIT_ZH}"),
        refused("cancel", Reason.WRONG_STATE, "it is closed", "已完结"),
    ]  # fmt: skip
    assert [event["seq"] for event in story["events"]] == list(range(9, 18))
    assert story["order"]["state"] == "closed"
    assert story["order"]["lines"] == [
        {
            "line": 0, "sku": "TEA", "quantity": 3, "receivable_fen": 4_500, "platform_fen": 0,
            "promotion": None, "exception": None, "gift_of": None, "cancelled": 1, "shipped": 2,
            "returned": 2,
        }
    ]  # fmt: skip


def test_an_order_of_several_lines(scene: Scene, tmp_path: Path) -> None:
    cup = {"sku": 1, "quantity": 2, "receivable_fen": 1_800, "promotion": 1}
    keys = {"account": 7, "phone": 8}
    order = scene.order(tea(2), cup, keys=keys, unverified={"device": 9}, channel=1).id
    scene.operate("ship", order, line=1)
    scene.operate("ship", order, line=0, quantity=3)
    scene.operate("cancel", order)
    scene.operate("return", order)
    story = shop.story_of(scene, order, tmp_path)
    assert shop.texts(story) == [
        said("order", "accepted, paid with the order", "已接单，下单时已付款"),
        said("ship", "line 1: 2 units shipped", "第 1 行：发货 2 件"),
        refused("ship", Reason.QUANTITY_EXCEEDS_OPEN, "has 2, asked 3", "可用 2 件，本次 3 件"),
        said("cancel", "2 units cancelled", "取消 2 件"),
        said("return", "2 units returned to stock", "退货 2 件，已回库"),
    ]  # fmt: skip
    order_now = story["order"]
    assert (order_now["channel"], order_now["state_zh"]) == ("market", "已完结")
    assert order_now["identity_keys"] == ["account", "phone"]
    assert [line["promotion"] for line in order_now["lines"]] == [None, "NIGHT"]


def test_an_unpaid_order_that_expires_and_is_paid_late(scene: Scene, tmp_path: Path) -> None:
    order = scene.order(tea(8), paid=False).id
    scene.wait(s=901)
    assert scene.expire() == 1
    scene.order(tea(5))
    scene.operate("pay", order, fen=12_000)
    scene.do(f.ReceiveStock("TEA", 5))
    scene.operate("pay", order, fen=12_000)
    scene.operate("pay", order, fen=12_000)
    assert told(scene, order, tmp_path)[1:] == [
        said("hold_expired", "not paid in time: the hold ended", "超时未付款，占货已释放"),
        refused(
            "pay", Reason.REFUND_DUE, "could not be taken again: not enough stock",
            "无法重新占货：库存不足",
        ),
        said("pay", "paid 120.00 late, the units were taken again", LATE_ZH),
        refused("pay", Reason.REFUND_DUE, "it is committed", "占用"),
    ]  # fmt: skip


def test_the_same_order_and_the_same_operation_again(scene: Scene, tmp_path: Path) -> None:
    rows = scene.rows(tea(11))
    order = scene.place(rows).id
    scene.place(rows)
    rows["receivable_fen"] += 1
    scene.place(rows)
    other = scene.rows(tea(1), paid=False)
    paid = scene.place(other).id
    scene.place(other)
    payment = scene.operate("pay", paid, fen=1_500).id
    scene.operate("pay", paid, fen=1_500, number=payment)
    first = refused("order", Reason.STOCK_SHORT, *SHORT)
    assert told(scene, order, tmp_path) == [
        first,
        again("order", first),
        refused("order", Reason.ID_REUSED),
    ]  # fmt: skip
    story = shop.story_of(scene, paid, tmp_path)
    assert [event["duplicate"] for event in story["events"]] == [False, True, False, True]
    lines = shop.texts(story)
    assert lines[1] == again("order", lines[0])
    assert lines[3] == again("pay", said("pay", "accepted", "已接受"))


def test_a_marketplaces_sale_from_judgement_to_release(scene: Scene, tmp_path: Path) -> None:
    order = scene.order(tea(2), fact=True, channel=1).id
    scene.operate("hold", order)
    scene.operate("release", order)
    scene.operate("release", order, flags=1)
    clean = scene.order(tea(1), fact=True, channel=1).id
    scene.operate("release", clean)
    assert told(scene, order, tmp_path) == [
        ("sale", "accepted", "recorded, every guard passed", "已记录，各项判定通过"),
        ("hold", "accepted", "put on hold by a person", "人工挂起"),
        ("release", "held_by_person", "refused: a person put this order on hold", "拒绝：人工挂起"),
        ("release", "accepted", "released to the warehouse on approval", "经批准放行至仓库"),
    ]
    assert told(scene, clean, tmp_path)[1:] == [
        ("release", "accepted", "released to the warehouse", "已放行至仓库")
    ]


def test_a_sale_is_judged_with_every_reason(scene: Scene, tmp_path: Path) -> None:
    scene.do(f.PutRule("day", "sku", "TEA", window="day", limits={"account": 5}))
    order = scene.order(
        {"sku": 0, "quantity": 12, "receivable_fen": 11_000}, fact=True, keys={"account": 3}
    ).id
    scene.operate("release", order)
    story = shop.story_of(scene, order, tmp_path)
    assert shop.texts(story) == [
        (
            "sale",
            "accepted",
            (
                "recorded, kept from release:"
                " the price is below the floor (TEA: floor 120.00 for 12 units, offered 110.00);"
                " the purchase limit is exceeded (day: limit 5 a day, asked 12);"
                " not enough stock (2 units not covered)"
            ),
            (
                "已记录，暂不放行：价格低于底价（TEA：底价 120.00（12 件），出价 110.00）；"
                "超过限购数量（day：每日限 5 件，本次 12）；库存不足（缺 2 件）"
            ),
        ),
        refused("release", Reason.PRICE_BELOW_FLOOR),
    ]
    figures = story["events"][0]["figures"]
    assert figures["short"] == 2
    assert [found["reason"] for found in figures["judgement"]] == [
        "price_below_floor", "limit_exceeded", "stock_short",
    ]  # fmt: skip


def test_a_refused_id_may_come_again_when_it_is_forgotten(scene: Scene, tmp_path: Path) -> None:
    rows = scene.rows(tea(11))
    order = scene.place(rows).id
    scene.do(f.ReceiveStock("TEA", 5))
    scene.wait(days=1, s=601)
    rows["placed_at_ms"] = scene.now_ms
    scene.place(rows)
    story = shop.story_of(scene, order, tmp_path)
    assert [event["reason"] for event in story["events"]] == ["stock_short", "accepted"]
    assert story["order"]["state"] == "committed"


def test_an_operation_on_an_order_that_never_was(scene: Scene, tmp_path: Path) -> None:
    scene.operate("pay", 77, fen=5)
    assert told(scene, 77, tmp_path) == [
        ("pay", "unknown_order", "refused: no such order", "拒绝：订单不存在")
    ]


def test_reasons_are_told_with_the_terms_of_their_moment(scene: Scene, tmp_path: Path) -> None:
    cheap = {"sku": 1, "quantity": 1, "receivable_fen": 499}
    before = scene.order(cheap).id
    scene.do(f.PutSku("CUP", 900, cost_floor_fen=800))
    after = scene.order(cheap).id
    for order, floor in ((before, "5.00"), (after, "8.00")):
        assert told(scene, order, tmp_path)[0][2] == (
            f"refused: the price is below the floor (CUP: floor {floor}, offered 4.99)"
        )


def test_times_are_of_the_shops_zone(scene: Scene, tmp_path: Path) -> None:
    scene.do(f.SetPolicy(zone="Europe/London"))
    story = shop.story_of(scene, scene.order(tea(1), paid=False).id, tmp_path)
    assert story["events"][0]["at"] == "2026-10-25T16:00:00.000+00:00"
    assert story["order"]["hold_ends_at"] == "2026-10-25T16:15:00.000+00:00"
    assert story["order"]["due_fen"] == 1_500


def test_a_story_is_json_and_holds_nothing_of_a_person(scene: Scene, tmp_path: Path) -> None:
    tokens = {"account": 0xABCDEF12345, "phone": 0xFEDCBA98765}
    order = scene.order(tea(1), keys=tokens, paid=False).id
    scene.operate("cancel", order)
    text = msgspec.json.encode(shop.story_of(scene, order, tmp_path)).decode()
    assert not any(str(token) in text for token in (*tokens.values(), ANNA, ORDERS_HI << 64))


def test_too_many_repeats_are_counted_not_told(scene: Scene, tmp_path: Path) -> None:
    rows = scene.rows(tea(1))
    order = scene.place(rows).id
    for _ in range(30):
        scene.place(rows)
    scene.operate("ship", order)
    path = tmp_path / "views.db"
    journal = shop.journal_of(scene)
    shop.follow(path, journal)
    story: dict[str, Any] = shop.views_of(path, journal).story("web", str(order))
    assert (len(story["events"]), story["events_left_out"]) == (22, 10)
    assert story["events"][-1]["event"] == "ship"
    assert story["order"]["state"] == "committed"


def test_an_unknown_order_has_no_story(scene: Scene, tmp_path: Path) -> None:
    journal = shop.journal_of(scene)
    shop.follow(tmp_path / "views.db", journal)
    assert shop.views_of(tmp_path / "views.db", journal).story("web", "5000") is None
    assert shop.views_of(tmp_path / "none.db", journal).story("web", "5000") is None
