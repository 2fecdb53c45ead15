"""A priced basket as a receipt: what every line costs, and every step in words, English and 中文.

Always made from a result alone, with the promotions' names; every amount in it is one of the
result's. Nothing here computes a price, or reads a language from its surroundings.
"""

from collections.abc import Mapping, Sequence

from tidegate.pricing.problems import fen_text
from tidegate.pricing.promotion import Promotion
from tidegate.pricing.result import (
    APPLIED,
    CONFLICT,
    LOCKED,
    NO_EFFECT,
    NO_ROOM,
    NOT_REACHED,
    Priced,
    Step,
)

ENGLISH, CHINESE = "en", "zh-CN"
LEVEL_WORDS = {
    ENGLISH: {"item": "item", "shop": "shop", "platform": "platform", "payment": "payment"},
    CHINESE: {"item": "单品", "shop": "店铺", "platform": "平台", "payment": "支付"},
}
BASIS_WORDS = {
    ENGLISH: {
        "running": "what they cost by then",
        "level_start": "what they cost when the level began",
        "list": "list price",
    },
    CHINESE: {"running": "当前金额", "level_start": "本层级开始时的金额", "list": "原价"},
}
WHY_NOT = {
    ENGLISH: {
        NOT_REACHED: "not reached",
        CONFLICT: "every line is taken by a promotion that it does not combine with",
        LOCKED: "what unlocks it did not apply",
        NO_ROOM: "its budget or the buyer's cap does not cover the whole",
        NO_EFFECT: "nothing is left to take off, or the price is as low already",
    },
    CHINESE: {
        NOT_REACHED: "未达门槛",
        CONFLICT: "商品已享受不可同享的促销",
        LOCKED: "解锁条件未满足",
        NO_ROOM: "预算或每人上限不足以覆盖整笔优惠",
        NO_EFFECT: "已无可减金额，或价格已不高于此价",
    },
}
WORDS = {
    ENGLISH: {
        "list": "list price",
        "goods": "goods",
        "shipping": "shipping",
        "payable": "buyer pays",
        "receivable": "merchant receives for goods",
        "platform": "platform pays",
        "gift": "gift",
        "each": "each",
        "clamp": "asked for {wanted}, only {given} was left",
        "unused": "no effect",
        "seen": "{pieces} units, {measured} by {basis}",
        "units": "{units} units cheaper",
        "times": "tier or times {times}",
        "quote": "quote",
    },
    CHINESE: {
        "list": "原价",
        "goods": "商品金额",
        "shipping": "运费",
        "payable": "买家实付",
        "receivable": "商家应收（商品）",
        "platform": "平台补贴",
        "gift": "赠品",
        "each": "单件",
        "clamp": "应减 {wanted}，仅剩 {given} 可减",
        "unused": "未生效",
        "seen": "共 {pieces} 件，按{basis}计 {measured}",
        "units": "{units} 件降价",
        "times": "第 {times} 档（次）",
        "quote": "报价",
    },
}


def receipt(
    priced: Priced, promotions: Sequence[Promotion] = (), language: str = ENGLISH
) -> list[str]:
    """The receipt, a line of text each. With a trace, each step is explained; else only totals."""
    words = WORDS[language]
    known = {promotion.code: promotion for promotion in promotions}
    lines = [
        f"{line.sku} × {line.quantity}  {words['list']} {fen_text(line.list_fen)}"
        for line in priced.lines
    ]
    if priced.trace is not None:
        for number, step in enumerate(priced.trace, 1):
            lines += step_lines(number, step, known, language)
    else:
        lines += [
            f"  {title(row.promotion, known)}  -{fen_text(row.discount_fen)}"
            for row in priced.promotions
        ]
    lines += [
        f"{words['gift']}: {gift.sku} × {gift.quantity}  ({title(gift.promotion, known)})"
        for gift in priced.gifts
    ]
    for clamp in priced.clamps:
        said = words["clamp"].format(
            wanted=fen_text(clamp.wanted_fen), given=fen_text(clamp.given_fen)
        )
        lines.append(f"! {title(clamp.promotion, known)}: {said}")
    lines += [f"{words['unused']}: {choice}" for choice in priced.unused_choices]
    return lines + closing(priced, words)


def closing(priced: Priced, words: Mapping[str, str]) -> list[str]:
    """The lines' prices and the totals."""
    lines = [
        f"{line.sku}  {fen_text(line.payable_fen)} ({words['each']} "
        f"{each_text(line.payable_fen, line.quantity)})"
        for line in priced.lines
    ]
    platform_fen = priced.receivable_fen - priced.goods_fen + priced.shipping_platform_fen
    lines += [
        f"{words['goods']} {fen_text(priced.goods_fen)}",
        f"{words['shipping']} {fen_text(priced.shipping_fen)}",
        f"{words['payable']} {fen_text(priced.payable_fen)}",
        f"{words['platform']} {fen_text(platform_fen)}",
        f"{words['receivable']} {fen_text(priced.receivable_fen)}",
        f"{words['quote']} {priced.quote.version} {priced.quote.hash[:12]}",
    ]
    return lines


def each_text(amount_fen: int, quantity: int) -> str:
    """An amount by unit, half a fen up; for reading only, no sum is ever made of it."""
    return fen_text((2 * amount_fen + quantity) // (2 * quantity))


def title(code: str, known: Mapping[str, Promotion]) -> str:
    """A promotion's name with its code."""
    promotion = known.get(code)
    return f"{promotion.name} [{code}]" if promotion is not None and promotion.name else code


def step_lines(number: int, step: Step, known: Mapping[str, Promotion], language: str) -> list[str]:
    """One step: what it saw, what it did, line by line."""
    words = WORDS[language]
    promotion = known.get(step.promotion)
    basis = BASIS_WORDS[language][promotion.measured_on if promotion is not None else "running"]
    head = f"{number}. {LEVEL_WORDS[language][step.level]}: {title(step.promotion, known)}"
    seen = words["seen"].format(
        pieces=step.pieces, measured=fen_text(step.measured_fen), basis=basis
    )
    if step.outcome != APPLIED:
        measured = f" ({seen})" if step.measured_fen else ""
        return [f"{head}: {WHY_NOT[language][step.outcome]}{measured}"]
    parts = [f"{head}: -{fen_text(step.given_fen)}"]
    if step.measured_fen:
        parts.append(seen)
        parts.append(words["times"].format(times=step.times))
    elif step.lines:
        parts.append(words["units"].format(units=sum(line.units for line in step.lines)))
    if step.platform_fen:
        parts.append(f"{words['platform']} {fen_text(step.platform_fen)}")
    rows = [
        f"     {line.sku}: {fen_text(line.before_fen)} - {fen_text(line.discount_fen)} = "
        f"{fen_text(line.before_fen - line.discount_fen)}"
        for line in step.lines
        if line.discount_fen
    ]
    return ["; ".join(parts), *rows]
