"""The crowd of the night from one seed: who orders what, when, and how impatiently.

Always holds: at scale 1 the published figures are met exactly (buyers, orders of 50 boxes or
more, the largest order); the same seed and scale give the same crowd. Never here: a clock, or a
person; buyers and phones are numbers counted up from zero.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tidegate.demo import published

SCALE_MIN: Final = 0.001
SCALE_MAX: Final = 4.0
LIMIT_PER_ACCOUNT: Final = 2  # boxes of one product, in total
LIMIT_PER_PHONE: Final = 4  # the same product over all accounts with one phone number
TRIES_MAX: Final = 3

# Attempt kinds: the first sending, a second click, a network's repeat; the id stays the same.
FIRST_SENDING = 0
DOUBLE_CLICK = 1
NETWORK_RETRY = 2

ASSUMPTIONS: Final = (
    "stock 85,000 boxes over six products; an order for 41,000 was taken, so one had that many",
    "limit: 2 boxes of a product a buyer, 4 a phone number",
    "six of a hundred buyers order once more, one of a hundred twice more, with ids of their own",
    "4 % of orders are double-clicked within a second, 2 % repeated by the network within 15 s",
    "2 % of buyers share a phone number with one to seven other accounts",
    "the busiest second has 10 to 20 times the mean of 78 orders a second",
    "the largest order came when a sixth of the orders had been placed",
    "each product's wrong price is its list price divided by 26, as 260.00 became 10.00",
)


@dataclass(frozen=True, slots=True)
class Product:
    """One product: prices in fen a box, stock in boxes at scale 1, its share of the orders."""

    code: str
    list_price_fen: int
    stock_units: int
    share: float

    @property
    def wrong_price_fen(self) -> int:
        """What a box cost that night: list price / 26, rounded half up to a fen."""
        return (2 * self.list_price_fen + 26) // 52

    @property
    def cost_fen(self) -> int:
        """Purchase, packing and courier: taken as 45 % of the list price (an assumption)."""
        return self.list_price_fen * 45 // 100


PRODUCTS: Final = (
    Product("SPARKLING-24", published.LIST_PRICE_FEN, 45_000, 0.44),
    Product("SPARKLING-15", 9_370, 12_000, 0.20),
    Product("MILK-TEA-12", 15_600, 10_000, 0.14),
    Product("VITAMIN-15", 13_000, 8_000, 0.10),
    Product("OOLONG-24", 19_800, 6_000, 0.07),
    Product("GIFT-BOX", 22_800, 4_000, 0.05),
)

ORDER = np.dtype(
    [
        ("at_ms", "<i4"),  # since midnight
        ("buyer", "<i4"),
        ("phone", "<i4"),  # several buyers may share one
        ("quantity", "<i4"),
        ("second_quantity", "<i4"),  # 0 = a single line
        ("sku", "u1"),  # index into PRODUCTS
        ("second_sku", "u1"),
        ("tries", "u1"),  # how often this buyer tries again with a new id after a refusal
        ("again", "u1"),  # 0 = the buyer's first order, 1 and 2 = ordered once more unasked
    ]
)
ATTEMPT = np.dtype([("at_ms", "<i4"), ("order", "<i4"), ("kind", "u1")])

Orders = npt.NDArray[np.void]
Attempts = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]

# Word goes round in groups: (minute, share of the buyers, seconds in which it dies down).
BURSTS: Final = (
    (1.0, 0.02, 15.0),
    (4.0, 0.05, 12.0),
    (8.5, 0.08, 9.0),
    (12.0, 0.06, 14.0),
    (17.0, 0.05, 15.0),
    (22.0, 0.04, 20.0),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Orders in order of arrival, and the attempts (orders and their repeats) that carry them."""

    seed: int
    scale: float
    orders: Orders
    attempts: Attempts
    stock_units: tuple[int, ...]
    buyers: int

    def save(self, path: Path) -> None:
        """Write everything a load process or the judge needs into one .npz file."""
        np.savez(
            path,
            orders=self.orders,
            attempts=self.attempts,
            stock_units=np.array(self.stock_units, np.int64),
            about=np.array([self.seed, self.buyers], np.int64),
            scale=np.array([self.scale]),
        )


def load_crowd(path: Path) -> Crowd:
    """Read what `Crowd.save` wrote."""
    with np.load(path) as parts:
        seed, buyers = parts["about"].tolist()
        return Crowd(
            seed=seed,
            scale=float(parts["scale"][0]),
            orders=parts["orders"],
            attempts=parts["attempts"],
            stock_units=tuple(parts["stock_units"].tolist()),
            buyers=buyers,
        )


def make_crowd(seed: int, scale: float = 1.0) -> Crowd:
    """The night's crowd; every count shrinks with `scale`, at least one giant order remains.

    Raises ValueError outside SCALE_MIN..SCALE_MAX. Takes under two seconds at scale 1.
    """
    if not SCALE_MIN <= scale <= SCALE_MAX:
        raise ValueError(f"scale must lie between {SCALE_MIN} and {SCALE_MAX}, not {scale}")
    random = np.random.Generator(np.random.PCG64(seed))
    buyers = round(published.BUYERS * scale)
    orders = _who_and_when(random, buyers)
    _what(random, orders, scale)
    orders["phone"] = _phones(random, buyers)[orders["buyer"]]
    return Crowd(
        seed=seed,
        scale=scale,
        orders=orders,
        attempts=_attempts(random, orders),
        stock_units=tuple(max(1, round(p.stock_units * scale)) for p in PRODUCTS),
        buyers=buyers,
    )


def _arrivals_ms(random: np.random.Generator, buyers: int) -> Ints:
    """First arrivals: a broad hump over the half hour with a burst whenever word goes round."""
    counts = [round(buyers * share) for _, share, _ in BURSTS]
    parts = [random.beta(1.6, 2.0, buyers - sum(counts)) * published.NIGHT_MS]
    for (minute, _, fade_s), count in zip(BURSTS, counts, strict=True):
        parts.append(minute * 60_000 + random.exponential(fade_s * 1000, count))
    return np.concatenate(parts).astype(np.int64) % published.NIGHT_MS


def _who_and_when(random: np.random.Generator, buyers: int) -> Orders:
    """One order a buyer, and further ones of those who come back; in order of arrival."""
    first_ms = np.sort(_arrivals_ms(random, buyers))
    draw = random.random(buyers)
    once_more = np.flatnonzero(draw < 0.07)
    twice_more = np.flatnonzero(draw < 0.01)
    buyer = np.concatenate([np.arange(buyers), once_more, twice_more])
    left_ms = published.NIGHT_MS - first_ms[buyer]
    later_ms = (left_ms * random.random(len(buyer))).astype(np.int64)
    later_ms[:buyers] = 0
    orders = np.zeros(len(buyer), ORDER)
    orders["at_ms"] = first_ms[buyer] + later_ms
    orders["buyer"] = buyer
    orders["again"][buyers:] = 1
    orders["again"][buyers + len(once_more) :] = 2
    return orders[np.argsort(orders["at_ms"], kind="stable")]


def _what(random: np.random.Generator, orders: Orders, scale: float) -> None:
    """Products and sizes: the published number of large orders, one giant among them."""
    count = len(orders)
    sizes = np.arange(1, published.LARGE_ORDER_BOXES)
    weights = sizes**-2.4
    orders["quantity"] = random.choice(sizes, count, p=weights / weights.sum())
    large = random.choice(
        count, max(1, min(count, round(published.ORDERS_OF_50_OR_MORE * scale))), replace=False
    )
    giant_units = max(published.LARGE_ORDER_BOXES, round(published.LARGEST_ORDER_BOXES * scale))
    tail = published.LARGE_ORDER_BOXES * (1.0 - random.random(len(large))) ** (-1 / 1.3)
    second_largest = max(published.LARGE_ORDER_BOXES, giant_units // 8)
    orders["quantity"][large] = np.minimum(tail.astype(np.int64), second_largest)
    shares = [product.share for product in PRODUCTS]
    orders["sku"] = random.choice(len(PRODUCTS), count, p=shares)
    _split_in_two(random, orders)
    giant = large[np.argmin(np.abs(large - count // 6))]  # a sixth of the orders came before it
    orders["quantity"][giant] = giant_units
    orders["second_quantity"][giant] = 0
    orders["sku"][giant] = 0
    orders["tries"] = random.choice(TRIES_MAX + 1, count, p=[0.58, 0.28, 0.10, 0.04])


def _split_in_two(random: np.random.Generator, orders: Orders) -> None:
    """A fifth of the orders over one box have a second line; the order's size stays the same."""
    split = (orders["quantity"] >= 2) & (random.random(len(orders)) < 0.2)
    half = orders["quantity"] // 2
    orders["second_quantity"] = np.where(split, half, 0)
    orders["quantity"] -= orders["second_quantity"]
    step = random.integers(1, len(PRODUCTS), len(orders))
    orders["second_sku"] = (orders["sku"] + step) % len(PRODUCTS)


def _phones(random: np.random.Generator, buyers: int) -> Ints:
    """A phone number for each buyer: their own, or that of the first of a ring of accounts."""
    phone = np.arange(buyers)
    ringed = random.permutation(buyers)[: round(buyers * 0.02)]
    if len(ringed):
        sizes = random.integers(2, 9, len(ringed))
        ring = np.repeat(np.arange(len(sizes)), sizes)[: len(ringed)]
        first_of_ring = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        phone[ringed] = ringed[first_of_ring[ring]]
    return phone


def _attempts(random: np.random.Generator, orders: Orders) -> Attempts:
    """Every sending of every order in order of time: first, second click, network's repeat."""
    count = len(orders)
    draw = random.random(count)
    clicked = np.flatnonzero(draw < 0.04)
    retried = np.flatnonzero(draw >= 0.98)
    attempts = np.zeros(count + len(clicked) + len(retried), ATTEMPT)
    attempts["order"] = np.concatenate([np.arange(count), clicked, retried])
    attempts["kind"][count:] = DOUBLE_CLICK
    attempts["kind"][count + len(clicked) :] = NETWORK_RETRY
    attempts["at_ms"] = orders["at_ms"][attempts["order"]]
    attempts["at_ms"][count : count + len(clicked)] += random.integers(60, 950, len(clicked))
    attempts["at_ms"][count + len(clicked) :] += random.integers(2_000, 15_000, len(retried))
    return attempts[np.argsort(attempts["at_ms"], kind="stable")]


def order_units(orders: Orders) -> Ints:
    """Boxes an order, both lines together."""
    units: Ints = np.add(orders["quantity"], orders["second_quantity"], dtype=np.int64)
    return units


def units_by_sku(orders: Orders) -> Ints:
    """Boxes asked for of each product."""
    first = np.bincount(orders["sku"], orders["quantity"], len(PRODUCTS))
    second = np.bincount(orders["second_sku"], orders["second_quantity"], len(PRODUCTS))
    return (first + second).astype(np.int64)  # sums far below 2**53: exact


@dataclass(frozen=True, slots=True)
class CrowdFigures:
    """What one counts in a crowd before anyone decides anything."""

    buyers: int
    orders: int
    attempts: int
    double_clicks: int
    network_retries: int
    units: int
    large_orders: int
    largest_units: int
    mean_per_s: float
    peak_per_s: int
    value_list_fen: int
    value_paid_fen: int


def figures(crowd: Crowd) -> CrowdFigures:
    """Count the crowd: sizes, arrivals a second, value at list price and at the wrong price."""
    orders, attempts = crowd.orders, crowd.attempts
    units = order_units(orders)
    per_s = np.bincount(attempts["at_ms"] // 1000)
    priced = list(zip(PRODUCTS, units_by_sku(orders).tolist(), strict=True))
    return CrowdFigures(
        buyers=crowd.buyers,
        orders=len(orders),
        attempts=len(attempts),
        double_clicks=int((attempts["kind"] == DOUBLE_CLICK).sum()),
        network_retries=int((attempts["kind"] == NETWORK_RETRY).sum()),
        units=int(units.sum()),
        large_orders=int((units >= published.LARGE_ORDER_BOXES).sum()),
        largest_units=int(units.max()),
        mean_per_s=round(crowd.buyers / (published.NIGHT_MS / 1000), 1),
        peak_per_s=int(per_s.max()),
        value_list_fen=sum(p.list_price_fen * n for p, n in priced),
        value_paid_fen=sum(p.wrong_price_fen * n for p, n in priced),
    )
