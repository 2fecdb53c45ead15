"""Why an order was refused, in figures and in words: "limit 6 a month, has 4, asked 3".

Figures come from the decision and the rule that refused, never from a second look at the stock.
"""

from typing import Any

import numpy as np

from tidegate.desk.answers import Decision
from tidegate.domain.reasons import Reason
from tidegate.http.languages import CHINESE, Language
from tidegate.http.ports import Desk, Rows
from tidegate.http.rule_figures import RuleFigures, rule_figures
from tidegate.record.lines import LINE

Explained = tuple[str, dict[str, Any]]

_WINDOWS_EN = {"total": "in total", "day": "a day", "week": "a week", "month": "a month",
               "minute": "a minute", "second": "a second"}  # fmt: skip
_WINDOWS_ZH = {"total": "累计", "day": "每日", "week": "每周", "month": "每月",
               "minute": "每分钟", "second": "每秒"}  # fmt: skip
_BASES_EN = {"units": "", "orders": " orders", "money": " fen", "discount": " fen of discount",
             "loss": " fen of loss"}  # fmt: skip
_BASES_ZH = {"units": "件", "orders": "单", "money": "分", "discount": "分优惠", "loss": "分亏损"}


def explained(decision: Decision, packed: bytes, desk: Desk, language: Language) -> Explained:
    """(detail, figures) of a refusal; ("", {}) where the reason's own words say it all."""
    reason = decision.reason
    rows = np.frombuffer(packed, LINE)
    if reason in {Reason.LIMIT_EXCEEDED, Reason.BUDGET_EXHAUSTED}:
        rule = rule_figures(desk, decision.rule)
        if rule is not None:
            return _of_rule(rule, decision, rows, desk, language)
    if reason == Reason.HOLDS_EXCEEDED:
        figures = {"has": decision.has}
        if language == CHINESE:
            return f"已有 {decision.has} 笔未付款订单", figures
        return f"has {decision.has} unpaid orders", figures
    if reason == Reason.STOCK_SHORT:
        return _of_stock(decision.has, rows, language)
    return "", {}


def _of_rule(
    rule: RuleFigures, decision: Decision, rows: Rows, desk: Desk, language: Language
) -> Explained:
    catalogue = desk.machine.catalogue
    group = catalogue.group_skus.get(rule.target, []) if rule.scope == "group" else []
    asked = rule.asked(rows, group, catalogue.parts)
    if decision.reason == Reason.BUDGET_EXHAUSTED:
        limit = rule.budget
    else:
        limit = rule.limit(decision.has, asked, int(rows[0]["verified"]))
    figures = {
        "rule": rule.code,
        "window": rule.window,
        "basis": rule.basis,
        "limit": limit,
        "has": decision.has,
    }
    words = f"limit {limit}{_BASES_EN[rule.basis]} {_WINDOWS_EN[rule.window]}, has {decision.has}"
    if language == CHINESE:
        unit = _BASES_ZH[rule.basis]
        words = f"{_WINDOWS_ZH[rule.window]}限 {limit} {unit}，已有 {decision.has}"
    if asked:
        figures["asked"] = asked
        words += f"，本次 {asked}" if language == CHINESE else f", asked {asked}"
    return words, figures


def _of_stock(has: int, rows: Rows, language: Language) -> Explained:
    if len(set(rows["sku"].tolist())) != 1:
        figures = {"has": has}
        if language == CHINESE:
            return f"其中一种商品仅剩 {has} 件", figures
        return f"of one of the items {has} are available", figures
    asked = int(rows["quantity"].sum())
    figures = {"has": has, "asked": asked}
    if language == CHINESE:
        return f"可用 {has} 件，本次 {asked} 件", figures
    return f"available {has}, asked {asked}", figures
