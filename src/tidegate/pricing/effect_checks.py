"""What must hold of each kind of promotion: its tiers, its prices, the level it belongs to.

Always against the promotion's own fields and the catalogue. A percentage over 100 never gets here:
the type has no room for it. Nothing here looks at other promotions.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tidegate.pricing.effects import (
    AddOn,
    AmountOff,
    BundlePrice,
    CheapestFree,
    Effect,
    Every,
    FixedPrice,
    FreeShipping,
    Gift,
    MemberPrice,
    NPieces,
    NthPiece,
    Spend,
    Tier,
)
from tidegate.pricing.problems import fen_text, listed
from tidegate.pricing.promotion import Promotion
from tidegate.pricing.scopes import Scopes

Found = tuple[tuple[str | int, ...], str, str]  # (path, why, mend)
ITEM_ONLY = (FixedPrice, MemberPrice, NthPiece, CheapestFree, BundlePrice, AddOn)
ONE_OF = "say one of them, not both and not neither"


def effect_problems(promotion: Promotion, scopes: Scopes) -> Iterator[Found]:
    """What is wrong with what a promotion does."""
    effect = promotion.effect
    if promotion.level != "item" and isinstance(effect, ITEM_ONLY):
        yield ("level",), "this kind prices single units", "set level: item"
    check = CHECKS.get(type(effect))
    if check is not None:
        for path, why, mend in check(promotion, effect, scopes):
            yield ("effect", *path), why, mend


def check_amount_off(promotion: Promotion, effect: AmountOff, scopes: Scopes) -> Iterator[Found]:
    """Nothing in scope may be given away by it, or for less than nothing."""
    if promotion.level != "item":
        return
    skus = [scopes.skus[number] for number in scopes.named(promotion.scope)]
    low = [sku.code for sku in skus if sku.list_price_fen <= effect.off_fen]
    if low:
        why = f"{fen_text(effect.off_fen)} yuan off is 100 % or more of {listed(low)}"
        yield ("off",), why, "take off less, or name them in except_skus"


def check_fixed(
    promotion: Promotion, effect: FixedPrice | MemberPrice, scopes: Scopes
) -> Iterator[Found]:
    """Every SKU has one price, known and not above its list price."""
    if isinstance(effect, MemberPrice) and not promotion.buyers.levels:
        why = "a member price needs to know whose"
        yield ("levels",), why, "name the levels under buyers.levels"
    named = {scopes.skus[number].code for number in scopes.named(promotion.scope)}
    outside = sorted(set(effect.prices_fen) - named)
    if outside:
        yield ("prices",), f"{listed(outside)} is not in the scope", "add it there, or remove it"
    missing = sorted(named - set(effect.prices_fen)) if effect.price_fen is None else []
    if missing:
        yield ("price",), f"no price for {listed(missing)}", "say price, or give each its own"
    yield from dearer_than_list(effect.prices_fen, scopes)
    if effect.price_fen is not None:
        one = dict.fromkeys(sorted(named - set(effect.prices_fen)), effect.price_fen)
        yield from dearer_than_list(one, scopes)


def dearer_than_list(prices_fen: dict[str, int], scopes: Scopes) -> Iterator[Found]:
    """Prices above the list price: a slip of unit, most likely."""
    dearer = [
        code
        for code, price_fen in prices_fen.items()
        if code in scopes.number_of
        and price_fen > scopes.skus[scopes.number_of[code]].list_price_fen
    ]
    if dearer:
        why = f"the price is above the list price of {listed(dearer)}"
        yield ("price",), why, "check its unit (fen or yuan)"


def check_n_pieces(promotion: Promotion, effect: NPieces, _scopes: Scopes) -> Iterator[Found]:
    """Tiers rise in pieces and fall in price; bands are of single units."""
    if effect.applies_to == "units_in_band" and promotion.level != "item":
        yield ("applies_to",), "bands price single units", "set level: item"
    for k in range(1, len(effect.tiers)):
        lower, upper = effect.tiers[k - 1], effect.tiers[k]
        if upper.pieces <= lower.pieces:
            yield ("tiers", k), *OVERLAP
        elif upper.pay_bp >= lower.pay_bp:
            yield ("tiers", k), *NO_BETTER


OVERLAP = ("the tiers overlap", "let each start above the one before")
NO_BETTER = ("this tier gives no more than the one before", "remove it, or give more")


def check_cheapest(_promotion: Promotion, effect: CheapestFree, _scopes: Scopes) -> Iterator[Found]:
    """Something is left to pay."""
    if effect.free >= effect.pieces:
        why = f"{effect.free} free of {effect.pieces} is 100 % or more"
        yield ("free",), why, "let fewer be free than are bought"


def check_spend(_promotion: Promotion, effect: Spend, _scopes: Scopes) -> Iterator[Found]:
    """Each tier is whole, and they rise together in what they ask and what they give."""
    for k, tier in enumerate(effect.tiers):
        path = ("tiers", k)
        if (tier.spend_fen is None) == (tier.pieces is None):
            yield path, "it needs a spend or pieces to start from", ONE_OF
        elif (tier.off_fen is None) == (tier.pay_bp is None):
            yield path, "it gives an amount off or a percentage", ONE_OF
        elif gives_all(tier.off_fen, tier.spend_fen):
            yield path, *GIVES_ALL
        elif k:
            yield from rising(path, effect.tiers[k - 1], tier)


GIVES_ALL = ("the tier gives as much as it asks, or more", "check both amounts and their units")


def gives_all(off_fen: int | None, spend_fen: int | None) -> bool:
    """Whether an amount off is not less than the spend it is for."""
    return off_fen is not None and spend_fen is not None and off_fen >= spend_fen


def rising(path: tuple[str | int, ...], lower: Tier, upper: Tier) -> Iterator[Found]:
    """The upper of two neighbouring tiers asks more and gives more, in the same terms."""
    same_ask = (lower.spend_fen is None) == (upper.spend_fen is None)
    same_give = (lower.off_fen is None) == (upper.off_fen is None)
    if not same_ask or not same_give:
        why = "tiers of different kinds cannot be told apart"
        yield path, why, "use one kind of threshold and one kind of discount, or two promotions"
        return
    asked = (lower.spend_fen or lower.pieces or 0, upper.spend_fen or upper.pieces or 0)
    if asked[1] <= asked[0]:
        yield path, *OVERLAP
        return
    worse_off = upper.off_fen is not None and upper.off_fen <= (lower.off_fen or 0)
    worse_pay = upper.pay_bp is not None and upper.pay_bp >= (lower.pay_bp or 0)
    if worse_off or worse_pay:
        yield path, *NO_BETTER


def check_every(_promotion: Promotion, effect: Every, _scopes: Scopes) -> Iterator[Found]:
    """One step, and it gives less than it asks."""
    if (effect.spend_fen is None) == (effect.pieces is None):
        yield ("spend",), "every so much money, or every so many pieces", ONE_OF
    elif gives_all(effect.off_fen, effect.spend_fen):
        yield ("off",), *GIVES_ALL


def check_bundle(_promotion: Promotion, effect: BundlePrice, scopes: Scopes) -> Iterator[Found]:
    """Known parts with a cost, at least two units, cheaper than apart."""
    yield from known_with_cost(("parts",), sorted(effect.parts), scopes)
    if sum(effect.parts.values()) < 2:
        yield ("parts",), "one unit is no bundle", "use a fixed price"
    known = [(code, count) for code, count in effect.parts.items() if code in scopes.number_of]
    apart_fen = sum(
        scopes.skus[scopes.number_of[code]].list_price_fen * count for code, count in known
    )
    if len(known) == len(effect.parts) and effect.price_fen >= apart_fen:
        why = f"apart the parts cost {fen_text(apart_fen)} yuan, which is no more"
        yield ("price",), why, "check the price and its unit"


def known_with_cost(
    path: tuple[str | int, ...], codes: Sequence[str], scopes: Scopes
) -> Iterator[Found]:
    """SKUs that an effect names itself."""
    unknown = [code for code in codes if code not in scopes.number_of]
    if unknown:
        yield path, f"unknown SKU {listed(unknown)}", "correct or remove the code"
    known = [code for code in codes if code in scopes.number_of]
    without = [code for code in known if not scopes.has_cost[scopes.number_of[code]]]
    if without:
        yield path, f"no cost is known of {listed(without)}", "set the cost"


def check_condition(effect: Gift | AddOn) -> Iterator[Found]:
    """One threshold, and repeats that end."""
    if (effect.spend_fen is None) == (effect.pieces is None):
        yield ("spend",), "it needs a spend or pieces to start from", ONE_OF
    if effect.repeat and effect.spend_fen == 0:
        yield ("repeat",), "it would repeat without end", "say from which spend on"
    if effect.times_max and not effect.repeat:
        yield ("times_max",), "it applies once", "say repeat: true, or leave times_max out"


def check_gift(promotion: Promotion, effect: Gift, scopes: Scopes) -> Iterator[Found]:
    """A known gift with a cost; pieces are taken at item level only."""
    yield from known_with_cost(("sku",), (effect.sku,), scopes)
    yield from check_condition(effect)
    if effect.pieces is not None and promotion.level != "item":
        why = "a gift for pieces takes those units"
        yield ("pieces",), why, "set level: item, or give it for a spend"


def check_add_on(promotion: Promotion, effect: AddOn, scopes: Scopes) -> Iterator[Found]:
    """Known add-ons with a cost, not dearer than their list price, and something else to buy."""
    yield from known_with_cost(("prices",), sorted(effect.prices_fen), scopes)
    yield from dearer_than_list(effect.prices_fen, scopes)
    yield from check_condition(effect)
    named = [scopes.skus[number].code for number in scopes.named(promotion.scope)]
    if named and all(code in effect.prices_fen for code in named):
        yield ("prices",), "an add-on does not count for itself", "add SKUs to buy to the scope"


def check_shipping(_promotion: Promotion, effect: FreeShipping, _scopes: Scopes) -> Iterator[Found]:
    """At most one threshold."""
    if effect.spend_fen is not None and effect.pieces is not None:
        yield ("spend",), "a spend and pieces", "say one of them, or neither for always"


CHECKS: dict[type[Effect], Callable[[Promotion, Any, Scopes], Iterator[Found]]] = {
    AmountOff: check_amount_off,
    FixedPrice: check_fixed,
    MemberPrice: check_fixed,
    NPieces: check_n_pieces,
    CheapestFree: check_cheapest,
    Spend: check_spend,
    Every: check_every,
    BundlePrice: check_bundle,
    Gift: check_gift,
    AddOn: check_add_on,
    FreeShipping: check_shipping,
}
