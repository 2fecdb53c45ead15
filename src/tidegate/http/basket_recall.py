"""A basket's order sent again after its price moved and the server forgot it: what it was then.

Always only asks the desk anew, with the amounts that stand on record: the desk's own fingerprint
decides whether it is the same order. Nothing here makes an answer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from tidegate.http.basket_lines import Named, RowFacts, packed
from tidegate.http.ports import Catalogue
from tidegate.http.schemas import Order
from tidegate.record.lines import NO_EXCEPTION, NO_PROMOTION


def recalled_rows(
    order: Order,
    named: Named,
    tokens: Sequence[int],
    catalogue: Catalogue,
    story: Mapping[str, Any],
) -> bytes | None:
    """The order's rows with the amounts of its story; None where it asked for other goods then."""
    there = story["order"]
    wanted: dict[str, int] = {}
    for line in order.lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    had = [(line["sku"], line["quantity"]) for line in there["lines"] if line["gift_of"] is None]
    if had != list(wanted.items()):
        return None
    facts = [
        RowFacts(
            catalogue.sku_number(line["sku"]),
            line["quantity"],
            line["receivable_fen"],
            line["platform_fen"],
            catalogue.promotion_number(line["promotion"]) if line["promotion"] else NO_PROMOTION,
            catalogue.exception_number(line["exception"]) if line["exception"] else NO_EXCEPTION,
            0 if line["gift_of"] is None else line["gift_of"] + 1,
        )
        for line in there["lines"]
    ]
    platform_fen = sum(fact.platform_fen for fact in facts)
    if order.platform_fen is not UNSET:
        platform_fen = order.platform_fen
    received_fen = sum(fact.receivable_fen for fact in facts)
    mismatch_fen = order.charged_fen + platform_fen - received_fen
    return packed(order, named, tokens, facts, there["pricing_version"], mismatch_fen)
