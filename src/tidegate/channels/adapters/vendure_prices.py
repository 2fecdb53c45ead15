"""The price in hand on Vendure, where its Admin API can tell it: no promotion applies by itself.

Always: a price counts with its tax, as the buyer pays it. Never: a list price is told as the price
in hand while a promotion without a coupon code is enabled.
"""

from collections.abc import Sequence

import msgspec

from tidegate.channels.adapters.vendure_session import NotAllowed, Session
from tidegate.channels.ports import RefusedOutside

PIECE_MAX = 100
PRICES = """query ($variants: ProductVariantListOptions!, $promotions: PromotionListOptions!) {
  promotions(options: $promotions) { items { couponCode } }
  productVariants(options: $variants) { items { sku enabled priceWithTax product { enabled } } }
}"""
PROMOTED = "promotions are enabled, and Vendure's Admin API tells no price after them"
NOT_ALLOWED = "to tell prices its role needs ReadPromotion"


class Enabled(msgspec.Struct, frozen=True):
    """Whether a product is on the shelf."""

    enabled: bool


class Priced(msgspec.Struct, frozen=True, rename="camel"):
    """A variant's price, with its tax."""

    sku: str
    enabled: bool
    price_with_tax: int
    product: Enabled


class PricedList(msgspec.Struct, frozen=True):
    """A list of them."""

    items: list[Priced]


class Promotion(msgspec.Struct, frozen=True, rename="camel"):
    """An enabled promotion; one with a code is for buyers who type it."""

    coupon_code: str | None = None


class PromotionList(msgspec.Struct, frozen=True):
    """A list of them."""

    items: list[Promotion]


class PricesAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to PRICES."""

    promotions: PromotionList
    product_variants: PricedList


class VendurePrices:
    """Where prices are read back. Called from the channel's own thread."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def read_prices(self, items: Sequence[str], not_before_ms: int) -> dict[str, int]:  # noqa: ARG002 -- always of now
        """Fen for one unit of what is on the shelf. Raises Unanswered, RefusedOutside."""
        found: dict[str, int] = {}
        for at in range(0, len(items), PIECE_MAX):
            answer = self._asked(items[at : at + PIECE_MAX])
            if any(not promotion.coupon_code for promotion in answer.promotions.items):
                raise RefusedOutside(PROMOTED)
            for one in answer.product_variants.items:
                if one.enabled and one.product.enabled:
                    # Of two variants with one SKU the cheaper is what a buyer takes.
                    found[one.sku] = min(one.price_with_tax, found.get(one.sku, one.price_with_tax))
        return found

    def _asked(self, items: Sequence[str]) -> PricesAnswer:
        try:
            return self._session.ask(
                PRICES, PricesAnswer,
                variants={"take": 2 * len(items), "filter": {"sku": {"in": list(items)}}},
                promotions={"take": 1000, "filter": {"enabled": {"eq": True}}},
            )  # fmt: skip
        except NotAllowed:
            raise RefusedOutside(NOT_ALLOWED) from None
