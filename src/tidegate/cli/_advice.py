"""What to do about a problem, and the one line that says it: reason, number, why, what next.

Always: the reason's own words come from the server; only the advice stands here, in both languages.
Never: advice that could make something happen twice.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

ENGLISH = "en"
CHINESE = "zh-CN"
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


class Advice(NamedTuple):
    """One sentence, in both languages."""

    english: str
    chinese: str


_NAME_IT = Advice("check the shop and the codes that you named", "核对店铺和所填编号")
_PUT_RIGHT = Advice("put that right and give the command again", "改正后重新执行")
_WAIT = Advice("wait a little, then give the same command again", "稍候，再执行同一命令")
_STORY = Advice(
    "look at `tidegate order show CHANNEL ID`", "查看 `tidegate order show 渠道 订单号`"
)
_LIMIT = Advice(
    "ask for less, or let two people approve more: `tidegate exception propose`",
    "减少数量，或由两人特批：`tidegate exception propose`",
)
_PRICE = Advice(
    "correct the price, or let two people approve it: `tidegate exception propose`",
    "更正价格，或由两人特批：`tidegate exception propose`",
)
_SELL_AGAIN = Advice(
    "a person may sell again with `tidegate resume`", "可由人员用 `tidegate resume` 恢复销售"
)

ADVICE: dict[str, Advice] = {
    # The desk's.
    "id_reused": Advice(
        "leave --id out, or repeat exactly what was sent under it",
        "去掉 --id，或原样重复该编号的内容",
    ),
    "shop_paused": _SELL_AGAIN,
    "promotion_paused": _SELL_AGAIN,
    "sku_paused": _SELL_AGAIN,
    "unknown_sku": Advice("add it with `tidegate sku put`", "用 `tidegate sku put` 添加"),
    "price_changed": Advice("quote again and order at that price", "重新报价后下单"),
    "price_below_floor": _PRICE,
    "pricing_moved": Advice(
        "prices moved since it was checked: `tidegate promotion check`, then publish again",
        "检查后价格已变动：重新 `tidegate promotion check` 再发布",
    ),
    "cost_missing": Advice(
        "set its floor: `tidegate sku put --cost-floor-fen`",
        "设置保本价：`tidegate sku put --cost-floor-fen`",
    ),
    "identity_missing": Advice("name the verified account of the buyer", "提供买家已验证的账号"),
    "limit_exceeded": _LIMIT,
    "order_too_large": _LIMIT,
    "budget_exhausted": Advice(
        "raise it with `tidegate rule put`, or wait for the next period",
        "用 `tidegate rule put` 提高，或等待下一周期",
    ),
    "holds_exceeded": Advice("pay or cancel one of them first", "先付款或取消其中一笔"),
    "stock_short": Advice(
        "book what arrived: `tidegate stock receive`", "登记到货：`tidegate stock receive`"
    ),
    "unknown_order": Advice("check channel and order id", "检查渠道和订单号"),
    "wrong_state": _STORY,
    "quantity_exceeds_open": _STORY,
    "amount_mismatch": Advice(
        "refund it, then collect the amount due", "退款后按应付金额重新收款"
    ),
    "refund_due": Advice("refund the buyer", "向买家退款"),
    "stock_short_at_release": Advice(
        "book what arrived: `tidegate stock receive`", "登记到货：`tidegate stock receive`"
    ),
    "unknown_target": _NAME_IT,
    "approval_missing": Advice(
        "let another person approve: `tidegate exception approve`",
        "由另一人批准：`tidegate exception approve`",
    ),
    "clock_jumped": Advice(
        "compare the clock, then `tidegate clock confirm`", "核对时间，再 `tidegate clock confirm`"
    ),
    # The door's.
    "not_authenticated": Advice(
        "set TIDEGATE_KEY or --key-file to a key that is valid: `tidegate key issue`",
        "用 TIDEGATE_KEY 或 --key-file 提供有效密钥：`tidegate key issue`",
    ),
    "not_permitted": Advice(
        "use the key of somebody who may: `tidegate key issue --scope`",
        "换用有权限的密钥：`tidegate key issue --scope`",
    ),
    "not_found": _NAME_IT,
    "personal_data": Advice("use a code of your own instead", "改用自有编号"),
    "rate_limited": _WAIT,
    "request_timeout": _WAIT,
    "approval_needed": Advice(
        "two different people must agree: `tidegate exception list`",
        "须两人同意：`tidegate exception list`",
    ),
}  # fmt: skip


def language_of_terminal() -> str:
    """The language of longer sentences, by the usual variables; English where they are unset."""
    for name in _LOCALE_VARIABLES:
        if value := os.environ.get(name, ""):
            return CHINESE if value.lower().startswith("zh") else ENGLISH
    return ENGLISH


def problem_line(problem: Mapping[str, Any], language: str) -> str:
    """A problem as one line."""
    name = str(problem.get("reason", "unknown"))
    advice = ADVICE.get(name, _PUT_RIGHT)
    told = str(problem.get("detail") or problem.get("title") or "")
    head = f"refused 拒绝: {name} ({problem.get('reason_number', '?')})"
    if language == CHINESE:
        return f"{head}：{told}。怎么办：{advice.chinese}"
    return f"{head}: {told}. What to do: {advice.english}"
