"""The table and the texts around it say what the result object holds, and nothing else."""

import json
from io import StringIO

import numpy as np
from rich.console import Console

from tidegate.demo.answers import Heard
from tidegate.demo.crowd import ORDER, Crowd, figures, make_crowd
from tidegate.demo.judge import MarketplaceShop, OwnShop, Verdict
from tidegate.demo.observer import Opening, below_floor_orders, would_open
from tidegate.demo.result import GuardSaid, Kill, NightResult, as_json, erp_runs
from tidegate.demo.table import Row, breaker_text, clock, closing, refusals, report, rows

CROWD = make_crowd(20211026, 0.01)


def result(**own: int) -> NightResult:
    return NightResult(
        seed=20211026,
        scale=0.01,
        stock_units=CROWD.stock_units,
        approved_units=CROWD.stock_units,
        crowd=figures(CROWD),
        erp=erp_runs(CROWD),
        guard=GuardSaid(
            verdict="below_floor",
            seconds=0.2,
            below={"A": 1_000, "B": 877},
            receipt=["A × 1"],
            floor_fen=10_000,
            receivable_fen=1_000,
        ),
        verdict=Verdict(
            own=OwnShop(
                accepted_orders=700,
                accepted_units=820,
                largest_accepted_units=2,
                refused_by_reason={"limit_exceeded": 500, "stock_short": 300},
                double_clicks_accepted=31,
                acknowledged_before_kill=400,
                **own,
            ),
            marketplace=MarketplaceShop(
                sales=1_540,
                units=3_354,
                buyers_over_limit=180,
                debt_units=2_504,
                debt_units_naive=2_504,
                released_units=350,
                judged_by_reason={"limit_exceeded": 240},
                held_by_reason={"limit_exceeded": 240, "stock_short_at_release": 900},
            ),
        ),
        refused_by_floor_first=50,
        kill=Kill(answered_before=800, requests_cut_off=12, ready_again_s=1.5),
        opening=Opening(order=2, at_ms=61_250, orders_after=1_537, units_after=3_340),
        acts=[],
        faults=[],
    )


def test_the_table_row_by_row() -> None:
    assert rows(result()) == [
        Row("buyers 买家", "140,500", "1,405", "1,405", "1,405"),
        Row("orders taken 成交订单", "not published 未公布", "700", "1,540", "667"),
        Row("largest order taken, boxes 最大单", "41,000", "2", "410", "410"),
        Row("stock, boxes (assumed) 库存(假设)", "not published 未公布", "850", "850", "850"),
        Row("approved by two, boxes 两人批准", "–", "850", "the price only 仅批价格", "–"),
        Row("boxes promised 已承诺", "far more than stock 远超库存", "820", "3,354", "1,661"),
        Row(
            "oversold, boxes 超卖",
            "yes, number unknown 有",
            "0",
            "2,504 as visible debt 显性负债",
            "811",
        ),
        Row(
            "buyers over the limit 超限购买家",
            "limits ineffective 限购失效",
            "0",
            "180 sold, 0 released 放行",
            "75",
        ),
        Row("sent to a warehouse, boxes 放行", "–", "–", "350 ≤ 850", "–"),
        Row("double-clicks charged twice 重复扣款", "–", "0 of 31", "–", "–"),
        Row("answers lost by kill -9 丢失应答", "–", "0 of 400", "–", "–"),
        Row(
            "wrong discount at the guard 价格闸",
            "–",
            "refused in 0.2 s, 2 products 拒绝发布",
            "–",
            "–",
        ),
        Row(
            "wrong price noticed 发现低价",
            "00:30, by people 半小时后人工发现",
            "at once, 50 refused 当即拒单",
            "00:01:01.250 observed 仅观察",
            "not modelled 未建模",
        ),
    ]


def test_the_texts_around_the_table() -> None:
    assert refusals(result()).plain.splitlines() == [
        "own shop refused 拒单: 500 limit_exceeded, 300 stock_short",
        "marketplace shop judged 判定: 240 limit_exceeded",
        "marketplace shop keeps on hold 挂起: 240 limit_exceeded, 900 stock_short_at_release",
    ]
    assert breaker_text(result()).plain == (
        "breaker 熔断 (observer only 仅观察; rule: price_below_floor on 3 paid orders in a row): "
        "would have opened at 00:01:01.250, before 1,537 later orders for 3,340 boxes"
    )
    assert clock(1_799_999) == "00:29:59.999"


def test_a_broken_promise_is_named_in_the_last_line() -> None:
    broken = result(oversold_units=1)
    assert broken.verdict.faults() == ["own.oversold_units"]
    broken.faults = broken.verdict.faults()
    assert closing(broken).plain == "Promises broken 未兑现: own.oversold_units"
    assert closing(result()).plain.startswith("Judged from the answers alone: every promise held.")


def test_the_whole_report_prints_in_both_languages() -> None:
    out = StringIO()
    Console(file=out, width=160).print(report(result()))
    text = out.getvalue()
    for heading in ("as published", "自营店", "marketplace shop", "模型 ERP", "超卖", "oversold"):
        assert heading in text


def test_the_json_holds_published_figures_assumptions_and_the_result() -> None:
    said = json.loads(as_json(result(), {"cores": 2}))
    assert said["what"] == "tidegate demo"
    assert said["published"]["buyers"] == 140_500
    assert said["machine"] == {"cores": 2}
    assert said["verdict"]["own"]["accepted_orders"] == 700
    assert said["erp"][0]["parameters"]["deduction_us"] == 2_000_000
    assert said["erp"][0]["outcome"]["oversold_units"] == 811
    assert [run["name"] for run in said["erp"]] == [
        "as assumed",
        "platform counts down by itself",
        "24 times as fast",
    ]
    assert len(said["assumptions"]) == 8


def five_orders() -> Crowd:
    orders = np.zeros(5, ORDER)
    orders["at_ms"] = (100, 200, 300, 400, 500)
    orders["quantity"] = (1, 2, 3, 4, 5)
    crowd = make_crowd(1, 0.001)
    return Crowd(1, 0.001, orders, crowd.attempts, crowd.stock_units, 5)


def test_the_observer_opens_at_the_third_order_in_a_row() -> None:
    crowd = five_orders()
    assert would_open(crowd, {0, 1, 2, 3}) == Opening(
        order=2, at_ms=300, orders_after=2, units_after=9
    )
    assert would_open(crowd, {0, 1, 3, 4}) is None
    assert would_open(crowd, {0, 2, 3, 4}) == Opening(
        order=4, at_ms=500, orders_after=0, units_after=0
    )


def test_the_observer_reads_judgements_only() -> None:
    heard = [
        Heard(0, 1, 0, 0, 200, b'{"judgement":["price_below_floor","stock_short"]}'),
        Heard(1, 1, 0, 0, 200, b'{"judgement":[]}'),
        Heard(2, 1, 0, 0, 409, b'{"reason":"price_below_floor"}'),
        Heard(3, 1, 0, 0, 200, b'{"judgement":["price_below_floor"],"duplicate":true}'),
    ]
    assert below_floor_orders(heard) == {0, 3}
