"""An alarm: what was seen, against what was expected, since which order, and the money at stake.

Always one sentence in English and one in Chinese, with the numbers. Never a name: SKUs, promotions
and channels by their codes, the first order by its keyed hash.
"""

from typing import NamedTuple

from tidegate.domain.reasons import REASON_TEXTS, Reason
from tidegate.record.lines import Array
from tidegate.watch import layout as lo

NOTE, CAP, PAUSE_PROMOTION, PAUSE_SKU, PAUSE_SHOP = range(5)
LEVEL_NAMES = ("note", "cap", "pause_promotion", "pause_sku", "pause_shop")

_PAUSE_OF_SCOPE = {lo.SKU: PAUSE_SKU, lo.PROMOTION: PAUSE_PROMOTION, lo.CHANNEL: PAUSE_SHOP}
_WORDS = {
    lo.SKU: ("SKU {}", "商品 {}"),
    lo.PROMOTION: ("promotion {}", "促销 {}"),
    lo.CHANNEL: ("channel {}", "渠道 {}"),
    lo.REFUSALS: ("refusals as {}", "拒单原因 {}"),
}
# What was seen of which, by hypothesis. {saw} and {expected} are filled in as text.
_SAW = {
    lo.CROWD: (
        "{orders} orders in {saw} where {expected} an hour are usual",
        "{saw} 内 {orders} 单，平常每小时 {expected} 单",
    ),
    lo.CHEAP: (
        "{orders} orders below half the usual price, the last at {saw} of it",
        "{orders} 单低于平常价的一半，最近一单为平常价的 {saw}",
    ),
    lo.RUSH: (
        "{orders} orders in quick succession, the last at {saw} of the usual price",
        "短时间内 {orders} 单，最近一单为平常价的 {saw}",
    ),
    lo.BULK: (
        "{orders} orders of many units, the last of {saw} where {expected} are usual",
        "{orders} 单数量异常，最近一单 {saw} 件，平常 {expected} 件",
    ),
    lo.REPEAT: (
        "{orders} orders of buyers who order again, the last its buyer's no. {saw} within the hour",
        "{orders} 单为同一买家重复下单，最近一单为一小时内第 {saw} 单",
    ),
    lo.EXTREME: (
        "one order of {saw} units where no order of this shop should pass {expected}",
        "单笔 {saw} 件，本店单笔不应超过 {expected} 件",
    ),
    lo.BURN: (
        "discounts of {saw} yuan an hour where {expected} are planned",
        "优惠支出每小时 {saw} 元，计划 {expected} 元",
    ),
    lo.SILENCE: (
        "no order for {saw} where {expected} were due",
        "{saw} 没有订单，应有 {expected} 单",
    ),
    lo.SLOW: (
        "{saw} orders in the last days where {expected} were due",
        "近日共 {saw} 单，应有 {expected} 单",
    ),
}


class Alarm(NamedTuple):
    """One alarm as people and the breaker see it."""

    key: str  # the same alarm, found again after a restart, has the same key
    at_ms: int
    level: int
    scope: int
    number: int
    code: str
    channel: int
    hypothesis: int
    first_order: str  # keyed hash of the first order concerned, in hex
    first_ms: int
    orders: int
    units: int
    stake_fen: int
    score: float
    threshold: float
    english: str
    chinese: str
    saw: float = 0.0  # in the hypothesis' own measure
    expected: float = 0.0


def level_of(scope: int, hypothesis: int) -> int:
    """What an alarm asks for: the least that stops what it saw.

    A price or a promotion that is wrong is paused. A crowd, a hoarder or a repeater at the usual
    price costs no margin: one unit an order takes the harm out of it and goes on selling.
    """
    if scope == lo.REFUSALS or hypothesis in (lo.SILENCE, lo.SLOW):
        return NOTE
    if hypothesis in (lo.CHEAP, lo.RUSH):
        return _PAUSE_OF_SCOPE[scope]
    if hypothesis == lo.BURN or (hypothesis == lo.CROWD and scope == lo.PROMOTION):
        return PAUSE_PROMOTION
    return CAP


def alarm_of(row: Array, code: str, *, is_cold: bool) -> Alarm:
    """An alarm row in words. `is_cold`: the shop's own history is too short to act on."""
    scope, hypothesis = int(row["scope"]), int(row["hypothesis"])
    number, at_ms = int(row["number"]), int(row["at_ms"])
    by_list = int(row["listed"]) != 0 and hypothesis in (lo.CHEAP, lo.RUSH)
    by_history = hypothesis != lo.BURN and not by_list
    level = NOTE if is_cold and by_history else level_of(scope, hypothesis)
    # A silence is found when somebody looks: it is named after when it began.
    since_ms = int(row["first_ms"]) if hypothesis == lo.SILENCE else at_ms
    key = "-".join(
        (lo.HYPOTHESIS_NAMES[hypothesis], lo.SCOPE_NAMES[scope], str(number),
         str(int(row["channel"])), str(since_ms)),
    )  # fmt: skip
    english, chinese = sentences(row, code)
    return Alarm(
        key, at_ms, level, scope, number, code, int(row["channel"]), hypothesis,
        f"{int(row['first_hi']):016x}{int(row['first_lo']):016x}", int(row["first_ms"]),
        int(row["orders"]), int(row["units"]), int(row["stake_fen"]), float(row["score"]),
        float(row["threshold"]), english, chinese, float(row["saw"]), float(row["expected"]),
    )  # fmt: skip


def sentences(row: Array, code: str) -> tuple[str, str]:
    """The alarm in English and in Chinese: which, what against what, since when, how much money."""
    scope, hypothesis = int(row["scope"]), int(row["hypothesis"])
    names = (code, code)
    if scope == lo.REFUSALS:
        text = REASON_TEXTS[Reason(int(row["number"]))]
        names = (text.name, text.chinese)
    money = f"{int(row['stake_fen']) / 100:,.2f}"
    first = f"{int(row['first_hi']):016x}"
    said = []
    for language in (0, 1):
        saw, expected = _figures(row, hypothesis, language)
        words = _SAW[hypothesis][language].format(
            orders=int(row["orders"]), saw=saw, expected=expected
        )
        said.append((_WORDS[scope][language].format(names[language]), words))
    if hypothesis in (lo.SILENCE, lo.SLOW):
        return f"{said[0][0]}: {said[0][1]}", f"{said[1][0]}：{said[1][1]}"
    return (
        f"{said[0][0]}: {said[0][1]}; first order {first}, {money} yuan at stake",
        f"{said[1][0]}：{said[1][1]}；首单 {first}，涉及金额 {money} 元",
    )


def _figures(row: Array, hypothesis: int, language: int) -> tuple[str, str]:
    saw, expected = float(row["saw"]), float(row["expected"])
    if hypothesis in (lo.CHEAP, lo.RUSH):
        return f"{saw:.1%}", ""
    if hypothesis in (lo.CROWD, lo.SILENCE):
        return span(saw, language), f"{expected:,.2g}" if expected < 10 else f"{expected:,.0f}"
    if hypothesis == lo.BURN:
        return f"{saw / 100:,.2f}", f"{expected / 100:,.2f}"
    return f"{saw:,.0f}", f"{expected:,.0f}"


def span(seconds: float, language: int) -> str:
    """A time span in words, to two figures."""
    units = ((" s", " 秒"), (" min", " 分钟"), (" h", " 小时"), (" d", " 天"))
    for name, limit, size in zip(
        units, (120, 7200, 172_800, 1e99), (1, 60, 3600, 86_400), strict=True
    ):
        if seconds < limit:
            return f"{seconds / size:.3g}{name[language]}"
    raise AssertionError(seconds)
