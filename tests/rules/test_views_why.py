"""Why an order was refused, in figures: one row a reason, in their order of precedence."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record import facts as f
from tidegate.record.lines import NO_SKU
from tidegate.testing.scene import ANNA, BERT, Scene
from tidegate.views.why import DETAILS


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


def furnished() -> Scene:
    """Tea at 15.00 with a floor of 10.00, cups without a cost, and a set of both."""
    scene = Scene()
    scene.do(f.PutChannel("web"))
    scene.do(f.PutSku("TEA", 1_500, cost_floor_fen=900, red_line_fen=1_000, quantity_max=20))
    scene.do(f.PutSku("CUP", 900, quantity_min=2))
    scene.do(f.PutSku("SET", 5_000, parts={"TEA": 3, "CUP": 1}, cost_floor_fen=3_000))
    for code in ("TEA", "CUP"):
        scene.do(f.ReceiveStock(code, 10))
    scene.do(f.PutPromotion("NIGHT"))
    return scene


TEA, CUP, SET = 0, 1, 2


def line(sku: int, quantity: int, fen: int, **more: int) -> dict[str, int]:
    """One line; `fen` is what the merchant receives for all of it."""
    return {"sku": sku, "quantity": quantity, "receivable_fen": fen, **more}


@dataclass
class Row:
    """What is set up, what is ordered, and what is told of its refusal."""

    reason: Reason
    lines: list[dict[str, int]]
    english: str
    chinese: str
    figures: dict[str, Any]
    before: Callable[[Scene], object] = lambda _: None
    how: dict[str, Any] = field(default_factory=dict)
    case: str = ""


def used_up(scene: Scene) -> None:
    """Account 7 has bought four of the six that a month allows."""
    scene.do(f.PutRule("monthly", "sku", "TEA", window="month", limits={"account": 6}))
    assert scene.order(line(TEA, 4, 6_000), keys={"account": 7}).ok


def used_by_phone(scene: Scene) -> None:
    """Phone 8 has bought eight of ten; the account is new."""
    scene.do(f.PutRule("both", "shop", limits={"account": 5, "phone": 10}))
    for account in (1, 2):
        assert scene.order(line(TEA, 4, 6_000), keys={"account": account, "phone": 8}).ok


def spent(scene: Scene) -> None:
    """Of a budget of 100.00 a day 90.00 are spent."""
    scene.do(f.PutRule("night", "promotion", "NIGHT", "money", "day", budget=10_000))
    assert scene.order(line(TEA, 6, 9_000, promotion=1)).ok


def excepted(scene: Scene) -> None:
    """Two units of an exception."""
    expires_ms = scene.now_ms + 60_000
    scene.do(f.ApproveException("DEAL", ["TEA"], 500, 2, expires_ms), ANNA, BERT)


def two_holds(scene: Scene) -> None:
    """Account 7 has as many unpaid orders as it may."""
    scene.do(f.SetPolicy(hold_cap=2))
    for _ in range(2):
        assert scene.order(line(TEA, 1, 1_500), paid=False, keys={"account": 7}).ok


def needs_keys(scene: Scene) -> None:
    """A rule that asks for account and phone."""
    scene.do(f.PutRule("known", "group", both(scene), limits={"account": 9, "phone": 9}))


def both(scene: Scene) -> str:
    """A group of tea and cups."""
    scene.do(f.PutGroup("ALL", ["TEA", "CUP"]))
    return "ALL"


ROWS = [
    Row(
        Reason.ORDER_TOO_OLD, [line(TEA, 1, 1_500)], "placed 30 h before, limit 24 h",
        "下单已 30 小时", {"placed_at_ms": 1_792_944_000_000, "age_h": 30, "limit_h": 24},
        lambda scene: scene.wait(s=30 * 3_600), {"placed_at_ms": 1_792_944_000_000},
    ),
    Row(
        Reason.SHOP_PAUSED, [line(TEA, 1, 1_500)], "", "", {},
        lambda scene: scene.do(f.SetFlag("shop", "paused", on=True)),
    ),
    Row(
        Reason.PROMOTION_PAUSED, [line(TEA, 1, 1_500, promotion=1)], "NIGHT", "NIGHT",
        {"promotions": ["NIGHT"]},
        lambda scene: scene.do(f.SetFlag("promotion", "paused", target="NIGHT", on=True)),
    ),
    Row(
        Reason.PROMOTION_PAUSED, [line(TEA, 1, 1_500, promotion=9)], "#9", "#9",
        {"promotions": ["#9"]}, case="unknown",
    ),
    Row(
        Reason.SKU_PAUSED, [line(CUP, 2, 1_800), line(TEA, 1, 1_500)], "TEA", "TEA",
        {"skus": ["TEA"]},
        lambda scene: scene.do(f.SetFlag("sku", "paused", target="TEA", on=True)),
    ),
    Row(
        Reason.UNKNOWN_SKU, [line(TEA, 1, 1_500), line(NO_SKU, 1, 1), line(70, 1, 1)],
        "line 1, 2", "第 1, 2 行", {"lines": [1, 2]},
    ),
    Row(
        Reason.ORDER_TOO_LARGE, [line(TEA, 15, 22_500), line(TEA, 6, 9_000)],
        "TEA: limit 20 an order, asked 21", "TEA：每单最多 20 件，本次 21 件",
        {"limit": 20, "asked": 21, "sku": "TEA"},
    ),
    Row(
        Reason.ORDER_TOO_LARGE, [line(TEA, 5, 7_500)], "limit 4 an order, asked 5",
        "每单最多 4 件，本次 5 件", {"limit": 4, "asked": 5},
        lambda scene: scene.do(f.SetPolicy(quantity_max_order=4)), case="of all items",
    ),
    Row(
        Reason.QUANTITY_BELOW_MINIMUM, [line(CUP, 1, 900)], "CUP: minimum 2 an order, asked 1",
        "CUP：至少 2 件，本次 1 件", {"minimum": 2, "asked": 1, "sku": "CUP"},
    ),
    Row(
        Reason.QUANTITY_BELOW_MINIMUM, [line(TEA, -5, 900)], "TEA: minimum 1 an order, asked -5",
        "TEA：至少 1 件，本次 -5 件", {"minimum": 1, "asked": -5, "sku": "TEA"}, case="negative",
    ),
    Row(
        Reason.PRICE_CHANGED, [line(TEA, 1, 1_500)], "quoted version 2, now 6",
        "报价版本 2，现为 6", {"quoted_version": 2, "pricing_version": 6},
        lambda scene: scene.do(f.PutSku("TEA", 1_600)), {"pricing_version": 2},
    ),
    Row(
        Reason.PRICE_MISMATCH, [line(TEA, 1, 1_500)], "charged 0.50 less than the lines",
        "实付比明细少 0.50 元", {"mismatch_fen": -50}, how={"mismatch_fen": -50},
    ),
    Row(
        Reason.COST_MISSING, [line(CUP, 2, 1_799)], "CUP: list price 18.00, offered 17.99",
        "CUP：原价 18.00，出价 17.99", {"sku": "CUP", "list_fen": 1_800, "offered_fen": 1_799},
    ),
    Row(
        Reason.PRICE_BELOW_FLOOR, [line(TEA, 1, 900)], "TEA: floor 10.00, offered 9.00",
        "TEA：底价 10.00，出价 9.00",
        {"sku": "TEA", "units": 1, "floor_fen": 1_000, "offered_fen": 900},
    ),
    Row(
        Reason.PRICE_BELOW_FLOOR, [line(SET, 1, 3_000), line(TEA, 1, 900), line(TEA, 2, 2_000)],
        "TEA: floor 30.00 for 3 units, offered 29.00", "TEA：底价 30.00（3 件），出价 29.00",
        {"sku": "TEA", "units": 3, "floor_fen": 3_000, "offered_fen": 2_900}, case="of a group",
    ),
    Row(
        Reason.PRICE_BELOW_FLOOR, [line(TEA, 1, 499, exception=1)],
        "TEA: floor 5.00, offered 4.99", "TEA：底价 5.00，出价 4.99",
        {"sku": "TEA", "units": 1, "floor_fen": 500, "offered_fen": 499}, excepted,
        case="of an exception",
    ),
    Row(
        Reason.IDENTITY_MISSING, [line(TEA, 1, 1_500)], "missing: phone", "缺少：手机号",
        {"missing": ["phone"]}, needs_keys, {"keys": {"account": 1}, "unverified": {"phone": 2}},
    ),
    Row(
        Reason.LIMIT_EXCEEDED, [line(TEA, 3, 4_500)],
        "monthly: limit 6 a month, has 4, asked 3", "monthly：每月限 6 件，已有 4，本次 3",
        {
            "rule": "monthly", "window": "month", "basis": "units", "limit": 6, "has": 4,
            "asked": 3,
        }, used_up, {"keys": {"account": 7}},
    ),
    Row(
        Reason.LIMIT_EXCEEDED, [line(SET, 1, 5_000)],
        "monthly: limit 6 a month, has 4, asked 3", "monthly：每月限 6 件，已有 4，本次 3",
        {
            "rule": "monthly", "window": "month", "basis": "units", "limit": 6, "has": 4,
            "asked": 3,
        }, used_up, {"keys": {"account": 7}}, case="by a bundle",
    ),
    Row(
        Reason.LIMIT_EXCEEDED, [line(TEA, 3, 4_500)],
        "both: limit 10 in total, has 8, asked 3", "both：总共限 10 件，已有 8，本次 3",
        {
            "rule": "both", "window": "total", "basis": "units", "limit": 10, "has": 8, "asked": 3,
            "limits": {"account": 5, "phone": 10},
        }, used_by_phone, {"keys": {"account": 3, "phone": 8}}, case="of one key of two",
    ),
    Row(
        Reason.HOLDS_EXCEEDED, [line(TEA, 1, 1_500)], "limit 2 unpaid, has 2",
        "最多 2 笔未付款，已有 2", {"limit": 2, "has": 2}, two_holds,
        {"keys": {"account": 7}, "paid": False},
    ),
    Row(
        Reason.BUDGET_EXHAUSTED, [line(TEA, 1, 1_500, promotion=1)],
        "night: budget 100.00 a day, has 90.00, asked 15.00",
        "night：每日预算 100.00 元，已有 90.00，本次 15.00",
        {
            "rule": "night", "window": "day", "basis": "money", "limit": 10_000, "has": 9_000,
            "asked": 1_500,
        }, spent,
    ),
    Row(
        Reason.BUDGET_EXHAUSTED, [line(TEA, 3, 1_500, exception=1)], "DEAL", "DEAL",
        {"exceptions": ["DEAL"]}, excepted, case="units of an exception",
    ),
    Row(
        Reason.STOCK_SHORT, [line(TEA, 11, 16_500)], "TEA: available 10, asked 11",
        "TEA：可用 10 件，本次 11 件", {"sku": "TEA", "has": 10, "asked": 11},
    ),
    Row(
        Reason.STOCK_SHORT, [line(SET, 3, 15_000), line(TEA, 2, 3_000)],
        "TEA: available 10, asked 11", "TEA：可用 10 件，本次 11 件",
        {"sku": "TEA", "has": 10, "asked": 11}, case="of a bundle's part",
    ),
    Row(
        Reason.STOCK_SHORT, [line(TEA, 11, 16_500), line(CUP, 12, 10_800)],
        "available 10 of one item", "其一仅余 10 件", {"has": 10}, case="of one of two",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda row: f"{row.reason.name.lower()} {row.case}".strip()
)
def test_a_refusal_is_told_with_its_figures(row: Row, tmp_path: Path) -> None:
    scene = furnished()
    row.before(scene)
    verdict = scene.order(*row.lines, **row.how)
    assert verdict.reason is row.reason
    (event,) = shop.story_of(scene, verdict.id, tmp_path)["events"]
    text = REASON_TEXTS[row.reason]
    english = f" ({row.english})" if row.english else ""
    chinese = f"（{row.chinese}）" if row.chinese else ""
    assert event["text"] == {
        "en": f"refused: {text.english}{english}",
        "zh": f"拒单：{text.chinese}{chinese}",
    }
    assert event["figures"] == row.figures
    assert (event["accepted"], event["reason_number"]) == (False, int(row.reason))
    assert event["retry_with_new_id"] is text.retry_with_new_id


def test_every_reason_that_has_figures_has_a_row() -> None:
    assert {row.reason for row in ROWS if row.figures} == set(DETAILS)


def test_rules_are_told_as_they_were(tmp_path: Path) -> None:
    scene = furnished()
    used_up(scene)
    order = scene.order(line(TEA, 3, 4_500), keys={"account": 7}).id
    scene.do(f.PutRule("monthly", "sku", "TEA", window="month", limits={"account": 60}))
    scene.do(f.DropRule("monthly"))
    (event,) = shop.story_of(scene, order, tmp_path)["events"]
    assert event["text"]["en"].endswith("(monthly: limit 6 a month, has 4, asked 3)")
