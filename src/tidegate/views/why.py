"""Why an order was refused or a sale judged, in figures: "limit 6 a month, has 4, asked 3".

Always: from the record and the terms in force at that moment; what the record left open is left
open here. Never: stock, counters or verdicts are looked up again. Nothing names a person.
"""

from collections.abc import Callable
from typing import NamedTuple

from tidegate.domain.reasons import Reason
from tidegate.record import facts as f
from tidegate.record.lines import KEY_KINDS, NO_SKU
from tidegate.views.order import ORDER_AGE_MAX_MS, OrderLine
from tidegate.views.terms import BASES, COST_UNKNOWN, WINDOWS, Terms
from tidegate.views.words import (
    KINDS_ZH,
    NOTHING_MORE,
    Said,
    amount,
    limit_said,
    units_en,
    yuan,
)

HOUR_MS = 3_600_000


class Case(NamedTuple):
    """An order as it came, what the record says of it, and the terms then.

    `has` and `rule` are those of the reason that is asked about, None where the record keeps them
    for another reason (a sale's judgement has several reasons and one place for figures).
    """

    terms: Terms
    lines: list[OrderLine]
    channel: int
    key_kinds: tuple[str, ...]
    placed_at_ms: int
    mismatch_fen: int
    pricing_version: int
    rule: int | None
    has: int | None
    short: int

    def code(self, scope: str, number: int) -> str:
        """A code by number."""
        return self.terms.names.code(scope, number)


def why(case: Case, reason: Reason) -> Said:
    """The figures behind one reason; NOTHING_MORE where its own words say it all."""
    detail = DETAILS.get(reason)
    return detail(case) if detail is not None else NOTHING_MORE


def order_too_old(case: Case) -> Said:
    """Placed too long before."""
    age_h = (case.terms.now_ms - case.placed_at_ms) // HOUR_MS
    most_h = ORDER_AGE_MAX_MS // HOUR_MS
    figures = {"placed_at_ms": case.placed_at_ms, "age_h": age_h, "limit_h": most_h}
    return Said(figures, f"placed {age_h} h before, limit {most_h} h", f"下单已 {age_h} 小时")


def promotion_paused(case: Case) -> Said:
    """Which promotions."""
    numbers = dict.fromkeys(line.promotion for line in case.lines if line.promotion)
    stopped = [
        case.code("promotion", number)
        for number in numbers
        if case.terms.names.at("promotion", number, case.terms.place) is None
        or case.terms.is_paused("promotion", number)
    ]
    return _listed("promotions", stopped)


def sku_paused(case: Case) -> Said:
    """Which SKUs."""
    numbers = dict.fromkeys(line.sku for line in case.lines)
    return _listed("skus", [case.code("sku", n) for n in numbers if case.terms.is_paused("sku", n)])


def unknown_sku(case: Case) -> Said:
    """Which lines."""
    lines = [
        number
        for number, line in enumerate(case.lines)
        if line.sku == NO_SKU or case.terms.sku(line.sku) is None
    ]
    listed = ", ".join(map(str, lines))
    return Said({"lines": lines}, f"line {listed}", f"第 {listed} 行")


def order_too_large(case: Case) -> Said:
    """Of one SKU, or in all."""
    most = case.terms.policy()["quantity_max_order"]
    total = sum(max(0, line.quantity) for line in case.lines)
    if total <= most:
        for sku, units in case.terms.demand(case.lines).items():
            fact = case.terms.sku(sku)
            if fact is not None and fact.quantity_max and units > fact.quantity_max:
                return _bounded(fact.code, "limit", fact.quantity_max, units, "每单最多")
    return _bounded("", "limit", most, total, "每单最多")


def quantity_below_minimum(case: Case) -> Said:
    """Of one SKU, or of a line."""
    for line in case.lines:
        if line.quantity <= 0:
            return _bounded(case.code("sku", line.sku), "minimum", 1, line.quantity, "至少")
    ordered: dict[int, int] = case.terms.demand(case.lines)
    for sku in dict.fromkeys(line.sku for line in case.lines):
        fact = case.terms.sku(sku)
        if fact is not None and ordered[sku] < fact.quantity_min:
            return _bounded(fact.code, "minimum", fact.quantity_min, ordered[sku], "至少")
    return NOTHING_MORE


def price_changed(case: Case) -> Said:
    """The quote's version and the newer one."""
    quoted, newest = case.pricing_version, 0
    for line in case.lines:
        fact = case.terms.sku(line.sku)
        newest = max(newest, fact.pricing_version if fact is not None else 0)
        promotion = case.terms.names.at("promotion", line.promotion, case.terms.place)
        newest = max(newest, promotion.pricing_version if promotion is not None else 0)
    return Said(
        {"quoted_version": quoted, "pricing_version": newest},
        f"quoted version {quoted}, now {newest}",
        f"报价版本 {quoted}，现为 {newest}",
    )


def price_mismatch(case: Case) -> Said:
    """How much more or less was charged than the lines say."""
    off = case.mismatch_fen
    more, more_zh = ("more", "多") if off > 0 else ("less", "少")
    return Said(
        {"mismatch_fen": off},
        f"charged {yuan(abs(off))} {more} than the lines",
        f"实付比明细{more_zh} {yuan(abs(off))} 元",
    )


def cost_missing(case: Case) -> Said:
    """The first line that has no floor and is not sold at list price by itself."""
    for line in case.lines:
        fact = case.terms.sku(line.sku)
        if fact is None or case.terms.line_floor_fen(line) != COST_UNKNOWN:
            continue
        whole = fact.list_price_fen * line.quantity
        at_list = line.receivable_fen >= whole > 0
        if line.promotion or line.gift_of or not at_list:
            return Said(
                {"sku": fact.code, "list_fen": whole, "offered_fen": line.receivable_fen},
                f"{fact.code}: list price {yuan(whole)}, offered {yuan(line.receivable_fen)}",
                f"{fact.code}：原价 {yuan(whole)}，出价 {yuan(line.receivable_fen)}",
            )
    return NOTHING_MORE


def price_below_floor(case: Case) -> Said:
    """The first group of lines whose receivable does not reach its floors."""
    for group in case.terms.groups(case.lines):
        if group.received_fen >= group.floor_fen:
            continue
        code = case.code("sku", case.lines[group.first].sku)
        several = group.units != 1
        return Said(
            {
                "sku": code, "units": group.units, "floor_fen": group.floor_fen,
                "offered_fen": group.received_fen,
            },
            f"{code}: floor {yuan(group.floor_fen)}"
            + (f" for {units_en(group.units)}" if several else "")
            + f", offered {yuan(group.received_fen)}",
            f"{code}：底价 {yuan(group.floor_fen)}"
            + (f"（{group.units} 件）" if several else "")
            + f"，出价 {yuan(group.received_fen)}",
        )  # fmt: skip
    return NOTHING_MORE


def identity_missing(case: Case) -> Said:
    """The kinds of key that were not there, or not verified."""
    missing = case.terms.missing_kinds(case.lines, case.channel, case.key_kinds)
    zh = "、".join(KINDS_ZH[kind] for kind in missing)
    return Said({"missing": missing}, f"missing: {', '.join(missing)}", f"缺少：{zh}")


def limit_exceeded(case: Case) -> Said:
    """The rule, its limit, what was counted and what was asked."""
    rule = _rule(case)
    if rule is None:
        return NOTHING_MORE
    asked = case.terms.asked(rule, case.lines, case.channel, Reason.LIMIT_EXCEEDED) or 0
    keyed = {k: n for k, n in zip(KEY_KINDS, rule.limits, strict=True) if n >= 0}
    present = {kind: limit for kind, limit in keyed.items() if kind in case.key_kinds}
    limit = _limit_that_refused(list(present.values()), case.has, asked)
    figures = _rule_figures(case, rule, limit, asked)
    if len(set(present.values())) > 1:
        figures["limits"] = present
    en, zh = limit_said(limit, case.has, asked, BASES[rule.basis], WINDOWS[rule.window])
    return Said(figures, f"{rule.code}: {en}", f"{rule.code}：{zh}")


def holds_exceeded(case: Case) -> Said:
    """How many unpaid orders, and how many are allowed."""
    cap = case.terms.policy()["hold_cap"]
    return Said(
        {"limit": cap, "has": case.has},
        f"limit {cap} unpaid, has {case.has}",
        f"最多 {cap} 笔未付款，已有 {case.has}",
    )


def budget_exhausted(case: Case) -> Said:
    """A rule's budget; or, without a rule, the units of an exception."""
    rule = _rule(case)
    if rule is None or rule.budget < 0:
        codes = dict.fromkeys(
            case.code("exception", line.exception) for line in case.lines if line.exception
        )
        return _listed("exceptions", list(codes))
    asked = case.terms.asked(rule, case.lines, case.channel, Reason.BUDGET_EXHAUSTED) or 0
    basis, window = BASES[rule.basis], WINDOWS[rule.window]
    en, zh = limit_said(rule.budget, case.has, asked, basis, window)
    return Said(
        _rule_figures(case, rule, rule.budget, asked),
        f"{rule.code}: {en.replace('limit', 'budget', 1)}",
        f"{rule.code}：{zh.replace('限', '预算', 1)}",
    )


def stock_short(case: Case) -> Said:
    """What was available and asked, of the one SKU it can be; of a sale, what is not covered."""
    asked = {
        sku: units
        for sku, units in case.terms.demand(case.lines).items()
        if (fact := case.terms.sku(sku)) is not None and not fact.parts
    }
    if case.short:
        figures = {"short": case.short, "asked": sum(line.quantity for line in case.lines)}
        return Said(figures, f"{units_en(case.short)} not covered", f"缺 {case.short} 件")
    if case.has is None:
        return NOTHING_MORE
    could = [sku for sku, units in asked.items() if units > case.has]
    if len(could) != 1:
        return Said(
            {"has": case.has}, f"available {case.has} of one item", f"其一仅余 {case.has} 件"
        )
    code, units = case.code("sku", could[0]), asked[could[0]]
    return Said(
        {"sku": code, "has": case.has, "asked": units},
        f"{code}: available {case.has}, asked {units}",
        f"{code}：可用 {case.has} 件，本次 {units} 件",
    )


DETAILS: dict[Reason, Callable[[Case], Said]] = {
    Reason.ORDER_TOO_OLD: order_too_old,
    Reason.PROMOTION_PAUSED: promotion_paused,
    Reason.SKU_PAUSED: sku_paused,
    Reason.UNKNOWN_SKU: unknown_sku,
    Reason.ORDER_TOO_LARGE: order_too_large,
    Reason.QUANTITY_BELOW_MINIMUM: quantity_below_minimum,
    Reason.PRICE_CHANGED: price_changed,
    Reason.PRICE_MISMATCH: price_mismatch,
    Reason.COST_MISSING: cost_missing,
    Reason.PRICE_BELOW_FLOOR: price_below_floor,
    Reason.IDENTITY_MISSING: identity_missing,
    Reason.LIMIT_EXCEEDED: limit_exceeded,
    Reason.HOLDS_EXCEEDED: holds_exceeded,
    Reason.BUDGET_EXHAUSTED: budget_exhausted,
    Reason.STOCK_SHORT: stock_short,
}


def _rule(case: Case) -> f.RulePut | None:
    return case.terms.rule(case.rule) if case.rule else None


def _limit_that_refused(limits: list[int], has: int | None, asked: int) -> int:
    """The limit that the figures point at: the record says what was counted, not for which key.

    Normally nobody has more than a limit allows; where several would have refused, the first did.
    """
    if has is not None:
        for limit in limits:
            if has <= limit < has + asked:
                return limit
        for limit in limits:
            if limit < has + asked:
                return limit
    return min(limits, default=0)


def _rule_figures(case: Case, rule: f.RulePut, limit: int, asked: int) -> dict[str, object]:
    return {
        "rule": rule.code, "window": WINDOWS[rule.window], "basis": BASES[rule.basis],
        "limit": limit, "has": case.has, "asked": asked,
    }  # fmt: skip


def _listed(name: str, codes: list[str]) -> Said:
    return Said({name: codes}, ", ".join(codes), "、".join(codes)) if codes else NOTHING_MORE


def _bounded(code: str, word: str, bound: int, asked: int, word_zh: str) -> Said:
    figures: dict[str, object] = {word: bound, "asked": asked}
    before, before_zh = (f"{code}: ", f"{code}：") if code else ("", "")
    if code:
        figures["sku"] = code
    return Said(
        figures,
        f"{before}{word} {amount(bound, 'units')} an order, asked {asked}",
        f"{before_zh}{word_zh} {bound} 件，本次 {asked} 件",
    )
