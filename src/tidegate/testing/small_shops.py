"""Small shops with any kind of promotion, and the lowest prices in them by trying every basket.

Always the same shop for the same seed, and every kind, level, cap, group and condition among the
first few hundred. The brute force knows nothing of the guard: it asks `price` for everything. Never
a real price.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, product
from random import Random
from typing import Any

from tidegate.pricing.book import PriceBook
from tidegate.pricing.effects import (
    AddOn,
    AmountOff,
    AnyEffect,
    BundlePrice,
    CheapestFree,
    Every,
    FixedPrice,
    FreeShipping,
    Gift,
    MemberPrice,
    NPieces,
    NthPiece,
    PercentOff,
    PieceTier,
    Spend,
    Tier,
)
from tidegate.pricing.price import price
from tidegate.pricing.problems import PromotionsRefused
from tidegate.pricing.promotion import (
    Basket,
    Budget,
    Buyer,
    Buyers,
    Coupon,
    Level,
    Limits,
    Line,
    Promotion,
    Room,
    Scope,
    Sku,
)
from tidegate.pricing.result import Priced
from tidegate.testing.prices import START_MS

HOUR_MS = 3_600_000
PRICES_FEN = (333, 500, 999, 1_000, 2_500, 2_600)
RATES_BP = (0, 3_333, 5_000, 7_500, 9_000, 9_999)
UNITS_MAX = {1: 9, 2: 5, 3: 3}  # by SKUs, so that every basket can be tried
LEVEL_DRAWS: tuple[Level, ...] = (
    "item", "item", "item", "shop", "shop", "platform", "payment",
)  # fmt: skip
CHOSEN_MAX = 4  # promotions that may or may not be there


@dataclass(frozen=True)
class SmallShop:
    """A shop in which everything can be tried."""

    seed: int
    book: PriceBook
    units_max: int
    fee_fen: int  # that counts as cost when waived; 0 = it does not


def small_shop(seed: int) -> SmallShop:
    """The shop of a seed. Promotions that do not go together are drawn again."""
    rng = Random(seed)
    while True:
        skus = tuple(
            Sku(code, rng.choice(PRICES_FEN), rng.choice((1, 100, 250)), ("all", code.lower()))
            for code in "ABC"[: rng.choice((1, 1, 2, 2, 2, 3))]
        )
        codes = [f"P{number}" for number in range(rng.choice((1, 2, 2, 3, 3, 4)))]
        promotions = [drawn_promotion(rng, code, codes, skus) for code in codes]
        free = [row for row in promotions if row.is_chosen or row.may_run_out]
        if len(free) > CHOSEN_MAX:
            continue
        try:
            book = PriceBook(promotions, skus)
        except PromotionsRefused:
            continue
        return SmallShop(seed, book, UNITS_MAX[len(skus)], rng.choice((0, 0, 150)))


def drawn_promotion(rng: Random, code: str, codes: Sequence[str], skus: Sequence[Sku]) -> Promotion:
    """Any promotion; not every one can be compiled."""
    level = rng.choice(LEVEL_DRAWS)
    effect = drawn_effect(rng, level, skus)
    scope = Scope(all=True)
    if rng.random() < 0.5 and len(skus) > 1:
        chosen = rng.sample([sku.code for sku in skus], rng.randrange(1, len(skus)))
        scope = Scope(skus=tuple(sorted(chosen)))
    more: dict[str, Any] = {}
    if isinstance(effect, BundlePrice):
        scope = Scope()
    start, end = rng.choice(((0, 24), (0, 24), (0, 12), (6, 18), (12, 24)))
    if rng.random() < 0.4:
        more["opt_in"] = True
    elif rng.random() < 0.2:
        more["coupon"] = Coupon()
    if isinstance(effect, MemberPrice):
        more["buyers"] = Buyers(levels=("gold",))
    elif rng.random() < 0.2:
        more["buyers"] = rng.choice((Buyers(new=True), Buyers(levels=("gold",)), Buyers(new=False)))
    if rng.random() < 0.3:
        more["exclusive_group"] = rng.choice("XY")
    if rng.random() < 0.15:
        more["combines_with"] = tuple(c for c in codes if c != code and rng.random() < 0.5)
    if rng.random() < 0.15:
        more["requires"] = (rng.choice(codes),)
    if rng.random() < 0.15:
        more["budget"] = Budget(units=5)
    return Promotion(
        code=code,
        level=level,
        effect=effect,
        scope=scope,
        start_ms=START_MS + start * HOUR_MS,
        end_ms=START_MS + end * HOUR_MS,
        priority=rng.choice((10, 20)),
        measured_on=rng.choice(("running", "running", "level_start", "list")),
        limits=drawn_limits(rng, level, effect),
        shop_share_bp=rng.choice((None, None, 10_000, 5_000, 3_333, 0)),
        **more,
    )


def drawn_limits(rng: Random, level: str, effect: AnyEffect) -> Limits:
    """A cap by order, where the kind has one, or by buyer."""
    single = isinstance(effect, PercentOff | AmountOff | FixedPrice | MemberPrice)
    in_sums = level != "item" or isinstance(effect, Spend | Every)
    limits: dict[str, Any] = {}
    if level == "item" and single and rng.random() < 0.4:
        limits["order_units"] = rng.choice((1, 2))
    if in_sums and not isinstance(effect, Gift | FreeShipping) and rng.random() < 0.3:
        limits["order_discount_fen"] = rng.choice((99, 400))
    if rng.random() < 0.1:
        limits["buyer_orders"] = 1
    return Limits(**limits)


def drawn_effect(rng: Random, level: str, skus: Sequence[Sku]) -> AnyEffect:
    """Any kind that may stand at the level."""
    codes = [sku.code for sku in skus]
    rate = rng.choice(RATES_BP)
    kinds = ["percent", "amount", "pieces", "spend", "every", "gift_spend", "shipping"]
    if level == "item":
        kinds += ["fixed", "member", "nth", "nth", "cheapest", "cheapest", "bundle", "bundle"]
        kinds += ["gift_pieces", "add_on", "add_on", "bands", "pieces"]
    kind = rng.choice(kinds)
    mixed, repeat = rng.random() < 0.6, rng.random() < 0.5
    times_max = rng.choice((0, 0, 1, 2))
    by_pieces = rng.random() < 0.3
    if kind == "percent":
        return PercentOff(pay_bp=rate)
    if kind == "amount":
        return AmountOff(off_fen=rng.choice((1, 49, 300)))
    if kind in {"pieces", "bands"}:
        bands = "units_in_band" if kind == "bands" else "all_units"
        return NPieces(tiers=drawn_tiers(rng), applies_to=bands, mixed=mixed)  # type: ignore[arg-type]
    if kind == "spend":
        return drawn_spend(rng, by_pieces=by_pieces)
    if kind == "every":
        step = (
            {"pieces": rng.choice((2, 3))} if by_pieces else {"spend_fen": rng.choice((700, 2_000))}
        )
        return Every(off_fen=rng.choice((50, 333)), times_max=times_max, **step)
    condition = {"pieces": 2} if level == "item" and kind != "gift_spend" else {"spend_fen": 1_000}
    if kind in {"gift_spend", "gift_pieces"}:
        return Gift(
            sku=rng.choice(codes), quantity=rng.choice((1, 2)), repeat=repeat,
            times_max=times_max if repeat else 0, **condition,
        )  # fmt: skip
    if kind == "shipping":
        return FreeShipping(spend_fen=rng.choice((None, 1_500)), up_to_fen=rng.choice((None, 60)))
    if kind == "fixed":
        return FixedPrice(price_fen=rng.choice((0, 100, 300)))
    if kind == "member":
        return MemberPrice(price_fen=rng.choice((100, 300)))
    if kind == "nth":
        return NthPiece(nth=rng.choice((2, 3)), pay_bp=rate, mixed=mixed, times_max=times_max)
    if kind == "cheapest":
        pieces = rng.choice((2, 3))
        return CheapestFree(pieces=pieces, free=rng.randrange(1, pieces), mixed=mixed,
                            times_max=times_max)  # fmt: skip
    if kind == "bundle":
        parts = {code: rng.choice((1, 2)) for code in rng.sample(codes, rng.randint(1, len(codes)))}
        return BundlePrice(parts=parts, price_fen=rng.choice((301, 500, 900)), times_max=times_max)
    condition = rng.choice(({"pieces": 1}, {"pieces": 2}, {"spend_fen": 900}))
    return AddOn(prices_fen={rng.choice(codes): rng.choice((1, 200))}, repeat=repeat,
                 units_each=rng.choice((1, 2)), times_max=times_max if repeat else 0,
                 **condition)  # fmt: skip


def drawn_tiers(rng: Random) -> tuple[PieceTier, ...]:
    """One or two tiers of pieces."""
    tiers = (PieceTier(2, 8_000), PieceTier(3, rng.choice((5_000, 2_000))))
    return tiers[: rng.choice((1, 2))]


def drawn_spend(rng: Random, *, by_pieces: bool) -> Spend:
    """Tiers of spend or pieces, of amounts off or rates."""
    asks = (
        [{"pieces": 2}, {"pieces": 3}] if by_pieces else [{"spend_fen": 990}, {"spend_fen": 2_100}]
    )
    gives = rng.choice(
        ([{"off_fen": 120}, {"off_fen": 700}], [{"pay_bp": 9_000}, {"pay_bp": 6_500}])
    )
    tiers = tuple(Tier(**ask, **give) for ask, give in zip(asks, gives, strict=True))
    return Spend(tiers=tiers[: rng.choice((1, 2))])


# The brute force.


@dataclass
class Tried:
    """Everything that can be bought: lowest figure by unit, and the fewest units below a price."""

    lowest_fen: dict[str, int] = field(default_factory=dict)
    by_units: dict[tuple[str, int], int] = field(default_factory=dict)
    applied: set[str] = field(default_factory=set)  # promotions that did anything, anywhere
    baskets: int = 0

    def fewest_below(self, floors_fen: dict[str, int]) -> int | None:
        """Units of the smallest basket with a line below its floor."""
        rows = [units for (sku, units), fen in self.by_units.items() if fen < floors_fen[sku]]
        return min(rows, default=None)


def try_everything(shop: SmallShop) -> Tried:
    """Price every basket, for every buyer, at every moment, with every choice and run-out."""
    tried = Tried()
    baskets = list(all_baskets(shop))
    for buyer, time_ms, choices, room in all_circumstances(shop.book):
        for basket in baskets:
            priced = price(shop.book, basket, buyer, choices, time_ms, room=room, trace=True)
            tried.baskets += 1
            tried.applied.update(row.promotion for row in priced.promotions)
            units = sum(line.quantity for line in basket.lines)
            for line, figure_fen in zip(priced.lines, naive_figures(shop, priced), strict=True):
                fen = figure_fen // line.quantity
                by_line, by_units = tried.lowest_fen, tried.by_units
                by_line[line.sku] = min(by_line.get(line.sku, fen), fen)
                key = (line.sku, units)
                by_units[key] = min(by_units.get(key, fen), fen)
    return tried


def all_baskets(shop: SmallShop) -> Iterator[Basket]:
    """Every basket within the shop's bound, with a fee and without where a fee may be waived."""
    frees = any(isinstance(p.effect, FreeShipping) for p in shop.book.promotions)
    fees_fen = (0, shop.fee_fen or 1) if frees else (0,)
    for counts in product(range(shop.units_max + 1), repeat=len(shop.book.skus)):
        lines = tuple(
            Line(sku.code, count)
            for sku, count in zip(shop.book.skus, counts, strict=True)
            if count
        )
        if lines:
            yield from (Basket(lines, fee_fen) for fee_fen in fees_fen)


Circumstance = tuple[Buyer, int, tuple[str, ...], dict[str, Room]]


def all_circumstances(book: PriceBook) -> Iterator[Circumstance]:
    """Every buyer, moment, choice and run-out; of those with the same promotions on, one."""
    seen = set()
    for hour, new, level in product(range(-1, 26), (False, True), ("", "gold")):
        buyer, time_ms = Buyer(new=new, level=level), START_MS + hour * HOUR_MS
        mask = book.active_mask(buyer, time_ms)
        if mask in seen:
            continue
        seen.add(mask)
        on = [p for k, p in enumerate(book.promotions) if mask >> k & 1]
        chosen = [p.code for p in on if p.is_chosen]
        short = [p.code for p in on if p.may_run_out and not p.is_chosen]
        for choices, gone in product(every_part(chosen), every_part(short)):
            yield buyer, time_ms, choices, {code: Room(uses=0) for code in gone}


def every_part(codes: Sequence[str]) -> list[tuple[str, ...]]:
    """Every selection of some codes."""
    return list(chain.from_iterable(combinations(codes, n) for n in range(len(codes) + 1)))


def naive_figures(shop: SmallShop, priced: Priced) -> list[int]:
    """What the shop has of each line: receivable, less gifts and its share of a waived fee."""
    figures = {line.sku: line.receivable_fen for line in priced.lines}
    for gift in priced.gifts:
        cost_fen = next(sku.cost_fen for sku in shop.book.skus if sku.code == gift.sku)
        figures[gift.parent_sku] -= gift.quantity * (cost_fen or 0)
    for step in priced.trace or ():
        promotion = next(p for p in shop.book.promotions if p.code == step.promotion)
        if (
            shop.fee_fen
            and step.outcome == "applied"
            and promotion.effect.__class__ is FreeShipping
        ):
            left_fen = step.given_fen - step.platform_fen
            weights = [line.before_fen for line in step.lines]
            whole = sum(weights)
            weights, whole = (weights, whole) if whole else ([1, *weights[1:]], 1)
            parts = [left_fen * weight // whole for weight in weights]
            order = sorted(range(len(parts)), key=lambda k: (-(left_fen * weights[k] % whole), k))
            for k in order[: left_fen - sum(parts)]:
                parts[k] += 1
            for line, part_fen in zip(step.lines, parts, strict=True):
                figures[line.sku] -= part_fen
    return [figures[line.sku] for line in priced.lines]
