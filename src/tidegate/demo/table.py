"""The table at the end of the night: as published, own shop, marketplace shop, model ERP.

Always holds: every figure comes from the result object; a cell that has no figure says so. Never
here: counting.
"""

from collections.abc import Iterable
from typing import NamedTuple

from rich.box import SIMPLE_HEAVY
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tidegate.demo import published
from tidegate.demo.erp_model import ErpParameters
from tidegate.demo.observer import RULE_TEXT
from tidegate.demo.result import ErpRun, NightResult

NONE = "–"


class Row(NamedTuple):
    """One line of the table."""

    label: str
    published: str
    own: str
    marketplace: str
    erp: str


def number(value: int) -> str:
    """Thousands separated."""
    return f"{value:,}"


def clock(at_ms: int) -> str:
    """Milliseconds since midnight as a time of that night."""
    seconds, thousandths = divmod(at_ms, 1_000)
    return f"00:{seconds // 60:02d}:{seconds % 60:02d}.{thousandths:03d}"


def rows(result: NightResult) -> list[Row]:
    """The whole table as text; the first variant of the model stands in the last column."""
    own, market, erp = result.own, result.marketplace, result.erp[0].outcome
    return [
        Row(
            "buyers 买家",
            number(published.BUYERS),
            number(result.crowd.buyers),
            number(result.crowd.buyers),
            number(result.crowd.buyers),
        ),
        Row(
            "orders taken 成交订单",
            "not published 未公布",
            number(own.accepted_orders),
            number(market.sales),
            number(erp.orders_taken),
        ),
        Row(
            "largest order taken, boxes 最大单",
            number(published.LARGEST_ORDER_BOXES),
            number(own.largest_accepted_units),
            number(result.crowd.largest_units),
            number(erp.largest_order_units),
        ),
        Row(
            "stock, boxes (assumed) 库存(假设)",
            "not published 未公布",
            *[number(sum(result.stock_units))] * 3,
        ),
        Row(
            "approved by two, boxes 两人批准",
            NONE,
            number(sum(result.approved_units)),
            "the price only 仅批价格",
            NONE,
        ),
        Row(
            "boxes promised 已承诺",
            "far more than stock 远超库存",
            number(own.accepted_units),
            number(market.units),
            number(erp.units_taken),
        ),
        Row(
            "oversold, boxes 超卖",
            "yes, number unknown 有",
            number(own.oversold_units),
            f"{number(market.debt_units)} as visible debt 显性负债",
            number(erp.oversold_units),
        ),
        Row(
            "buyers over the limit 超限购买家",
            "limits ineffective 限购失效",
            number(own.buyers_over_limit),
            f"{number(market.buyers_over_limit)} sold, {number(market.released_buyers_over_limit)}"
            " released 放行",
            number(erp.buyers_over_limit),
        ),
        Row(
            "sent to a warehouse, boxes 放行",
            NONE,
            NONE,
            f"{number(market.released_units)} ≤ {number(sum(result.stock_units))}",
            NONE,
        ),
        *_endings(result),
    ]


def _endings(result: NightResult) -> list[Row]:
    """Double-clicks, the kill, and when anyone noticed."""
    own, opening = result.own, result.opening
    said = result.guard
    guard = (
        f"refused in {said.seconds:.1f} s, {len(said.below)} products 拒绝发布" if said else NONE
    )
    noticed = f"{clock(opening.at_ms)} observed 仅观察" if opening else "never"
    return [
        Row(
            "double-clicks charged twice 重复扣款",
            NONE,
            f"{number(own.ids_charged_twice)} of {number(own.double_clicks_accepted)}",
            NONE,
            NONE,
        ),
        Row(
            "answers lost by kill -9 丢失应答",
            NONE,
            f"{number(own.acknowledged_but_lost)} of {number(own.acknowledged_before_kill)}",
            NONE,
            NONE,
        ),
        Row("wrong discount at the guard 价格闸", NONE, guard, NONE, NONE),
        Row(
            "wrong price noticed 发现低价",
            "00:30, by people 半小时后人工发现",
            f"at once, {number(result.refused_by_floor_first)} refused 当即拒单",
            noticed,
            "not modelled 未建模",
        ),
    ]


def night_table(result: NightResult) -> Table:
    """The table for a terminal."""
    table = Table(
        title=f"The night of 26 October 2021 · 十月二十六日之夜 (scale {result.scale:g}, "
        f"seed {result.seed})",
        box=SIMPLE_HEAVY,
        title_justify="left",
    )
    table.add_column("")
    for heading in (
        "as published\n公开数字",
        "own shop\n自营店",
        "marketplace shop\n平台店",
        "the model ERP\n模型 ERP",
    ):
        table.add_column(heading, justify="right")
    for row in rows(result):
        table.add_row(*row)
    return table


def erp_table(runs: Iterable[ErpRun]) -> RenderableType:
    """The model's parameters and what became of them, variant by variant."""
    runs = tuple(runs)
    table = Table(
        title="The ERP that failed, as a model · 失灵 ERP 的模型",
        caption=erp_caption(runs[0].parameters),
        box=SIMPLE_HEAVY,
        title_justify="left",
        caption_justify="left",
    )
    for heading in (
        "variant 变体",
        "deductions/s\n每秒扣减",
        "oversold\n超卖",
        "over the limit\n超限购",
        "peak queue\n最长队列",
        "longest lag\n最长延迟",
        "limit checks failed open\n限购检查放空",
    ):
        table.add_column(heading, justify="left" if heading.startswith("variant") else "right")
    for run in runs:
        out = run.outcome
        table.add_row(
            f"{run.name} {run.chinese}",
            f"{run.parameters.deductions_per_s:.4g}",
            number(out.oversold_units),
            number(out.buyers_over_limit),
            number(out.peak_queue_jobs + out.peak_left_to_pull_jobs),
            f"{out.peak_lag_s} s",
            number(out.checks_failed_open),
        )
    return table


def erp_caption(p: ErpParameters) -> str:
    """The parameters in words: what is published, what is assumed."""
    return (
        f"{p.deductions_per_s:g} deductions a second (quoted for plain database rows at JD, scaled "
        f"with the crowd), a queue of {p.queue_capacity_jobs:,}, a pull and a stock sync every "
        f"{p.pull_every_s} s (a store ERP's documented interval); a limit check not answered in "
        f"{p.limit_check_timeout_ms / 1000:g} s lets the order pass (assumed)."
    )


def refusals(result: NightResult) -> Text:
    """Why the own shop refused, and why the gate held, most frequent first."""
    own = ", ".join(f"{n:,} {why}" for why, n in result.own.refused_by_reason.items())
    held = ", ".join(f"{n:,} {why}" for why, n in result.marketplace.held_by_reason.items())
    judged = ", ".join(f"{n:,} {why}" for why, n in result.marketplace.judged_by_reason.items())
    return Text(
        f"own shop refused 拒单: {own or 'nothing'}\n"
        f"marketplace shop judged 判定: {judged or 'nothing'}\n"
        f"marketplace shop keeps on hold 挂起: {held or 'nothing'}"
    )


def breaker_text(result: NightResult) -> Text:
    """What the observer saw."""
    if result.opening is None:
        return Text(f"breaker (observer only, {RULE_TEXT}): would not have opened 不会触发")
    o = result.opening
    return Text(
        f"breaker 熔断 (observer only 仅观察; rule: {RULE_TEXT}): would have opened at "
        f"{clock(o.at_ms)}, before {o.orders_after:,} later orders for {o.units_after:,} boxes"
    )


def closing(result: NightResult) -> Text:
    """The last line: what was promised, and whether it held."""
    if not result.faults:
        return Text(
            "Judged from the answers alone: every promise held. 仅凭应答审计：全部承诺兑现。",
            "green",
        )
    return Text(f"Promises broken 未兑现: {', '.join(result.faults)}", "bold red")


def report(result: NightResult) -> RenderableType:
    """Everything that is printed at the end."""
    return Group(
        night_table(result),
        refusals(result),
        breaker_text(result),
        Text(""),
        erp_table(result.erp),
        Text(""),
        closing(result),
    )
