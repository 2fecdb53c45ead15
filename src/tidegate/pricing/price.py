"""The one price of a basket: quotes, the price guard and the desk all ask here.

Always exact, in whole fen, and the same for the same basket, buyer, choices, moment and room, in
whatever order they are given. Rules run one after the other in the book's order; nothing is
searched and nothing is chosen for the buyer. A price never reads a clock, a budget or a coupon's
owner: what is left of those comes in as `room`.
"""

from collections.abc import Collection

from tidegate.pricing.basket import Working
from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import PIECES_MAX
from tidegate.pricing.promotion import Basket, Buyer
from tidegate.pricing.result import LineDiscount, Priced, PricedLine
from tidegate.pricing.rule import UNITS
from tidegate.pricing.running import Rooms, Run, run_sum, run_units

LINES_MAX = 64  # as many as an order may have


class BasketRefused(ValueError):
    """A basket that has no price: it names an unknown SKU, or is empty or too large."""


def price(
    book: PriceBook,
    basket: Basket,
    buyer: Buyer,
    choices: Collection[str],
    time_ms: int,
    *,
    room: Rooms = None,
    trace: bool = False,
) -> Priced:
    """What a basket costs this buyer at this moment with these opt-ins and coupons.

    `choices` are codes of promotions or coupons; those that lead nowhere are named in the answer.
    `room` says what a promotion may still give (budget, buyer's caps); a promotion that would give
    more is left out whole. Not checked here: floors, stock, limits, whether a coupon was claimed.
    Raises BasketRefused.
    """
    lines = working_lines(book, basket)
    chosen = 0
    for choice in choices:
        chosen |= book.choice_bits.get(choice, 0)
    mask = book.active_mask(buyer, time_ms) & (book.automatic_mask | chosen)
    by_code = sorted(lines, key=lambda line: line.sku)
    bases = lines_reached(book, by_code, mask)
    run = Run(basket, by_code, trace=trace)
    in_units = True
    for place in sorted(bases):
        rule = book.rules[place]
        if rule.phase == UNITS:
            run_units(run, rule, bases[place], room)
            continue
        if in_units:
            in_units = False
            sum_up(by_code)
        if rule.level != run.level:
            run.level = rule.level
            for line in by_code:
                line.level_fen = line.amount_fen
        run_sum(run, rule, bases[place], room)
    if in_units:
        sum_up(by_code)
    unused = unused_choices(book, run.applied, choices) if choices else ()
    return answer(book, run, lines, basket.shipping_fen, unused)


def lines_reached(book: PriceBook, lines: list[Working], mask: int) -> dict[int, list[Working]]:
    """By place in the order of evaluation, the lines that each promotion of the mask reaches."""
    bases: dict[int, list[Working]] = {}
    for position, line in enumerate(lines):
        line.position = position
        reach = book.masks[line.sku] & mask
        while reach:
            bit = reach & -reach
            reach ^= bit
            place = bit.bit_length() - 1
            base = bases.get(place)
            if base is None:
                bases[place] = [line]
            else:
                base.append(line)
    return bases


def working_lines(book: PriceBook, basket: Basket) -> list[Working]:
    """The basket's lines in its own order, those of one SKU as one. Raises BasketRefused."""
    if not 0 < len(basket.lines) <= LINES_MAX:
        raise BasketRefused(f"a basket has 1 to {LINES_MAX} lines, this one {len(basket.lines)}")
    quantities: dict[int, int] = {}
    for line in basket.lines:
        number = book.number_of.get(line.sku)
        if number is None:
            raise BasketRefused(f"unknown SKU {line.sku!r}")
        if line.quantity < 1:
            raise BasketRefused(f"{line.sku!r}: a quantity is at least 1")
        quantities[number] = quantities.get(number, 0) + line.quantity
    over = [number for number, quantity in quantities.items() if quantity > PIECES_MAX]
    if over or basket.shipping_fen < 0:
        raise BasketRefused(f"at most {PIECES_MAX} units of a SKU, and no negative fee")
    prices_fen = book.list_prices_fen
    return [
        Working(number, book.skus[number].code, quantity, prices_fen[number])
        for number, quantity in quantities.items()
    ]


def sum_up(lines: list[Working]) -> None:
    """From unit prices to amounts: what every line costs after the unit phase."""
    for line in lines:
        if line.touched:
            line.amount_fen = sum(count * unit_fen for count, unit_fen, _ in line.lots)


def unused_choices(book: PriceBook, applied: int, choices: Collection[str]) -> tuple[str, ...]:
    """The choices that changed nothing, sorted."""
    bits = book.choice_bits
    return tuple(sorted({choice for choice in choices if not bits.get(choice, 0) & applied}))


def answer(
    book: PriceBook, run: Run, lines: list[Working], shipping_list_fen: int, unused: tuple[str, ...]
) -> Priced:
    """The result, lines in the basket's order."""
    codes = book.codes
    list_fen = goods_fen = platform_fen = 0
    priced = []
    for line in lines:
        line_platform_fen = 0
        discounts = []
        for place, discount_fen, part_fen in line.discounts:
            line_platform_fen += part_fen
            discounts.append(LineDiscount(codes[place], discount_fen, part_fen))
        amount_fen = line.amount_fen
        assert amount_fen >= 0
        list_fen += line.list_fen
        goods_fen += amount_fen
        platform_fen += line_platform_fen
        priced.append(
            PricedLine(
                line.code,
                line.quantity,
                line.list_fen,
                tuple(discounts),
                amount_fen,
                amount_fen + line_platform_fen,
            )
        )
    return Priced(
        quote=book.quote,
        lines=tuple(priced),
        promotions=tuple(run.totals),
        gifts=tuple(run.gifts),
        list_fen=list_fen,
        goods_fen=goods_fen,
        receivable_fen=goods_fen + platform_fen,
        shipping_list_fen=shipping_list_fen,
        shipping_fen=run.shipping_fen,
        shipping_platform_fen=run.shipping_platform_fen,
        payable_fen=goods_fen + run.shipping_fen,
        clamps=tuple(run.clamps),
        unused_choices=unused,
        trace=None if run.steps is None else tuple(run.steps),
    )
