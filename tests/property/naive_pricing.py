"""The semantics of docs/reference/pricing.md once more, unit by unit, with fractions.

Always slow and plain: every unit is an object, every promotion a branch. It shares with the real
thing only the promotions and the page; never code.
"""

from collections.abc import Callable
from fractions import Fraction
from math import floor
from typing import Any

from tidegate.pricing.promotion import Basket, Promotion, Sku

Take = Callable[[list[dict[str, Any]]], None]
LEVELS = ["item", "shop", "platform", "payment"]
SUM_KINDS = {"spend", "every", "free_shipping"}


def kind(row: Promotion) -> str:
    """The kind's name as files spell it."""
    return str(row.effect.__struct_config__.tag)


def half_up(amount: Fraction) -> int:
    """R1."""
    return floor(amount + Fraction(1, 2))


def at_rate(amount: int, pay_bp: int) -> int:
    """A price at a rate."""
    return half_up(Fraction(amount * pay_bp, 10_000))


def is_units(row: Promotion) -> bool:
    """Whether it belongs to the unit phase."""
    if row.level != "item" or kind(row) in SUM_KINDS:
        return False
    return kind(row) != "gift" or row.effect.pieces is not None  # type: ignore[union-attr]


class Shop:
    """One basket under way."""

    def __init__(self, skus: tuple[Sku, ...], basket: Basket) -> None:
        self.list = {sku.code: sku.list_price_fen for sku in skus}
        self.units: list[dict[str, Any]] = []
        for line in basket.lines:
            for _ in range(line.quantity):
                unit = {"sku": line.sku, "price": self.list[line.sku], "taken": False}
                self.units.append(unit)
        self.codes = sorted({line.sku for line in basket.lines})
        self.touched: dict[str, list[Promotion]] = {code: [] for code in self.codes}
        self.amount: dict[str, int] = {}
        self.level: dict[str, int] = {}
        self.shipping = basket.shipping_fen
        self.gifts: list[tuple[str, int]] = []

    def cheapest(self, codes: list[str], *, free: bool) -> list[dict[str, Any]]:
        """The units of some SKUs, cheapest first."""
        found = [u for u in self.units if u["sku"] in codes and not (free and u["taken"])]
        return sorted(found, key=lambda u: (u["price"], u["sku"], not u["taken"]))

    def count(self, code: str) -> int:
        """Units of a SKU."""
        return sum(u["sku"] == code for u in self.units)

    def rate(self, unit: dict[str, Any], row: Promotion, pay_bp: int) -> None:
        """A unit at a rate, on the promotion's basis."""
        if row.measured_on == "running":
            price = at_rate(unit["price"], pay_bp)
        else:
            price = unit["price"] - (
                self.list[unit["sku"]] - at_rate(self.list[unit["sku"]], pay_bp)
            )
        unit["price"] = min(unit["price"], max(0, price))


def conflict(one: Promotion, other: Promotion) -> bool:
    """Whether two promotions may not touch the same line."""
    if one.exclusive_group and one.exclusive_group == other.exclusive_group:
        return True
    return any(
        a.combines_with is not None and b.code not in a.combines_with
        for a, b in ((one, other), (other, one))
    )


def reach(row: Promotion) -> set[str]:
    """The SKUs that a promotion looks at."""
    if kind(row) == "bundle_price":
        return set(row.effect.parts)  # type: ignore[union-attr]
    codes = set(row.scope.skus)
    return codes | set(row.effect.prices_fen) if kind(row) == "add_on" else codes  # type: ignore[union-attr]


def naive_price(
    rows: list[Promotion], skus: tuple[Sku, ...], basket: Basket, chosen: set[str]
) -> tuple[dict[str, int], int, list[tuple[str, int]]]:
    """What each SKU costs, the shipping, and the gifts."""
    shop = Shop(skus, basket)
    on = [row for row in rows if not row.opt_in or row.code in chosen]
    on.sort(key=lambda r: (LEVELS.index(r.level), not is_units(r), r.priority, r.code))
    for row in (row for row in on if is_units(row)):
        base = open_lines(shop, row)
        if base:
            before = {id(u): u["price"] for u in shop.units}
            hit = run_unit_rule(shop, row, base)
            cheaper = any(u["price"] < before[id(u)] for u in shop.units)
            if not cheaper and kind(row) != "gift":
                for unit in hit["taken"]:
                    unit["taken"] = False  # it had no effect, so it took nothing
                continue
            for code in hit["touched"]:
                shop.touched[code].append(row)
    for code in shop.codes:
        shop.amount[code] = sum(u["price"] for u in shop.units if u["sku"] == code)
    shop.level = {code: shop.list[code] * shop.count(code) for code in shop.codes}
    level = "item"
    for row in (row for row in on if not is_units(row)):
        if row.level != level:
            level, shop.level = row.level, dict(shop.amount)
        base = open_lines(shop, row)
        if base:
            run_sum_rule(shop, row, base)
    return shop.amount, shop.shipping, shop.gifts


def open_lines(shop: Shop, row: Promotion) -> list[str]:
    """The lines that a promotion may touch."""
    return [
        code
        for code in shop.codes
        if code in reach(row) and not any(conflict(row, other) for other in shop.touched[code])
    ]


def run_unit_rule(shop: Shop, row: Promotion, base: list[str]) -> dict[str, Any]:
    """One promotion of the unit phase; what it touched and which units it took."""
    effect: Any = row.effect
    name = kind(row)
    hit: dict[str, Any] = {"touched": set(), "taken": []}

    def take(units: list[dict[str, Any]]) -> None:
        for unit in units:
            unit["taken"] = True
            hit["taken"].append(unit)
            hit["touched"].add(unit["sku"])

    if name in {"percent_off", "amount_off", "fixed_price"}:
        units = shop.cheapest(base, free=False)[: row.limits.order_units]
        for unit in units:
            if name == "percent_off":
                shop.rate(unit, row, effect.pay_bp)
            elif name == "amount_off":
                unit["price"] = max(0, unit["price"] - effect.off_fen)
            else:
                unit["price"] = min(unit["price"], effect.price_fen)
            hit["touched"].add(unit["sku"])
    elif name == "n_pieces":
        for codes in [base] if effect.mixed else [[code] for code in base]:
            units = shop.cheapest(codes, free=False)[::-1]
            reached = [tier for tier in effect.tiers if len(units) >= tier.pieces]
            for number, unit in enumerate(units, 1):
                tiers = reached
                if effect.applies_to == "units_in_band":
                    tiers = [tier for tier in reached if number >= tier.pieces]
                if tiers:
                    shop.rate(unit, row, tiers[-1].pay_bp)
                    hit["touched"].add(unit["sku"])
    elif name in {"nth_piece", "cheapest_free"}:
        size = effect.nth if name == "nth_piece" else effect.pieces
        free = 1 if name == "nth_piece" else effect.free
        left = effect.times_max or 10**9
        for codes in [base] if effect.mixed else [[code] for code in base]:
            units = shop.cheapest(codes, free=True)
            groups = min(len(units) // size, left)
            left -= groups
            paying = groups * (size - free)
            lowered, payers = units[: groups * free], units[len(units) - paying :]
            for unit in lowered:
                if name == "nth_piece":
                    shop.rate(unit, row, effect.pay_bp)
                else:
                    unit["price"] = 0
            take(lowered + payers)
    else:
        run_condition_rule(shop, row, base, take)
    if name == "add_on" and hit["touched"]:
        hit["touched"] = set(base)
    return hit


def run_condition_rule(shop: Shop, row: Promotion, base: list[str], take: Take) -> None:
    """Bundles, add-ons and gifts for pieces."""
    effect: Any = row.effect
    if kind(row) == "bundle_price":
        free = {code: shop.cheapest([code], free=True)[::-1] for code in base}
        if set(base) != set(effect.parts):
            return
        bundles = min(len(free[code]) // count for code, count in effect.parts.items())
        parts = sorted(effect.parts.items())
        worth = [shop.list[code] * count for code, count in parts]
        for (code, count), part in zip(
            parts, largest_remainder(effect.price_fen, worth), strict=True
        ):
            prices = [
                part // count + (k < part % count) for k in range(count) for _ in range(bundles)
            ]
            units = free[code][: len(prices)]
            for unit, price in zip(units, prices, strict=True):
                unit["price"] = min(unit["price"], price)
            take(units)
        return
    if kind(row) == "gift":
        units = shop.cheapest(base, free=True)[::-1]
        times = len(units) // effect.pieces
        times = times if effect.repeat else min(times, 1)
        if times:
            take(units[: times * effect.pieces])
            shop.gifts.append((row.code, times * effect.quantity))
        return
    asking = [code for code in base if code not in effect.prices_fen]
    wanted = shop.cheapest([code for code in base if code in effect.prices_fen], free=True)
    payers = shop.cheapest(asking, free=True)[::-1]
    if effect.pieces is not None:
        times = len(payers) // effect.pieces
    else:
        spent = sum(
            u["price"] if row.measured_on == "running" else shop.list[u["sku"]]
            for u in shop.units
            if u["sku"] in asking
        )
        times = spent // effect.spend_fen
    times = times if effect.repeat else min(times, 1)
    units = wanted[: times * effect.units_each] if asking else []
    for unit in units:
        unit["price"] = min(unit["price"], effect.prices_fen[unit["sku"]])
    take(units)
    if effect.pieces is not None:
        used = -(-len(units) // effect.units_each)
        take(payers[: used * effect.pieces])


def largest_remainder(total: int, weights: list[int]) -> list[int]:
    """R3."""
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [floor(share) for share in exact]
    order = sorted(range(len(weights)), key=lambda k: (-(exact[k] - parts[k]), k))
    for k in order[: total - sum(parts)]:
        parts[k] += 1
    return parts


def run_sum_rule(shop: Shop, row: Promotion, base: list[str]) -> None:
    """One promotion that takes money off a sum."""
    effect: Any = row.effect
    name = kind(row)
    running = sum(shop.amount[code] for code in base)
    bases = {
        "running": running,
        "level_start": sum(shop.level[code] for code in base),
        "list": sum(shop.list[code] * shop.count(code) for code in base),
    }
    measured = bases[row.measured_on]
    off = 0
    if name == "percent_off":
        off = measured - at_rate(measured, effect.pay_bp)
    elif name == "amount_off":
        off = effect.off_fen
    elif name == "spend":
        off = max([tier.off_fen for tier in effect.tiers if measured >= tier.spend_fen], default=0)
    elif name == "every":
        times = measured // effect.spend_fen
        off = effect.off_fen * (min(times, effect.times_max) if effect.times_max else times)
    elif name == "gift":
        times = measured // effect.spend_fen
        times = times if effect.repeat else min(times, 1)
        if times:
            shop.gifts.append((row.code, times * effect.quantity))
            for code in base:
                shop.touched[code].append(row)
        return
    elif measured >= effect.spend_fen and shop.shipping:
        shop.shipping = 0
        for code in base:
            shop.touched[code].append(row)
        return
    off = min(off, running)
    if off:
        parts = largest_remainder(off, [shop.amount[code] for code in base])
        for code, part in zip(base, parts, strict=True):
            shop.amount[code] -= part
            shop.touched[code].append(row)
