"""What the shop has of each line of a priced basket: its receivable, less gifts and waived fees.

Always adds up: the lines' figures are the basket's receivable less the cost of every gift and the
shop's part of a waived fee, so a basket below the sum of its floors has a line below its own. A
gift burdens its parent line; a waived fee the lines that freed it, by what they cost by then (R3).
Nothing here computes a price.
"""

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import FreeShipping
from tidegate.pricing.result import APPLIED, Priced, Step
from tidegate.pricing.rounding import shares


def line_figures(book: PriceBook, priced: Priced, *, fee_is_cost: bool) -> list[int]:
    """The figure of each line in fen, in the basket's order. A waived fee needs a trace."""
    figures = [line.receivable_fen for line in priced.lines]
    if not priced.gifts and not fee_is_cost:
        return figures
    places = {line.sku: place for place, line in enumerate(priced.lines)}
    for gift in priced.gifts:
        cost_fen = book.skus[book.number_of[gift.sku]].cost_fen
        assert cost_fen is not None, "a promotion whose gift has no cost is refused"
        figures[places[gift.parent_sku]] -= gift.quantity * cost_fen
    if fee_is_cost:
        assert priced.trace is not None, "who freed the fee stands in the trace"
        for step in priced.trace:
            if step.outcome == APPLIED and is_free_shipping(book, step):
                burden(figures, places, step)
    return figures


def is_free_shipping(book: PriceBook, step: Step) -> bool:
    """Whether a step waived a fee."""
    return isinstance(book.promotions[book.codes.index(step.promotion)].effect, FreeShipping)


def burden(figures: list[int], places: dict[str, int], step: Step) -> None:
    """Take the shop's part of a waived fee off the lines that freed it."""
    shop_fen = step.given_fen - step.platform_fen
    weights = [line.before_fen for line in step.lines]
    if not any(weights):
        weights[0] = 1  # goods that cost nothing: the first bears it
    for line, part_fen in zip(step.lines, shares(shop_fen, weights), strict=True):
        figures[places[line.sku]] -= part_fen
