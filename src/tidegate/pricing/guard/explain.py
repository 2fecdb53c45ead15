"""The guard's answer in words, English and 中文: what is proven, or the basket, as a receipt.

Always from the answer alone; every amount in it was computed before. Nothing here decides.
"""

from tidegate.pricing.book import PriceBook
from tidegate.pricing.guard.answers import Answer, BelowFloor, Counterexample, Proved
from tidegate.pricing.problems import fen_text
from tidegate.pricing.promotion import Buyer
from tidegate.pricing.receipt import CHINESE, ENGLISH, each_text, receipt, title

SHOWN_MAX = 10

WORDS = {
    ENGLISH: {
        "proved": "Proved: whoever buys whatever, whenever, with whichever choices, no line is "
        "below its floor.",
        "below": "Below the floor: {basket} leaves {sku} at {figure} ({each} each); its floor is "
        "{floor} ({floor_each} each).",
        "unknown": "Unknown, which counts as below: {count} of {all} SKUs could be neither "
        "proven nor shown below in the time given: {skus}.",
        "buyer": "Buyer: {buyer}. Chosen: {choices}.",
        "run_out": "Run out by then: {codes}.",
        "did": "Promotions that did it: {codes}.",
        "needed": "Without any one of these it would not be below: {codes}.",
        "other": "Others below: {skus}.",
        "smallest": "No basket of fewer units is below a floor.",
        "small": "Smaller baskets may be below as well.",
        "alone": "One unit alone costs at least {fen}: looked at by itself it seems safe.",
        "lowest": "{sku}: never below {fen} {reached}",
        "reached": "(a basket reaches it)",
        "burden": "Gifts and waived shipping that this line bears: {fen}.",
        "any": "anybody", "new": "new", "old": "not new", "none": "nothing", "and": ", ",
        "more": " and {count} more",
    },
    CHINESE: {
        "proved": "已证明：无论谁、何时、怎样选择、怎样凑单，没有一行商品低于底价。",
        "below": "低于底价：购买 {basket} 时，{sku} 商家应收 {figure}（单件 {each}），"
        "底价 {floor}（单件 {floor_each}）。",
        "unknown": "未能判定（按低于底价处理）：{all} 个 SKU 中有 {count} 个在限定时间内"
        "既未证明也未找到反例：{skus}。",
        "buyer": "买家：{buyer}。选用：{choices}。",
        "run_out": "此时已用完：{codes}。",
        "did": "造成低价的促销：{codes}。",
        "needed": "缺了其中任何一项就不会低于底价：{codes}。",
        "other": "同样低于底价：{skus}。",
        "smallest": "没有件数更少的购物篮低于底价。",
        "small": "可能还有件数更少的购物篮低于底价。",
        "alone": "只买一件至少要 {fen}：单看一件似乎没有问题。",
        "lowest": "{sku}：不低于 {fen}{reached}",
        "reached": "（有购物篮达到）",
        "burden": "此行承担的赠品成本与免运费：{fen}。",
        "any": "任何人", "new": "新客", "old": "老客", "none": "无", "and": "、",
        "more": "等，另有 {count} 个",
    },
}  # fmt: skip


def explained(book: PriceBook, answer: Answer, language: str = ENGLISH) -> list[str]:
    """The answer, a line of text each; a counterexample with its receipt."""
    words = WORDS[language]
    if isinstance(answer, Proved):
        return [words["proved"], *lowest_lines(book, answer, words)]
    if isinstance(answer, BelowFloor):
        found = answer.counterexample
        others = [book.skus[n].code for n in answer.below if book.skus[n].code != found.sku]
        lines = counterexample_lines(book, found, language)
        if others:
            lines.append(words["other"].format(skus=listed(others, words)))
        return lines
    codes = [book.skus[number].code for number in answer.open]
    return [
        words["unknown"].format(count=len(codes), all=len(book.skus), skus=listed(codes, words))
    ]


def lowest_lines(book: PriceBook, answer: Proved, words: dict[str, str]) -> list[str]:
    """The lowest prices of the first SKUs."""
    return [
        words["lowest"]
        .format(
            sku=sku.code, fen=fen_text(lowest.fen), reached=words["reached"] * lowest.is_reached
        )
        .rstrip()
        for sku, lowest in list(zip(book.skus, answer.lowest, strict=True))[:SHOWN_MAX]
    ]


def counterexample_lines(book: PriceBook, found: Counterexample, language: str) -> list[str]:
    """A counterexample in words, and its receipt."""
    words = WORDS[language]
    known = {promotion.code: promotion for promotion in book.promotions}
    place = [line.sku for line in found.priced.lines].index(found.sku)
    line = found.priced.lines[place]

    def named(codes: list[str]) -> str:
        return words["and"].join(title(code, known) for code in codes) or words["none"]

    did = [row.promotion for row in line.discounts]
    did += [gift.promotion for gift in found.priced.gifts if gift.parent_sku == found.sku]
    lines = [
        words["below"].format(
            basket=words["and"].join(f"{row.sku} × {row.quantity}" for row in found.priced.lines),
            sku=found.sku,
            figure=fen_text(found.figure_fen),
            each=each_text(found.figure_fen, line.quantity),
            floor=fen_text(found.floor_fen),
            floor_each=each_text(found.floor_fen, line.quantity),
        ),
        words["buyer"].format(
            buyer=buyer_text(found.buyer, words), choices=named(list(found.choices))
        ),
    ]
    if found.run_out:
        lines.append(words["run_out"].format(codes=named(list(found.run_out))))
    lines.append(words["did"].format(codes=named(did)))
    if found.needed:
        lines.append(words["needed"].format(codes=named(list(found.needed))))
    if found.figure_fen != line.receivable_fen:
        borne_fen = line.receivable_fen - found.figure_fen
        lines.append(words["burden"].format(fen=fen_text(borne_fen)))
    if found.one_unit_fen is not None:
        lines.append(words["alone"].format(fen=fen_text(found.one_unit_fen)))
    lines.append(words["smallest" if found.is_smallest else "small"])
    return lines + receipt(found.priced, book.promotions, language)


def buyer_text(buyer: Buyer, words: dict[str, str]) -> str:
    """A buyer's class in words."""
    said = [words["new"]] if buyer.new else []
    said += [word for word in (buyer.level, buyer.region, buyer.channel) if word]
    return words["and"].join(said) or words["any"]


def listed(codes: list[str], words: dict[str, str]) -> str:
    """The first of some codes, and how many more there are."""
    more = len(codes) - SHOWN_MAX
    shown = words["and"].join(codes[:SHOWN_MAX])
    return shown + (words["more"].format(count=more) if more > 0 else "")
