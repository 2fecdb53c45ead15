"""Why an order or an operation was decided as it was: permanent numbers, in order of precedence.

A number, once released, keeps its meaning for ever: journals written by every release are replayed.
This module never changes what a number means; a reason that is no longer used keeps its place.
"""

from enum import IntEnum
from typing import NamedTuple


class Reason(IntEnum):
    """The verdict on one order or operation; 0 is acceptance, every other number a refusal."""

    ACCEPTED = 0
    ID_REUSED = 1
    ORDER_TOO_OLD = 2
    SHOP_PAUSED = 3
    PROMOTION_PAUSED = 4
    SKU_PAUSED = 5
    UNKNOWN_SKU = 6
    ORDER_TOO_LARGE = 7
    QUANTITY_BELOW_MINIMUM = 8
    PRICE_CHANGED = 9
    PRICE_MISMATCH = 10
    COST_MISSING = 11
    PRICE_BELOW_FLOOR = 12
    IDENTITY_MISSING = 13
    LIMIT_EXCEEDED = 14
    HOLDS_EXCEEDED = 15
    BUDGET_EXHAUSTED = 16
    STOCK_SHORT = 17
    # Operations on an order that exists (payment, cancellation, shipment, return, release).
    UNKNOWN_ORDER = 32
    WRONG_STATE = 33
    QUANTITY_EXCEEDS_OPEN = 34
    AMOUNT_MISMATCH = 35
    REFUND_DUE = 36
    INCIDENT_OPEN = 37
    ALARM_RAISED = 38
    HELD_BY_PERSON = 39
    PAYMENT_NOT_CONFIRMED = 40
    STOCK_SHORT_AT_RELEASE = 41
    # Commands of operators (catalogue, rules, pools, approvals).
    UNKNOWN_TARGET = 64
    APPROVAL_MISSING = 65
    OUT_OF_BOUNDS = 66
    CLOCK_JUMPED = 67
    PRICING_MOVED = 68


class ReasonText(NamedTuple):
    """What a reason tells a person: its public name, and whether a new id may succeed later."""

    name: str
    retry_with_new_id: bool
    english: str
    chinese: str


REASON_TEXTS: dict[Reason, ReasonText] = {
    Reason.ACCEPTED: ReasonText("accepted", False, "accepted", "已接受"),
    Reason.ID_REUSED: ReasonText(
        "id_reused", True, "this id was already used with other content", "订单号已被其他内容使用"
    ),
    Reason.ORDER_TOO_OLD: ReasonText(
        "order_too_old",
        True,
        "placed more than 24 hours ago, or in the future",
        "下单时间超过 24 小时或在未来",
    ),
    Reason.SHOP_PAUSED: ReasonText(
        "shop_paused", True, "the shop is paused or has no such channel", "店铺已暂停销售或无此渠道"
    ),
    Reason.PROMOTION_PAUSED: ReasonText(
        "promotion_paused", True, "the promotion is paused or unknown", "促销已暂停或不存在"
    ),
    Reason.SKU_PAUSED: ReasonText("sku_paused", True, "the item is paused", "商品已暂停销售"),
    Reason.UNKNOWN_SKU: ReasonText("unknown_sku", True, "no such item", "商品不存在"),
    Reason.ORDER_TOO_LARGE: ReasonText(
        "order_too_large", True, "more units than one order may have", "超过单笔上限"
    ),
    Reason.QUANTITY_BELOW_MINIMUM: ReasonText(
        "quantity_below_minimum", True, "fewer units than one order must have", "低于起购数量"
    ),
    Reason.PRICE_CHANGED: ReasonText(
        "price_changed", True, "the quote is out of date; quote again", "报价已过期，请重新报价"
    ),
    Reason.PRICE_MISMATCH: ReasonText(
        "price_mismatch", True, "the lines do not add up to what was charged", "明细与实付金额不符"
    ),
    Reason.COST_MISSING: ReasonText(
        "cost_missing",
        True,
        "no cost is set, so only list price is allowed",
        "未设成本，只能按原价销售",
    ),
    Reason.PRICE_BELOW_FLOOR: ReasonText(
        "price_below_floor", True, "the price is below the floor", "价格低于底价"
    ),
    Reason.IDENTITY_MISSING: ReasonText(
        "identity_missing",
        True,
        "a limited item needs a verified identity key",
        "限购商品需要身份标识",
    ),
    Reason.LIMIT_EXCEEDED: ReasonText(
        "limit_exceeded", True, "the purchase limit is exceeded", "超过限购数量"
    ),
    Reason.HOLDS_EXCEEDED: ReasonText(
        "holds_exceeded", True, "too many unpaid orders", "未付款订单过多"
    ),
    Reason.BUDGET_EXHAUSTED: ReasonText(
        "budget_exhausted", True, "the budget or rate of this offer is used up", "活动预算已用完"
    ),
    Reason.STOCK_SHORT: ReasonText("stock_short", True, "not enough stock", "库存不足"),
    Reason.UNKNOWN_ORDER: ReasonText("unknown_order", True, "no such order", "订单不存在"),
    Reason.WRONG_STATE: ReasonText(
        "wrong_state", True, "the order is not in a state that allows this", "订单状态不允许此操作"
    ),
    Reason.QUANTITY_EXCEEDS_OPEN: ReasonText(
        "quantity_exceeds_open", True, "more units than the order has left", "超过可操作数量"
    ),
    Reason.AMOUNT_MISMATCH: ReasonText(
        "amount_mismatch",
        True,
        "the amount paid is not the amount due; it is to be refunded",
        "支付金额与应付金额不符，需退款",
    ),
    Reason.REFUND_DUE: ReasonText(
        "refund_due",
        False,
        "the payment cannot be used and is to be refunded",
        "款项无法使用，需退款",
    ),
    Reason.INCIDENT_OPEN: ReasonText(
        "incident_open", True, "an incident is open for this item", "该商品存在未结事故"
    ),
    Reason.ALARM_RAISED: ReasonText("alarm_raised", True, "an alarm is raised", "已触发告警"),
    Reason.HELD_BY_PERSON: ReasonText(
        "held_by_person", True, "a person put this order on hold", "人工挂起"
    ),
    Reason.PAYMENT_NOT_CONFIRMED: ReasonText(
        "payment_not_confirmed", True, "the payment is not confirmed", "付款未确认"
    ),
    Reason.STOCK_SHORT_AT_RELEASE: ReasonText(
        "stock_short_at_release", True, "oversold: no stock to release", "超卖，无货可放行"
    ),
    Reason.UNKNOWN_TARGET: ReasonText(
        "unknown_target", True, "the command names something that does not exist", "操作对象不存在"
    ),
    Reason.APPROVAL_MISSING: ReasonText(
        "approval_missing", True, "two different people must approve this", "需两名不同人员批准"
    ),
    Reason.OUT_OF_BOUNDS: ReasonText(
        "out_of_bounds", True, "a value is outside its bounds", "数值超出范围"
    ),
    Reason.CLOCK_JUMPED: ReasonText(
        "clock_jumped",
        True,
        "the clock jumped; a person must confirm the time",
        "时钟跳变，需人工确认",
    ),
    Reason.PRICING_MOVED: ReasonText(
        "pricing_moved",
        True,
        "prices or promotions changed since this was checked; check again",
        "核价后价格或促销已变更，请重新核价",
    ),
}
